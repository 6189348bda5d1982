"""The models of all requests and answers, and the text that a request may bring."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

SAID_OF_ALL = {"title", "description", "default"}  # in a schema, of whatever it may be


def _storable(text: str) -> str:
    if "\0" in text or text.encode("utf-8", "ignore").decode() != text:
        raise ValueError("contains characters that PostgreSQL cannot store")
    return text


# as it may reach the database
Text = Annotated[str, StringConstraints(max_length=1000), AfterValidator(_storable)]


class RequestModel(BaseModel):
    """A request: what it does not know, it refuses, or a typing error would do nothing."""

    model_config = ConfigDict(extra="forbid")


def _or_empty(schema: dict[str, Any]) -> None:
    meant = {key: schema.pop(key) for key in list(schema) if key not in SAID_OF_ALL}
    schema["anyOf"] = [*meant.get("anyOf", [meant]), {"const": ""}]


class QueryModel(RequestModel):
    """What an address asks: one that is empty counts as left out, as forms send what nobody filled
    in.
    """

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:  # noqa: ANN401  as pydantic has it
        for field in cls.model_fields.values():
            field.json_schema_extra = _or_empty

    @model_validator(mode="before")
    @classmethod
    def _empty_is_left_out(cls, given: dict[str, Any]) -> dict[str, Any]:
        full = {
            name: [one for one in value if one != ""] if isinstance(value, list) else value
            for name, value in given.items()
        }
        return {name: value for name, value in full.items() if value not in ("", [])}


class ResponseModel(BaseModel):
    """An answer as the origin's were: whether it went well, and when."""

    model_config = ConfigDict(ser_json_timedelta="float")  # seconds

    success: bool = True
    timestamp: datetime = Field(default_factory=lambda: datetime.now(UTC))
