"""GET and DELETE /api/cloudinary/media: the library, page by page, and deleting from it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from mediasweep.http.examples import like
from mediasweep.http.models import QueryModel, ResponseModel, Text
from mediasweep.http.selection import DeleteQuery, DeleteRequest, ResourceType
from mediasweep.operations import media
from mediasweep.operations.backend import Backend
from mediasweep.rules.job import UNFINISHED, Status
from mediasweep.rules.page_request import PageRequest, SortBy
from mediasweep.rules.selection import Selection

PATH = "/cloudinary/media"
WITHIN_S = 15.0


class Order(StrEnum):
    """Which end comes first."""

    ASC = "asc"
    DESC = "desc"


class MediaQuery(QueryModel):
    """Which page; rows with all of what is said, `tags` separated by commas."""

    page: int = Field(default=1, ge=1, le=1_000_000)
    limit: int = Field(default=50, ge=1, le=200)
    folder: Text | None = Field(default=None, description="With what is below it.")
    resource_type: ResourceType | None = None
    search: Text | None = Field(default=None, description="Part of a name or text; * and ? too.")
    tags: Text | None = Field(default=None, examples=["summer,2026"])
    sort_by: SortBy = SortBy.CREATED_AT
    sort_order: Order = Order.DESC

    def page_request(self) -> PageRequest:
        """Return it as the operation takes it."""
        tags = tuple(tag.strip() for tag in (self.tags or "").split(",") if tag.strip())
        return PageRequest(
            page=self.page,
            limit=self.limit,
            folder=(self.folder or "").strip("/") or None,
            resource_type=self.resource_type,
            search=self.search,
            tags=tags,
            sort_by=self.sort_by,
            descending=self.sort_order is Order.DESC,
        )


class Pagination(BaseModel):
    """Where this page is."""

    page: int
    limit: int
    total: int
    pages: int
    has_next: bool
    has_prev: bool


class MediaStats(BaseModel):
    """The whole library; `total_size` in bytes."""

    total_images: int = 0
    total_videos: int = 0
    total_files: int = 0
    total_size: int = 0


class LibrarySyncStatus(BaseModel):
    """Rows by how they stand to Cloudinary."""

    synced: int = 0
    pending: int = 0
    error: int = 0
    last_synced_at: datetime | None = None


class DatabaseSetup(BaseModel):
    """Whether there is a library, and if not, what makes one."""

    ready: bool
    says: str | None


class MediaPage(ResponseModel):
    """A page of the library."""

    items: list[dict[str, Any]]
    pagination: Pagination
    stats: MediaStats
    sync_status: LibrarySyncStatus
    database_setup: DatabaseSetup


class Queued(BaseModel):
    """An asset whose row is deleted, and that is still to go."""

    public_id: str
    queue_id: UUID


class NotDeleted(BaseModel):
    """An asset that stays: `database_success` false means that no row has this name or id."""

    public_id: str
    error: str
    cloudinary_success: bool = False
    database_success: bool
    cloudinary_error: str | None


class MediaDeleted(ResponseModel):
    """What became of each within fifteen seconds; `verified`: asked again, and not there."""

    message: str
    deleted: list[str]
    queued: list[Queued]
    failed: list[NotDeleted]
    verified: list[str] | None


def add_media(router: APIRouter, backend: Backend) -> None:
    """Add the routes."""

    @router.get(PATH, tags=["media"], responses=like("media_list"))
    async def media_list(asked: Annotated[MediaQuery, Query()]) -> MediaPage:
        """List the library."""
        found = await media.page(backend.pool, asked.page_request(), backend.library.get())
        pages = -(-found.total // asked.limit)
        pagination = Pagination(
            page=asked.page,
            limit=asked.limit,
            total=found.total,
            pages=pages,
            has_next=asked.page < pages,
            has_prev=asked.page > 1,
        )
        ready = found.figures is not None
        figures = dict(found.figures or {})
        return MediaPage(
            items=[dict(item) for item in found.items],
            pagination=pagination,
            stats=MediaStats(**figures),
            sync_status=LibrarySyncStatus(**figures),
            database_setup=DatabaseSetup(ready=ready, says=None if ready else media.NO_LIBRARY),
        )

    @router.delete(PATH, tags=["media"], responses=like("media_delete"))
    async def media_delete(
        request: Request,
        asked: Annotated[DeleteQuery, Query()],
        body: DeleteRequest | None = None,
    ) -> MediaDeleted:
        """Delete assets and their rows; what is in use elsewhere stays, and says by what."""
        chosen = asked.meant(body)
        verify = asked.verify or (body is not None and body.verify)
        done = await media.delete(
            backend.pool, chosen, who=request.state.visitor.who, verify=verify, within_s=WITHIN_S
        )
        return _told(chosen, done, verify=verify)


def _told(chosen: Selection, done: list[media.MediaDeletion], *, verify: bool) -> MediaDeleted:
    deleted: list[str] = []
    queued: list[Queued] = []
    failed = [_no_row(name) for name in chosen.missing([asdict(one) for one in done])]
    for one in done:
        if one.row is None:
            failed.append(_stays(one.public_id, "its row is deleted; nothing lets its asset go"))
        elif one.row["status"] == Status.COMPLETED:
            deleted.append(one.public_id)
        elif one.row["status"] in UNFINISHED:
            queued.append(Queued(public_id=one.public_id, queue_id=one.row["id"]))
        else:
            failed.append(_stays(one.public_id, one.row["error"] or one.row["status"]))
    said = ((deleted, "deleted"), (queued, "queued"), (failed, "failed"))
    return MediaDeleted(
        success=not failed,
        message=", ".join(f"{len(some)} {what}" for some, what in said if some),
        deleted=deleted,
        queued=queued,
        failed=failed,
        verified=[one.public_id for one in done if one.verified] if verify else None,
    )


def _no_row(id_: str) -> NotDeleted:
    said = "no live row of the library is called this, or it has come to name another asset"
    return NotDeleted(public_id=id_, error=said, database_success=False, cloudinary_error=None)


def _stays(id_: str, said: str) -> NotDeleted:
    return NotDeleted(public_id=id_, error=said, database_success=True, cloudinary_error=said)
