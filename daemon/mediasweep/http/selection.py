"""How a request names assets of the library: rows by their ids, or public ids, of one type."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from fastapi import HTTPException
from pydantic import ConfigDict, Field, StrictBool

from mediasweep.http.models import QueryModel, RequestModel, Text
from mediasweep.rules.selection import Selection

MOST = 500  # assets of one request
PLANNED_MOST = 100  # so that their names fit into an address
PublicId = Annotated[Text, Field(max_length=255)]  # as long as Cloudinary has them
NOTHING = "name assets: give public_ids or ids"
BOTH = "name assets by public_ids or by ids, not by both"
TWICE = "name assets in the query or in the body, not in both"


class ResourceType(StrEnum):
    """As Cloudinary calls them."""

    IMAGE = "image"
    VIDEO = "video"
    RAW = "raw"


class AssetType(RequestModel):
    """Which one is meant where several assets have a public id."""

    resource_type: ResourceType | None = None
    delivery_type: Text | None = Field(default=None, examples=["upload"])

    def selection(self, public_ids: list[str], ids: list[UUID]) -> Selection:
        """Return what is meant; 400 unless it is named, and in one way."""
        if bool(public_ids) == bool(ids):
            raise HTTPException(400, BOTH if ids else NOTHING)
        if ids and (self.resource_type or self.delivery_type):
            raise HTTPException(400, "ids say which asset is meant: leave its type out")
        return Selection(
            tuple(dict.fromkeys(ids)),
            tuple(dict.fromkeys(public_ids)),
            self.resource_type,
            self.delivery_type or None,
        )


class PlanQuery(QueryModel, AssetType):
    """Public ids or ids of rows, the parameter repeated."""

    public_ids: list[PublicId] = Field(default=[], max_length=PLANNED_MOST, examples=[["covers/1"]])
    ids: list[UUID] = Field(default=[], max_length=PLANNED_MOST, description="Of rows.")

    def meant(self) -> Selection:
        """Return it as the operation takes it."""
        return self.selection(self.public_ids, self.ids)


class SelectionRequest(AssetType):
    """Assets that something is to be done to, in a body."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"public_ids": ["covers/1"]}]})

    public_ids: list[Text] = Field(default=[], max_length=MOST)
    ids: list[UUID] = Field(default=[], max_length=MOST, description="Of rows.")

    def meant(self) -> Selection:
        """Return it as the operation takes it."""
        return self.selection(self.public_ids, self.ids)


class DeleteRequest(SelectionRequest):
    """What is to be deleted."""

    verify: StrictBool = False


class DeleteQuery(QueryModel, AssetType):
    """What is to be deleted, separated by commas, unless the body says it."""

    public_ids: Text | None = Field(default=None, examples=["covers/1,covers/2"])
    verify: bool = Field(default=False, description="Ask Cloudinary a second time.")

    def meant(self, body: DeleteRequest | None) -> Selection:
        """Return it as the operation takes it; 400 if both name something."""
        if body is None:
            named = [one.strip() for one in (self.public_ids or "").split(",")]
            return self.selection([one for one in named if one], [])
        if self.public_ids or self.resource_type or self.delivery_type:
            raise HTTPException(400, TWICE)
        return body.meant()
