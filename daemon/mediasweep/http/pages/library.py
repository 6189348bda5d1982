"""/library: what there is, in pictures; and one asset, with what uses it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from fastapi import HTTPException, Query, Request, Response
from pydantic import Field

from mediasweep.http.models import QueryModel, Text
from mediasweep.http.pages.frame import Frame
from mediasweep.http.pages.words import called
from mediasweep.http.selection import PLANNED_MOST, ResourceType
from mediasweep.operations import media, plan
from mediasweep.rules.page_request import PageRequest, SortBy
from mediasweep.rules.selection import Selection
from mediasweep.rules.thumbnail import thumbnail

PATH = "/library"
PER_PAGE = 60
ADDRESSES = ("https://", "http://")


class Sort(StrEnum):
    """The orders that people ask for."""

    NEWEST = "newest"
    OLDEST = "oldest"
    CHANGED = "changed"
    LARGEST = "largest"
    SMALLEST = "smallest"
    NAME = "name"


SORTS = {
    Sort.NEWEST: (SortBy.CREATED_AT, True),
    Sort.OLDEST: (SortBy.CREATED_AT, False),
    Sort.CHANGED: (SortBy.UPDATED_AT, True),
    Sort.LARGEST: (SortBy.FILE_SIZE, True),
    Sort.SMALLEST: (SortBy.FILE_SIZE, False),
    Sort.NAME: (SortBy.PUBLIC_ID, False),
}


class LibraryQuery(QueryModel):
    """Which page."""

    search: Text = ""
    folder: Text = ""
    type: ResourceType | None = None
    tags: Text = ""
    sort: Sort = Sort.NEWEST
    page: int = Field(default=1, ge=1, le=1_000_000)

    def page_request(self) -> PageRequest:
        """Return it as the operation takes it."""
        sort_by, descending = SORTS[self.sort]
        return PageRequest(
            page=self.page,
            limit=PER_PAGE,
            folder=self.folder.strip("/") or None,
            resource_type=self.type,
            search=self.search or None,
            tags=tuple(tag.strip() for tag in self.tags.split(",") if tag.strip()),
            sort_by=sort_by,
            descending=descending,
        )


@dataclass(frozen=True, slots=True)
class Card:
    """An asset as it is shown; `picture` and `address` only where these may be loaded."""

    id: str
    public_id: str
    name: str
    kind: str
    bytes: int
    picture: str | None = None
    address: str | None = None
    width: int | None = None
    height: int | None = None
    folder: str | None = None
    sync: str | None = None


def card(row: Mapping[str, Any], delivery: str) -> Card:
    """Return a row of the library as it is shown."""
    public_id, url = row["cloudinary_public_id"], row["secure_url"]
    kind, form = row["resource_type"], row["format"]
    return Card(
        id=row["id"],
        public_id=public_id,
        name=called(public_id, row["display_name"], row["original_filename"]),
        kind=kind,
        bytes=row["file_size"],
        picture=thumbnail(url, kind, row["delivery_type"], form, delivery),
        address=url if url.startswith(ADDRESSES) else None,
        width=row["width"],
        height=row["height"],
        folder=row["folder"],
        sync=row["sync_status"],
    )


def add_library(frame: Frame) -> None:
    """Add the pages."""
    backend = frame.backend

    @frame.router.get(PATH)
    async def library(request: Request, asked: Annotated[LibraryQuery, Query()]) -> Response:
        """Show a page of the library."""
        found = await media.page(backend.pool, asked.page_request(), backend.library.get())
        here = {**asked.model_dump(exclude={"page"}), "sort": asked.sort.value}
        return frame.show(
            request,
            "library.html",
            asked=asked,
            filtered=any((asked.search, asked.folder, asked.type, asked.tags)),
            query=here,
            sorts=list(Sort),
            types=list(ResourceType),
            per_page=PER_PAGE,
            most=PLANNED_MOST,
            total=None if found.figures is None else found.total,
            cards=[card(row, backend.delivery) for row in found.items],
        )

    @frame.router.get(f"{PATH}/{{id_}}")
    async def asset(request: Request, id_: UUID) -> Response:
        """Show one asset, and what uses it."""
        row = await media.row(backend.pool, id_)
        if row is None:
            raise HTTPException(404, "no row of the library has this id")
        found = await plan.plan(backend.pool, Selection(ids=[id_]))
        return frame.show(
            request,
            "asset.html",
            row=row,
            card=card(row, backend.delivery),
            item=found.items[0] if found.items else None,
            guard=found.guard,
        )
