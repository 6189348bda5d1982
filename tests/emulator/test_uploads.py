"""What an upload by the real SDK stores, answers and delivers."""

from __future__ import annotations

import base64
import hashlib
import io
import struct
import urllib.error
import urllib.request
from typing import Any

import cloudinary.exceptions
import cloudinary.uploader
import pytest

from mediasweep.emulator.client import Cloud

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + struct.pack(">II", 640, 480)
GIF = b"GIF89a" + struct.pack("<HH", 30, 20)
JPEG = (
    b"\xff\xd8\xff\xe0\x00\x04\x00\x00\xff\xc0\x00\x0b\x08" + struct.pack(">HH", 7, 9) + b"\0" * 4
)
MP4 = b"\x00\x00\x00\x18ftypisom"


def upload(cloud: Cloud, data: object, **options: object) -> dict[str, Any]:
    """Upload by the SDK; `filename` names the file."""
    given = {**cloud.options(), "timeout": 10, **options}
    answer: dict[str, Any] = cloudinary.uploader.upload(data, **given)
    return answer


def fetch(url: str, method: str = "GET") -> tuple[int, str | None, bytes]:
    """Return status, content type and body of a delivery URL."""
    request = urllib.request.Request(url, method=method)  # noqa: S310  the emulator's own
    try:
        with urllib.request.urlopen(request, timeout=10) as got:  # noqa: S310  see above
            return got.status, got.headers["Content-Type"], got.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, None, b""


@pytest.mark.parametrize(
    ("data", "form", "size"),
    [(PNG, "png", (640, 480)), (GIF, "gif", (30, 20)), (JPEG, "jpg", (9, 7))],
)
def test_an_image_is_described(cloud: Cloud, data: bytes, form: str, size: tuple[int, int]) -> None:
    """An uploaded image is answered with the documented keys, format and size read from it."""
    told = upload(cloud, data, public_id="a/b", tags=["x", "y"], filename="c.bin")
    assert (told["format"], told["width"], told["height"]) == (form, *size)
    signed = f"public_id=a/b&version={told['version']}{cloud.secret}"
    assert told["signature"] == hashlib.sha1(signed.encode()).hexdigest()  # noqa: S324  Cloudinary's
    assert told["etag"] == hashlib.md5(data).hexdigest()  # noqa: S324  Cloudinary's
    assert len(told["asset_id"]) == 32
    assert (told["bytes"], told["type"], told["resource_type"]) == (len(data), "upload", "image")
    assert (told["tags"], told["original_filename"]) == (["x", "y"], "c")
    assert (told["asset_folder"], told["display_name"]) == ("a", "b")
    assert (told["placeholder"], told["api_key"]) == (False, cloud.key)
    assert told["request_id"] == cloud.calls("upload")[0]["request_id"]
    assert {"created_at", "version_id", "url"} <= set(told)


def test_a_video_and_a_raw_file_keep_their_types(cloud: Cloud) -> None:
    """Video and raw uploads are stored under their own types, raw without a format."""
    video = upload(cloud, MP4, public_id="v", resource_type="video")
    raw = upload(cloud, b"text", public_id="notes.txt", resource_type="raw")
    assert (video["format"], "format" in raw) == ("mp4", False)
    assert cloud.assets() == {("video", "upload", "v"), ("raw", "upload", "notes.txt")}


@pytest.mark.parametrize(("data", "kind"), [(PNG, "image"), (MP4, "video"), (b"text", "raw")])
def test_auto_finds_the_type(cloud: Cloud, data: bytes, kind: str) -> None:
    """With resource type auto the file itself says what it is."""
    assert upload(cloud, data, resource_type="auto")["resource_type"] == kind


def test_a_generated_raw_id_has_the_extension(cloud: Cloud) -> None:
    """A public id that is made up carries the extension for raw files and for no others."""
    raw = upload(cloud, io.BytesIO(b"a"), resource_type="raw", filename="list.csv")
    assert raw["public_id"].endswith(".csv")
    assert "." not in upload(cloud, PNG)["public_id"]


