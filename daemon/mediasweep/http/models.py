"""The models of all requests and answers, and the text that a request may bring."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints


def _storable(text: str) -> str:
    if "\0" in text or text.encode("utf-8", "ignore").decode() != text:
        raise ValueError("contains characters that PostgreSQL cannot store")
    return text


# as it may reach the database
Text = Annotated[str, StringConstraints(max_length=1000), AfterValidator(_storable)]


class RequestModel(BaseModel):
    """A request: what it does not know, it refuses, or a typing error would do nothing."""

    model_config = ConfigDict(extra="forbid")


class ResponseModel(BaseModel):
    """An answer as the origin's were: whether it went well, and when."""

    model_config = ConfigDict(ser_json_timedelta="float")  # seconds

    success: bool = True
    timestamp: datetime = Field(default_factory=lambda: datetime.now(UTC))
