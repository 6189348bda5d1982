"""Upload: a file becomes an asset and a row, or leaves neither behind."""

from __future__ import annotations

import hashlib
import json
from asyncio import to_thread
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.request import urlopen
from uuid import uuid4

import pytest

from mediasweep.cloudinary import Account
from mediasweep.demo.files import png
from mediasweep.emulator.client import Cloud
from mediasweep.operations import upload as operation
from mediasweep.operations.refusal import RefusedError
from mediasweep.operations.upload import UploadError
from mediasweep.postgres.inbox import Inbox, Received
from mediasweep.postgres.pool import Connection as Db
from mediasweep.postgres.upload import Uploads
from mediasweep.rules.notification import Notification
from mediasweep.rules.upload import PART, UploadNameError, UploadOptions
from tests.daemons import INSERT_ASSETS, environment, finished, running
from tests.forks import Process
from tests.upload import victim
from tests.upload.uploads import opened, queued, send

HOUR = timedelta(hours=1)
ROWS = "SELECT * FROM public.media_assets WHERE deleted_at IS NULL ORDER BY cloudinary_public_id"
OVER = """
UPDATE mediasweep.cloudinary_cleanup_queue SET due_at = now() WHERE due_at > now();
SELECT mediasweep.wake()
"""
ELSEWHERE = """
INSERT INTO mediasweep.installation (cloud_name, system_identifier, database, place, timeline)
VALUES ('elsewhere', '1', 'd', 'p', 1)
"""
LISTED = "SELECT count(*) FROM public.media_assets WHERE deleted_at IS NULL"


@pytest.fixture
def account(cloud: Cloud) -> Account:
    """Give an account of the emulator."""
    return opened(cloud)


async def test_a_file_becomes_an_asset_and_its_row(db: Db, account: Account) -> None:
    """The row has what the upload answered, and what the application said of it."""
    owner = {"uploaded_by": str(uuid4()), "used_in_personnel": 7}
    wanted = UploadOptions(
        "Cat.png", folder="pets", tags=("red", "blue"), context={"alt": "A cat"}, owner=owner
    )
    done = await send(db, account, png(8, 6, 1), wanted)
    row = await db.fetchrow(ROWS)
    assert row is not None
    assert (row["id"], row["cloudinary_public_id"]) == (done.row, done.public_id)
    assert done.public_id.startswith("pets/")
    assert (row["original_filename"], row["folder"], row["format"]) == ("Cat.png", "pets", "png")
    assert (row["width"], row["height"], row["tags"]) == (8, 6, ["blue", "red"])
    assert (row["alt_text"], row["cloudinary_asset_id"]) == ("A cat", done.asset_id)
    assert (str(row["uploaded_by"]), row["used_in_personnel"]) == tuple(owner.values())
    [left] = await queued(db)
    assert (left["public_id"], left["asset_id"]) == (done.public_id, done.asset_id)
    assert (left["status"], left["due_in"] <= timedelta(0)) == ("pending", True)