def test_a_data_uri_is_stored(cloud: Cloud) -> None:
    """A file may come as a data URI, larger than an ordinary form field and broken into lines."""
    data = PNG + b"\0" * 2_000_000
    uri = "data:image/png;base64," + base64.encodebytes(data).decode()
    assert upload(cloud, uri)["bytes"] == len(data)


def test_an_upload_says_where_it_goes(cloud: Cloud) -> None:
    """Folder, file name, display name and context are taken from the request."""
    told = upload(
        cloud, PNG, folder="f", use_filename=True, unique_filename=False, filename="d/my hat!.png",
        display_name="Mine", context={"alt": "a hat"},
    )  # fmt: skip
    assert (told["public_id"], told["original_filename"]) == ("f/my hat", "my hat!")
    assert (told["asset_folder"], told["display_name"]) == ("f", "Mine")
    assert told["context"] == {"custom": {"alt": "a hat"}}


@pytest.mark.parametrize(
    ("given", "stored"), [("é/ñ_1.x-y", "é/ñ_1.x-y"), ("a@b*c", "a_b_c"), ("!a!", "a")]
)
def test_a_public_id_is_normalised(cloud: Cloud, given: str, stored: str) -> None:
    """Letters of any language stay, other characters become underscores or vanish at the ends."""
    told = upload(cloud, PNG, public_id=given)
    assert told["public_id"] == stored
    assert fetch(told["secure_url"])[0] == 200


@pytest.mark.parametrize("given", ["a?b", "a&b", "a%b", "/a", "a/", " a", "v1/a", "a" * 256])
def test_a_public_id_that_is_not_allowed_is_refused(cloud: Cloud, given: str) -> None:
    """A forbidden public id is a bad request, and nothing is stored."""
    with pytest.raises(cloudinary.exceptions.BadRequest, match="public_id"):
        upload(cloud, PNG, public_id=given)
    assert cloud.assets() == set()


@pytest.mark.parametrize("keeps", [True, False])
def test_overwriting_keeps_the_asset_id_or_not(cloud: Cloud, *, keeps: bool) -> None:
    """Whether a new upload to an old public id keeps the asset id is a switch."""
    cloud.switch(overwrite_keeps_asset_id=keeps)
    first, second = upload(cloud, PNG, public_id="a"), upload(cloud, GIF, public_id="a")
    assert (first["asset_id"] == second["asset_id"]) is keeps
    assert fetch(second["url"]) == (200, "image/gif", GIF)


def test_without_overwrite_the_old_one_stays(cloud: Cloud) -> None:
    """An upload that may not overwrite is answered with what is there already."""
    upload(cloud, PNG, public_id="a")
    told = upload(cloud, GIF, public_id="a", overwrite=False)
    assert (told["existing"], told["format"]) == (True, "png")
    assert [call["acted"] for call in cloud.calls("upload")] == [True, False]


def test_an_asset_is_delivered_until_it_is_deleted(cloud: Cloud) -> None:
    """The answered URL delivers the bytes, with or without version, extension and transformation,
    then 404.
    """
    url = upload(cloud, PNG, public_id="a/b")["secure_url"]
    assert fetch(url) == (200, "image/png", PNG)
    assert fetch(url.replace("/upload/", "/upload/c_limit,w_9/a_90/"))[0] == 200
    assert fetch(url, "HEAD") == (200, "image/png", b"")
    assert fetch(f"{cloud.api}/{cloud.name}/image/upload/a/b")[0] == 200
    cloudinary.uploader.destroy("a/b", **cloud.options())
    assert fetch(url)[0] == 404


def test_a_file_is_needed(cloud: Cloud) -> None:
    """An upload without bytes, or of a URL, which the emulator cannot fetch, is a bad request."""
    for data in (b"", "https://example.com/a.png"):
        with pytest.raises(cloudinary.exceptions.BadRequest):
            upload(cloud, data)
