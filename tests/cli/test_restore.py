"""`mediasweep restore`: what it asks, sends, says and exits with."""

from __future__ import annotations

import csv
import json
from asyncio import to_thread
from collections.abc import Sequence
from pathlib import Path

import pytest

from mediasweep.cli.consent import LOOK, NOBODY
from mediasweep.emulator.client import Cloud
from mediasweep.postgres.pool import Connection as Db
from tests.commands import mediasweep
from tests.daemons import environment
from tests.restores import (
    destroy,
    destroyed,
    events,
    journalled,
    names,
    restore,
    upload,
)


@pytest.fixture
def env(database: str, cloud: Cloud) -> dict[str, str]:
    """Give the environment of a command."""
    return environment(database, cloud.url)


async def test_a_dry_run_shows_exactly_what_would_be_restored_and_sends_nothing(
    db: Db, cloud: Cloud, env: dict[str, str]
) -> None:
    """Rows, number and bytes are those of the run that follows; before it nothing is asked."""
    await destroyed(db, cloud, "a/", 3)
    await destroyed(db, cloud, "b/", 2)
    before = await to_thread(cloud.state)
    shown = await restore(env, "--prefix", "a/", "--dry-run", "--json")
    told = json.loads(shown.out)
    assert (shown.code, told["assets"], told["bytes"]) == (0, 3, 15)
    assert sorted(row["public_id"] for row in told["rows"]) == ["a/0", "a/1", "a/2"]
    table = await restore(env, "--prefix", "a/", "--dry-run")
    heads, *rows = table.out.splitlines()
    assert ("  size  " in heads, [" 5 B " in row for row in rows]) == (True, [True] * 3)
    assert "would restore 3 assets (15 B); nothing was sent" in table.err
    assert await to_thread(cloud.state) == before
    assert await events(db) == {}
    done = await restore(env, "--prefix", "a/", "--yes", "--json")
    restored = json.loads(done.out)["restored"]
    assert [row["queue_id"] for row in restored] == [row["queue_id"] for row in told["rows"]]
    assert await names(cloud) == {"a/0", "a/1", "a/2"}


async def test_what_has_no_backup_is_listed_as_support_asks_for_it(
    db: Db, cloud: Cloud, env: dict[str, str], tmp_path: Path
) -> None:
    """Those without a backup are named with the reason, written to the file, and exit 1."""
    await destroyed(db, cloud, "kept", 3)
    await destroyed(db, cloud, "lost", 2, backup=False)
    await destroyed(db, cloud, "mediasweep-selftest/", 1)  # what the self-test makes is not asked
    file = tmp_path / "lost.csv"
    done = await restore(env, "--since", "10m", "--yes", "--csv", str(file))
    assert done.code == 1
    assert "restored 3 of 5" in done.err
    assert done.out.count("Cloudinary has no backup of it") == 2
    assert done.out.count("is back") == 3
    with file.open(encoding="utf-8", newline="") as opened:
        rows = sorted(csv.reader(opened))
    assert rows == [
        ["lost0", "jpg", "image", "upload"],
        ["lost1", "jpg", "image", "upload"],
        ["public_id", "format", "resource_type", "type"],
    ]
    assert await events(db) == {"restored": 3, "restore_failed": 2}
    asked = await restore(env, "--prefix", "mediasweep-selftest/", "--dry-run")
    assert "would restore 1 asset (5 B)" in asked.err
    failed = await db.fetchrow(
        "SELECT detail, response, request_id FROM mediasweep.journal WHERE public_id = 'lost0'"
        " AND event = 'restore_failed'"
    )
    (call,) = await to_thread(cloud.calls, "restore")
    assert failed is not None
    assert failed["detail"] == "Cloudinary has no backup of it"
    assert json.loads(failed["response"]) == {"error": "no_backup"}
    assert failed["request_id"] == call["request_id"]


async def test_a_restored_asset_is_journalled_with_who_and_what(
    db: Db, cloud: Cloud, env: dict[str, str]
) -> None:
    """The journal names the person, the answer and the format; the queue row stays completed."""
    await destroyed(db, cloud, "a", 1)
    (id_,) = [r["id"] for r in await db.fetch("SELECT id FROM mediasweep.cloudinary_cleanup_queue")]
    assert (await restore(env, str(id_), "--yes")).code == 0
    row = await db.fetchrow("SELECT * FROM mediasweep.journal WHERE event = 'restored'")
    assert row is not None
    assert (row["queue_id"], row["public_id"], row["status"]) == (id_, "a0", "completed")
    assert (row["format"], row["bytes"], row["app"]) == ("png", 5, "mediasweep cli")
    assert "@" in row["actor"]
    assert json.loads(row["response"])["asset_id"] == row["asset_id"]
    status = await db.fetchval("SELECT status FROM mediasweep.cloudinary_cleanup_queue")
    assert status == "completed"


