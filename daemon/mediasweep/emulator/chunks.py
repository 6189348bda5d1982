"""Uploads in chunks: kept until the last one has come, then one file.

Facts: Cloudinary documentation, "Chunked asset upload", and its guidelines for own implementations:
all chunks but the last have a smallest size, and the last one comes last. What does not fit raises
ValueError with the message that the API answers, and changes nothing.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field

RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|-1)")
UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class Span:
    """Which bytes of the file a chunk is: from `first` to before `end`, of `total` or UNKNOWN."""

    first: int
    end: int
    total: int

    @property
    def is_last(self) -> bool:
        """Tell whether the file ends with it."""
        return self.end == self.total


@dataclass(slots=True)
class Upload:
    """An unfinished upload: its chunks by where they begin."""

    parts: dict[int, bytes] = field(default_factory=dict)
    touched_s: float = 0.0

    @property
    def size(self) -> int:
        """Return how many bytes have come."""
        return sum(len(part) for part in self.parts.values())


@dataclass(slots=True)
class Chunks:
    """The unfinished uploads of a cloud, by their ids."""

    uploads: dict[str, Upload] = field(default_factory=dict)

    def take(
        self, upload_id: str, span: Span, data: bytes, smallest: int, *, first_first: bool
    ) -> bytes | None:
        """Keep a chunk; returns the whole file if it was the last one, else None.

        A chunk that comes again replaces what came before.
        """
        if len(data) != span.end - span.first:
            raise ValueError("Content-Range does not fit the size of the chunk")
        if not span.is_last and len(data) < smallest:
            raise ValueError(f"All parts except EOF-chunk must be larger than {smallest} bytes")
        upload = self.uploads.get(upload_id, Upload())
        if first_first and span.first and 0 not in upload.parts:
            raise ValueError("The first chunk has to be uploaded first")
        parts = {**upload.parts, span.first: data}
        if not span.is_last:
            self.uploads[upload_id] = Upload(parts, time.monotonic())
            return None
        whole = b"".join(parts[first] for first in sorted(parts))
        ends = [0, *(first + len(parts[first]) for first in sorted(parts))]
        if sorted(parts) != ends[:-1] or len(whole) != span.total:
            raise ValueError("The last chunk has to come after all others")
        self.uploads.pop(upload_id, None)
        return whole

    def size(self, upload_id: str) -> int:
        """Return how many bytes of an unfinished upload have come."""
        return self.uploads[upload_id].size if upload_id in self.uploads else 0

    def expire(self, life_s: int) -> None:
        """Forget the uploads that nobody went on with for so long."""
        since = time.monotonic() - life_s
        self.uploads = {k: u for k, u in self.uploads.items() if u.touched_s > since}


def span(content_range: str) -> Span:
    """Return what a Content-Range header says."""
    found = RANGE.fullmatch(content_range)
    if not found:
        raise ValueError(f"Invalid Content-Range header - {content_range}")
    first, last, total = (int(number) for number in found.groups())
    if last < first or (total != UNKNOWN and last >= total):
        raise ValueError(f"Invalid Content-Range header - {content_range}")
    return Span(first, last + 1, total)
