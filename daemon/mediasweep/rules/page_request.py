"""Which page of the library is meant, and in which order."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class SortBy(StrEnum):
    """The columns that the library can be sorted by."""

    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"
    FILE_SIZE = "file_size"
    DISPLAY_NAME = "display_name"
    ORIGINAL_FILENAME = "original_filename"
    PUBLIC_ID = "cloudinary_public_id"


@dataclass(frozen=True, slots=True)
class PageRequest:
    """A page, from 1 on, of `limit` rows; rows with all of what is said.

    `folder` is meant with what is below it, `tags` all together; `search` is a part of a name, a
    description or a text, in which `*` and `?` stand for others.
    """

    page: int
    limit: int
    folder: str | None
    resource_type: str | None
    search: str | None
    tags: tuple[str, ...]
    sort_by: SortBy
    descending: bool