async def test_a_second_run_restores_nothing_until_something_is_deleted_again(
    db: Db, cloud: Cloud, env: dict[str, str]
) -> None:
    """What is back is left alone; what was deleted after that is restored again."""
    await destroyed(db, cloud, "a", 2)
    assert "restored 2 of 2" in (await restore(env, "--since", "1h", "--yes")).err
    again = await restore(env, "--since", "1h", "--yes")
    assert (again.code, "nothing to restore" in again.err) == (0, True)
    assert "a0 was restored already" in (await restore(env, "--public-id", "a0", "--yes")).err
    assert len(await to_thread(cloud.calls, "restore")) == 1
    await to_thread(destroy, cloud, ["a1"])
    await journalled(db, ["a1"])
    assert "restored 1 of 1" in (await restore(env, "--since", "1h", "--yes")).err
    assert await names(cloud) == {"a0", "a1"}


async def test_another_asset_under_the_id_is_not_taken_for_the_old_one(
    db: Db, cloud: Cloud, env: dict[str, str]
) -> None:
    """Where a newer upload has the public id, it stays, and the old one is said not to be back."""
    await to_thread(cloud.switch, overwrite_keeps_asset_id=False)
    old = await to_thread(upload, cloud, "a")
    await to_thread(destroy, cloud, ["a"])
    new = await to_thread(upload, cloud, "a")
    await journalled(db, ["a"], asset_ids=[old])
    done = await restore(env, "--since", "1h", "--yes")
    assert done.code == 1
    assert f"another asset, {new}, has its public id now" in done.out
    assert (await to_thread(cloud.state))["restored"] == 0


async def test_a_deletion_without_a_type_needs_an_asset_id(
    db: Db, cloud: Cloud, env: dict[str, str]
) -> None:
    """What no call can name is listed, without asking Cloudinary."""
    await journalled(db, ["a"], resource_type=None)
    done = await restore(env, "--since", "1h", "--yes")
    assert (done.code, "its resource type or delivery type is not known" in done.out) == (1, True)
    assert await to_thread(cloud.calls, "restore") == []


async def test_an_id_without_a_deletion_is_named(db: Db, cloud: Cloud, env: dict[str, str]) -> None:
    """Of several that are named, those without a deletion make it fail; the others come back."""
    await destroyed(db, cloud, "a", 1)
    done = await restore(env, "--public-id", "a0", "--public-id", "nobody", "--yes")
    assert (done.code, await names(cloud)) == (1, {"a0"})
    assert "no finished deletion of nobody is known" in done.err


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((), "say what to restore"),
        (("--since", "1h"), f"Restore? {NOBODY}{LOOK}"),
        (("--since", "soon", "--yes"), "'soon' is no moment"),
        (("--source", "nosuch", "--yes"), "'nosuch' is no attached table: give public.media"),
        (("--source", "77", "--dry-run"), "no source has the number 77: give public.media"),
        (("--reason", "row_delete", "--yes"), "'row_delete' is no reason of any row: give one of "),
        (("--since", "1h", "--until", "1d", "--yes"), "nothing lies between"),
        (("--since", "1h", "--dry-run", "--csv", "x"), "a dry run does not find out"),
        (("--since", "1h", "--yes", "--csv", "/nowhere/x"), "--csv: "),
    ],
)
async def test_what_makes_no_sense_is_refused_before_anything_is_sent(
    db: Db, cloud: Cloud, env: dict[str, str], args: Sequence[str], said: str
) -> None:
    """A mistake in the command line is exit 2, says what to do, and asks nothing of Cloudinary."""
    await destroyed(db, cloud, "a", 1)
    done = await restore(env, *args)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert (await to_thread(cloud.state))["calls"].get("restore", 0) == 0


@pytest.mark.parametrize("answer", ["y", "n"])
async def test_a_person_at_a_terminal_is_asked(
    db: Db, cloud: Cloud, env: dict[str, str], answer: str
) -> None:
    """The question names how many, how much and where; only a yes restores."""
    await destroyed(db, cloud, "a", 2)
    done = await mediasweep(env, "restore", "--since", "1h", typed=f"{answer}\n")
    assert f"Restore 2 assets (10 B) in cloud {cloud.name}?" in done.err
    assert done.code == (0 if answer == "y" else 1)
    assert len(await names(cloud)) == (2 if answer == "y" else 0)
