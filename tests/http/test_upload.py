"""The upload over HTTP: a form as browsers send it becomes an asset and a row, or is refused."""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx

from mediasweep.demo.files import png
from mediasweep.emulator.client import Cloud
from mediasweep.postgres.pool import Connection as Db
from mediasweep.rules.upload import PART
from tests.http.visits import visit
from tests.upload.uploads import queued

UPLOAD = "/api/cloudinary/upload"
ROWS = "SELECT * FROM public.media_assets ORDER BY cloudinary_public_id"
DATA = {
    *("asset_id", "public_id", "version", "resource_type", "type", "format", "width", "height"),
    *("bytes", "created_at", "tags", "url", "secure_url", "folder", "original_filename"),
}
FILE = ("Größe 1.png", png(8, 6, 1), "image/png")


async def send(
    client: httpx.AsyncClient, file: tuple[str, bytes, str] = FILE, /, **fields: str
) -> httpx.Response:
    """Send a form, its fields behind the file, as the origin's pages do."""
    parts: list[Any] = [("file", file), *((name, (None, said)) for name, said in fields.items())]
    return await client.post(UPLOAD, files=parts)


async def test_a_form_becomes_an_asset_and_its_row(database: str, db: Db, cloud: Cloud) -> None:
    """The answer has the origin's keys, and the row what the form said of it."""
    owner = str(uuid4())
    async with visit(database, cloud) as client:
        told = await send(
            client,
            folder="pets",
            public_id="cat",
            tags='["red", "blue"]',
            description="A cat, asleep",
            alt_text="A cat",
            document_type="",
            personnel_id="7",
            uploaded_by=owner,
        )
        assert told.status_code == 200, told.text
        said = told.json()
        assert set(said) == {"success", "timestamp", "data", "database_sync", "warnings"}
        assert set(said["data"]) == DATA
        assert set(said["database_sync"]) == {"success", "error", "immediate_sync", "message", "id"}
        row = await db.fetchrow(ROWS)
        assert row is not None
        assert (said["database_sync"]["id"], said["data"]["public_id"]) == (
            str(row["id"]),
            "pets/cat",
        )
        assert (row["cloudinary_public_id"], row["original_filename"]) == ("pets/cat", FILE[0])
        assert (row["tags"], row["alt_text"]) == (["blue", "red"], "A cat")
        assert row["description"] == "A cat, asleep"
        assert (row["used_in_personnel"], str(row["uploaded_by"])) == (7, owner)
        taken = await send(client, folder="pets", public_id="cat", resource_type="image")
        assert taken.status_code == 409
        again = await send(
            client, folder="pets", public_id="cat", resource_type="image", overwrite="true"
        )
        assert again.status_code == 409  # until a daemon has seen to the row of the first one
    assert len(await db.fetch(ROWS)) == 1


async def test_a_large_file_goes_on_while_it_comes_in(database: str, db: Db, cloud: Cloud) -> None:
    """It goes in parts, its fields before it; behind it they would come too late."""
    data = b"x" * (PART + 2**20)
    file = ("a.bin", data, "application/octet-stream")
    async with visit(database, cloud) as client:
        told = await client.post(UPLOAD, files=[("resource_type", (None, "raw")), ("file", file)])
        assert told.json()["data"]["bytes"] == len(data)
        late = await send(client, file, resource_type="raw")
        assert (late.status_code, "last" in late.json()["detail"]) == (400, True)
    assert len(await db.fetch(ROWS)) == 1
    assert len(await to_thread(cloud.assets)) == 1


async def test_what_is_no_upload_is_refused_and_leaves_nothing(
    database: str, db: Db, cloud: Cloud
) -> None:
    """Each fault of a form has its answer, and nothing is queued or stored for it."""

    async def half() -> AsyncIterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nx'

    async with visit(database, cloud, upload_most=1) as client:
        for fields, status in (
            ({"folders": "x"}, 400),
            ({"public_id": "what?"}, 400),
            ({"overwrite": "true"}, 400),
            ({"tags": "[1"}, 400),
            ({"tags": "[" * 9_000}, 400),
            ({"folder": "a\0"}, 400),
            ({"personnel_id": "9223372036854775808"}, 400),
            ({"folder": "x" * 20_000}, 400),
        ):
            told = await send(client, FILE, **fields)
            assert told.status_code == status, (fields, told.text)
            assert told.headers["content-type"] == "application/problem+json"
        long = await send(client, ("a", b"x" * (10**6 + 1), "image/png"))
        assert long.status_code == 413
        longer = await send(client, ("a", b"x" * (2 * 10**6), "image/png"))
        assert longer.status_code == 413
        kind = {"Content-Type": "multipart/form-data; boundary=b"}
        for content, headers in (
            (b"{}", {"Content-Type": "application/json"}),
            (b"--b--", kind),
            (b"none", kind),
            (half(), kind),
            (b"", {"Content-Type": f"multipart/form-data; boundary={'b' * 300}"}),
        ):
            assert (await client.post(UPLOAD, content=content, headers=headers)).status_code == 400
        assert (await send(client, ("a.png", b"", "image/png"))).status_code == 400
        for second in (FILE, (None, "text")):
            twice = await client.post(UPLOAD, files=[("file", FILE), ("file", second)])
            assert twice.status_code == 400
    assert await db.fetch(ROWS) == []
    assert [row for row in await queued(db) if row["status"] != "skipped"] == []
    assert await to_thread(cloud.assets) == set()


async def test_where_cloudinary_is_away_it_says_so(database: str, cloud: Cloud) -> None:
    """Nobody answers: 503, and whether anything may have been stored."""
    async with visit(database) as client:
        told = await send(client)
        assert told.status_code == 503
        assert "nothing was stored" in told.json()["detail"]
    async with visit(database, cloud) as client:
        await to_thread(cloud.faults, {"action": "upload", "effect": "status", "status": 400})
        assert (await send(client)).status_code == 400
