"""Uploading real files with the real SDK, and the rows that belong to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from mediasweep.demo.comparison import MISSING
from mediasweep.demo.files import avi, csv, landscape, png
from mediasweep.demo.scenes import BULK, SPARE
from mediasweep.sdk import cloudinary, get_http_connector

THREADS = 8
GALLERY = (  # nothing happens to these; they are to be looked at
    *("harbour", "lighthouse", "vineyard", "meadow", "glacier", "dunes", "canyon", "orchard"),
    *("heath", "fjord", "lagoon", "plateau", "valley", "ridge", "cliffs", "moor", "delta", "pass"),
)
File = tuple[str, str, bytes]
MIME_TYPES = {"image": "image/png", "video": "video/x-msvideo", "raw": "text/csv"}


def files() -> Iterator[File]:
    """Yield public id, file name and content of everything that the scenes need."""
    yield "demo/film", "film.avi", avi(64, 48, 20)
    yield "demo/table.csv", "table.csv", csv(1000)
    names = ["picture", "soft", "undeleted", "before", "after", "shared"]
    names += [f"yours/{n}" for n in range(1, SPARE + 1)] + [f"gallery/{n}" for n in GALLERY]
    for n, name in enumerate(names):
        yield f"demo/{name}", f"{name.rpartition('/')[2]}.png", landscape(480, 320, n)
    for n in range(BULK):
        yield f"demo/bulk/{n}", "picture.png", png(32, 24, n % 256)
    yield "demo/gallery/wind", "wind.avi", avi(96, 64, 10)
    yield "demo/gallery/prices.csv", "prices.csv", csv(200)
    yield MISSING, "missing.png", png(32, 24, 128)


def upload(options: Mapping[str, str]) -> list[dict[str, Any]]:
    """Upload everything; returns Cloudinary's answers."""
    pool = {**cloudinary.CERT_KWARGS, "maxsize": THREADS}
    cloudinary.uploader._http = get_http_connector(cloudinary.config(), pool)  # noqa: SLF001  no public way

    def one(file: File) -> dict[str, Any]:
        public_id, filename, data = file
        answer: dict[str, Any] = cloudinary.uploader.upload(
            data,
            public_id=public_id,
            filename=filename,
            resource_type="auto",
            backup=True,  # so that it can be restored
            timeout=30,
            **options,
        )
        return answer

    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(one, files()))


def row(answer: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the row of `media_assets` for an uploaded file, in the order of `insert_row`."""
    return (
        answer["public_id"],
        answer["version"],
        answer["asset_id"],
        answer["original_filename"],
        answer["bytes"],
        MIME_TYPES[answer["resource_type"]],
        answer["resource_type"],
        answer["secure_url"],
        answer.get("format"),
        answer.get("width"),
        answer.get("height"),
        answer["public_id"].rpartition("/")[0],
        [answer["resource_type"], "demo"],
    )
