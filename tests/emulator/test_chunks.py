"""Uploads in chunks, by the real SDK and by hand: which are taken, and when there is a file."""

from __future__ import annotations

import hashlib
import io
import struct
from typing import Any

import cloudinary.uploader
import pytest
from cloudinary.exceptions import BadRequest

from mediasweep.emulator.client import Cloud

BMP = b"BM" + b"\0" * 16 + struct.pack("<ii", 1400, 1400)


@pytest.fixture
def small(cloud: Cloud) -> Cloud:
    """Give a cloud that takes chunks of ten bytes."""
    cloud.switch(chunk_smallest=10)
    return cloud


def part(cloud: Cloud, data: bytes, where: str, upload_id: str = "one") -> dict[str, Any]:
    """Send one chunk and return the answer."""
    answer: dict[str, Any] = cloudinary.uploader.upload_large_part(
        ("file.bin", data),
        http_headers={"Content-Range": f"bytes {where}", "X-Unique-Upload-Id": upload_id},
        public_id="a",
        **cloud.options(),
    )
    return answer


def test_the_sdk_uploads_in_chunks(cloud: Cloud) -> None:
    """A file of more than 5 MB comes in two chunks; the last is answered with the asset."""
    data = BMP + b"\xff" * 5_880_000
    given = {**cloud.options(), "chunk_size": 5_243_000, "tags": ["x"]}
    told = cloudinary.uploader.upload_large(io.BytesIO(data), filename="big.bmp", **given)
    assert (told["resource_type"], told["bytes"], told["tags"]) == ("raw", len(data), ["x"])
    assert told["original_filename"] == "big"
    told = cloudinary.uploader.upload_large(
        io.BytesIO(data), resource_type="image", filename="big", use_filename=True,
        unique_filename=False, **given,
    )  # fmt: skip
    assert (told["width"], told["height"], told["public_id"]) == (1400, 1400, "big")
    calls = [(call["result"], call["acted"]) for call in cloud.calls("upload")]
    assert calls == [("chunk", False), ("ok", True)] * 2
    assert cloud.state()["uploading"] == 0


def test_a_chunk_is_answered_with_what_has_come(small: Cloud) -> None:
    """Before the last one an answer says that it is not done, and how many bytes there are."""
    told = part(small, b"0" * 10, "0-9/25")
    assert told.items() >= {
        "done": False, "bytes": 10, "kind": "upload", "resource_type": "raw", "public_id": "a",
    }.items()  # fmt: skip
    assert (part(small, b"1" * 10, "10-19/25")["bytes"], small.assets()) == (20, set())
    assert part(small, b"2" * 5, "20-24/25")["bytes"] == 25


def test_chunks_come_in_any_order_but_the_last(small: Cloud) -> None:
    """The middle may come first and again; the last one before others is refused, and can retry."""
    part(small, b"x" * 10, "10-19/25")
    part(small, b"1" * 10, "10-19/25")
    with pytest.raises(BadRequest, match="after all others"):
        part(small, b"2" * 5, "20-24/25")
    part(small, b"0" * 10, "0-9/25")
    whole = b"0" * 10 + b"1" * 10 + b"2" * 5
    told = part(small, b"2" * 5, "20-24/25")
    assert told["etag"] == hashlib.md5(whole).hexdigest()  # noqa: S324  Cloudinary's


def test_the_first_may_have_to_be_first(small: Cloud) -> None:
    """Switched so, no chunk is taken before the one at the beginning."""
    small.switch(chunks_first_first=True)
    with pytest.raises(BadRequest, match="uploaded first"):
        part(small, b"1" * 10, "10-19/20")


@pytest.mark.parametrize(
    ("size", "where", "why"),
    [
        (9, "0-8/20", "larger than 10 bytes"),
        (10, "0-8/20", "does not fit"),
        (10, "10-19/15", "Invalid Content-Range"),
        (10, "9-0/15", "Invalid Content-Range"),
        (10, "all", "Invalid Content-Range"),
    ],
)
def test_a_chunk_that_does_not_fit_is_refused(
    small: Cloud, size: int, where: str, why: str
) -> None:
    """A chunk that is too small, of another size than announced, or nowhere is a bad request."""
    with pytest.raises(BadRequest, match=why):
        part(small, b"0" * size, where)
    assert small.state()["uploading"] == 0


def test_uploads_are_told_apart_and_die(small: Cloud) -> None:
    """Chunks belong to their upload id; an upload that nobody goes on with leaves nothing."""
    part(small, b"0" * 10, "0-9/15", "one")
    with pytest.raises(BadRequest, match="after all others"):
        part(small, b"1" * 5, "10-14/15", "two")
    with pytest.raises(BadRequest, match="X-Unique-Upload-Id"):
        part(small, b"1" * 5, "10-14/15", "")
    assert small.state()["uploading"] == 1
    small.switch(chunk_life_s=0)
    with pytest.raises(BadRequest, match="after all others"):
        part(small, b"1" * 5, "10-14/15", "one")
    assert (small.state()["uploading"], small.assets()) == (0, set())


def test_an_unknown_length_is_told_at_the_end(small: Cloud) -> None:
    """A total of -1 says that more follows, until a chunk tells the length."""
    part(small, b"0" * 10, "0-9/-1")
    assert part(small, b"1" * 5, "10-14/15")["bytes"] == 15