async def test_a_large_file_goes_in_parts(db: Db, cloud: Cloud, account: Account) -> None:
    """The parts make up the file."""
    data = bytes(range(256)) * (PART // 256) * 2 + b"end"
    done = await send(db, account, data, UploadOptions("a.bin", resource_type="raw"))
    assert len(await to_thread(cloud.calls, "upload")) == 3

    def stored() -> bytes:
        with urlopen(done.response["secure_url"], timeout=30) as answer:  # noqa: S310  our own
            return bytes(answer.read())

    assert hashlib.sha256(await to_thread(stored)).digest() == hashlib.sha256(data).digest()


async def test_a_part_that_was_not_taken_is_sent_again(
    db: Db, cloud: Cloud, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off after it was sent, and throttled: the file is whole all the same."""
    monkeypatch.setattr(operation, "PAUSES_S", (0, 0))
    await to_thread(
        cloud.faults,
        {"action": "upload", "effect": "reset", "act": True, "times": 1},
        {"action": "upload", "effect": "status", "status": 429, "times": 1},
    )
    data = bytes(PART + 1)
    done = await send(db, account, data, UploadOptions("a.bin", resource_type="raw"))
    assert done.response["bytes"] == len(data)
    assert len(await to_thread(cloud.calls, "upload")) == 4


async def test_only_an_asset_of_the_library_is_overwritten(
    db: Db, cloud: Cloud, account: Account
) -> None:
    """Its row says what the new file is; what no row keeps is left as it is."""
    await to_thread(cloud.fill, "x", 2)
    await db.execute(INSERT_ASSETS, "x", 1)
    row = await db.fetchval("SELECT id FROM public.media_assets")
    wanted = UploadOptions("Cat.png", name="x0", resource_type="image", overwrite=True)
    done = await send(db, account, png(8, 6, 1), wanted)
    now = await db.fetchrow(ROWS)
    assert now is not None
    assert (now["id"], now["width"], now["cloudinary_asset_id"]) == (row, 8, done.asset_id)
    with pytest.raises(RefusedError, match="in no row"):
        await send(db, account, png(8, 6, 1), replace(wanted, name="x1"))
    for vague in (replace(wanted, name=None), replace(wanted, resource_type=None)):
        with pytest.raises(UploadNameError, match="give its name"):
            await send(db, account, b"two", vague)
    assert {row["public_id"] for row in await queued(db)} == {"x0"}


async def test_a_name_that_is_not_free_is_refused_and_nothing_is_queued(
    db: Db, cloud: Cloud, account: Account
) -> None:
    """What the library has, what is there without it, what is in the queue, and odd names."""
    await send(db, account, b"one", UploadOptions("a", name="listed"))
    await to_thread(cloud.fill, "stray", 1, "video")
    await db.execute(
        "INSERT INTO mediasweep.cloudinary_cleanup_queue (cloudinary_public_id) VALUES ('going')"
    )
    before = await queued(db)
    for name, why in (
        ("stray0", "in no row"),
        ("going", "in the queue"),
        ("listed", "has listed already"),
    ):
        with pytest.raises(RefusedError, match=why):
            await send(db, account, b"two", UploadOptions("a", name=name))
    for name in ("a b", "a+b", "/a", "a/", "v1/a", "ä" * 256, "", "a//b"):
        with pytest.raises(UploadNameError):
            await send(db, account, b"two", UploadOptions("a", name=name))
    with pytest.raises(UploadNameError, match="the folder 'new comer' would not"):
        await send(db, account, b"two", UploadOptions("a", folder="/new comer/"))
    assert [row["id"] for row in await queued(db)] == [row["id"] for row in before]
    for fault in ({"effect": "status", "status": 404}, {"effect": "empty"}):
        await to_thread(cloud.faults, {"action": "resources", **fault})
        with pytest.raises(UploadError, match="could not be asked"):
            await send(db, account, b"two", UploadOptions("a", name="unknown"))


async def test_an_asset_that_came_meanwhile_is_neither_changed_nor_queued(
    db: Db, cloud: Cloud, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It took the name after we had looked: the upload is refused, and it is never deleted."""
    begin = Uploads.begin

    async def slow(*args: object) -> object:
        await to_thread(cloud.fill, "taken", 1)
        return await begin(*args)  # type: ignore[arg-type]  # handed through

    monkeypatch.setattr(Uploads, "begin", slow)
    with pytest.raises(RefusedError, match="left as it is"):
        await send(db, account, b"mine", UploadOptions("a", name="taken0", resource_type="image"))
    assert [row["status"] for row in await queued(db)] == ["skipped"]
    assert await to_thread(cloud.assets) == {("image", "upload", "taken0")}


async def test_without_a_library_it_is_refused_with_what_to_do(db: Db, account: Account) -> None:
    """Nothing is queued or sent."""
    await db.execute("SELECT mediasweep.detach('public.media_assets')")
    with pytest.raises(RefusedError, match="migrate --with-library"):
        await send(db, account, b"one", UploadOptions("a"))
    assert await queued(db) == []


async def test_nothing_is_uploaded_to_another_cloud(db: Db, account: Account) -> None:
    """The daemons would delete what has its name in theirs."""
    await db.execute(ELSEWHERE)
    with pytest.raises(RefusedError, match="belongs to the cloud elsewhere"):
        await send(db, account, b"one", UploadOptions("a"))
    assert await queued(db) == []


async def test_what_certainly_was_not_stored_is_not_queued_any_longer(
    db: Db, cloud: Cloud, account: Account
) -> None:
    """After a refusal the row is skipped; after an answer that says nothing it stays."""
    await to_thread(cloud.faults, {"action": "upload", "effect": "status", "status": 400})
    with pytest.raises(UploadError, match="nothing was stored"):
        await send(db, account, b"one", UploadOptions("a", name="a"))
    await to_thread(cloud.faults, {"action": "upload", "effect": "status", "status": 500})
    with pytest.raises(UploadError, match="deleted in an hour"):
        await send(db, account, b"one", UploadOptions("a", name="a"))
    with pytest.raises(UploadError, match="nothing was stored"):
        await send(db, account, b"", UploadOptions("a", name="b"))
    rows = [(row["public_id"], row["status"]) for row in await queued(db)]
    assert rows == [("a", "skipped"), ("a", "pending"), ("b", "skipped")]
    with pytest.raises(RefusedError, match="broken off and is cleaned up at"):
        await send(db, account, b"one", UploadOptions("a", name="a"))


@pytest.mark.parametrize("first", [True, False])
async def test_the_notification_of_an_upload_makes_no_second_row(
    db: Db, account: Account, monkeypatch: pytest.MonkeyPatch, *, first: bool
) -> None:
    """Whether it is applied before the upload is listed or after, there is one row."""
    list_ = operation._list  # noqa: SLF001  between the answer and the row

    async def told(response: object) -> None:
        body = json.dumps({"notification_type": "upload", **dict(response)}).encode()  # type: ignore[call-overload]  # a mapping
        one = Received(hashlib.sha256(body).digest(), datetime.now(UTC), body)
        await Inbox(db).receive(one, "upload", timedelta(0))
        changes = Notification.read(body).changes(one.signed_at)
        assert await Inbox(db).apply(one.digest, changes) == "applied"

    async def late(*args: object) -> object:
        await told(args[2])
        return await list_(*args)  # type: ignore[arg-type]  # handed through

    if first:
        monkeypatch.setattr(operation, "_list", late)
    done = await send(
        db, account, png(4, 4, 1), UploadOptions("Cat.png", owner={"used_in_personnel": 3})
    )
    if not first:
        await told({**done.response, "original_filename": "Cat"})
    [row] = await db.fetch("SELECT * FROM public.media_assets")
    assert (row["id"], row["used_in_personnel"]) == (done.row, 3)


async def test_an_upload_that_outlasts_its_hour_is_deleted_and_told(
    database: str, db: Db, cloud: Cloud, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its row was claimed meanwhile: what was stored goes, and no row of the library is made."""
    store = account.store

    async def slow(*args: object) -> object:
        await db.execute(OVER)
        assert await finished(db) == {"completed": 1}  # what is not there yet is absent
        return await store(*args)  # type: ignore[arg-type]  # handed through

    monkeypatch.setattr(account, "store", slow)
    async with running(environment(database, cloud.url)):
        with pytest.raises(UploadError, match="longer than it was held"):
            await send(db, account, b"one", UploadOptions("a", name="a"))
        assert await finished(db) == {"completed": 2}
    assert await to_thread(cloud.assets) == set()
    assert await db.fetchval(LISTED) == 0
    monkeypatch.setattr(operation, "HELD_S", -1)  # as if it had been stopped after that
    monkeypatch.setattr(account, "store", store)
    with pytest.raises(UploadError, match="stopped for too long"):
        await send(db, account, b"one", UploadOptions("a", name="b"))


async def test_a_kill_at_any_step_leaves_nothing_behind(
    database: str, db: Db, cloud: Cloud
) -> None:
    """SIGKILL around each call: when the hour is over, there are an asset and a row, or neither."""
    refused = {"action": "upload", "status": 400, "public_id": "killed/drop*"}
    await to_thread(cloud.faults, refused)  # what certainly was not stored is dropped
    program = ("-m", "tests.upload.victim", database, cloud.url, *victim.POINTS)
    process = await Process.start(environment(database, cloud.url), program)
    assert await process.wait() == 0
    names = {victim.name(point) for point in victim.POINTS}
    stored = {victim.name(f"{at}") for at in ("store:after:2", "finish:before:1", "finish:after:1")}
    assert {name for _, _, name in await to_thread(cloud.assets)} == stored
    left = {row["public_id"]: row["due_in"] for row in await queued(db)}
    listed = victim.name("finish:after:1")
    assert set(left) == names - {victim.name("begin:before:1")}
    assert all(timedelta(minutes=50) < left[n] <= HOUR for n in set(left) - {listed})
    await db.execute(OVER)
    async with running(environment(database, cloud.url)):
        assert await finished(db) == {"skipped": 2, "completed": len(left) - 2}  # and the dropped
    assert await to_thread(cloud.assets) == {("raw", "upload", listed)}
    assert [row["cloudinary_public_id"] for row in await db.fetch(ROWS)] == [listed]
