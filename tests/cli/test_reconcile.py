"""`mediasweep reconcile`, as it is run."""

from __future__ import annotations

import csv
import json
from asyncio import to_thread
from pathlib import Path

from mediasweep.emulator.client import Cloud
from mediasweep.postgres.pool import Connection as Db
from tests.commands import mediasweep
from tests.daemons import environment
from tests.reconcile.sides import AGO, DAY_S, HOUR, compare, in_library
from tests.reconcile.test_acting import QUEUED

FULL = "mediasweep: a file cannot be read or written: [Errno 28] No space left on device"


async def test_it_reports_asks_and_acts(
    db: Db, database: str, cloud: Cloud, tmp_path: Path
) -> None:
    """The table and the file have each finding, a person is asked before anything is queued."""
    env = environment(database, cloud.url)
    await in_library(db, "gone", "own/0")
    await to_thread(cloud.plant, "own/", 3, age_s=3 * DAY_S)
    await compare(db, cloud)
    await db.execute(AGO, 2 * HOUR)
    file = tmp_path / "all.csv"
    done = await mediasweep(env, "reconcile", "--limit", "1", "--csv", str(file))
    assert (done.code, done.out.count("\n")) == (0, 3)  # one of each kind
    assert "no backup is known" in done.out
    assert " 7 B " in done.out
    assert "3 assets and 2 references: 2 orphans, 1 ghost, 0 mismatches" in done.err
    with file.open(encoding="utf-8") as lines:
        rows = sorted((row["kind"], row["public_id"]) for row in csv.DictReader(lines))
    assert rows == [("ghost", "gone"), ("orphan", "own/1"), ("orphan", "own/2")]
    full = await mediasweep(env, "reconcile", "--last", "--csv", "/dev/full")
    assert (full.code, full.err.splitlines()[-1]) == (1, FULL)
    delete = ("reconcile", "--last", "--orphans", "delete", "--owned", "own/")
    assert (await mediasweep(env, *delete)).code == 2  # nobody to ask
    said = (await mediasweep(env, *delete, "--ghosts=mark", "--dry-run")).err
    assert "would queue for deletion 2 orphans (14 B) and mark 1 ghost of the library;" in said
    assert (await mediasweep(env, *delete, typed="n\n")).code == 1
    assert not await db.fetch(QUEUED)
    done = await mediasweep(env, *delete, "--json", typed="y\n")
    told = json.loads(done.out)
    assert "Queue for deletion 2 orphans (14 B)?" in done.err
    assert told["acted"]["queued"] == 2
    assert [one["public_id"] for one in told["findings"]] == ["own/1", "own/2"]  # what was done
    assert len(await db.fetch(QUEUED)) == 2


async def test_why_orphans_are_left_is_said(db: Db, database: str, cloud: Cloud) -> None:
    """Sighted once, or not under the prefix: how many each, and nobody is asked for nothing."""
    env = environment(database, cloud.url)
    await in_library(db, "own/0")
    await to_thread(cloud.plant, "own/", 3, age_s=3 * DAY_S)
    await to_thread(cloud.plant, "other/", 1, age_s=3 * DAY_S)
    done = await mediasweep(env, "reconcile", "--orphans=delete", "--owned=own/", typed="")
    assert done.code == 0
    assert "of the orphans, 2 were found by one comparison only: compare again, an" in done.err
    assert "of the orphans, 1 do not begin as --owned says" in done.err
    assert "Queue" not in done.err
    assert "\nnothing to do\n" in done.err


async def test_what_it_cannot_do_is_told_by_its_exit_code(
    db: Db, database: str, cloud: Cloud
) -> None:
    """A side that is empty 6, credentials that are refused 4, a word that it does not know 2."""
    env = environment(database, cloud.url)
    await in_library(db, "gone")
    refused = await mediasweep(env, "reconcile")
    assert (refused.code, "is this the right account?" in refused.err) == (6, True)
    last = await mediasweep(env, "reconcile", "--last")
    assert (last.code, "refused" in last.err) == (6, True)
    await to_thread(cloud.switch, revoked=True)
    assert (await mediasweep(env, "reconcile")).code == 4
    for wrong in (["--orphans", "eat"], ["--yes"], ["--dry-run"], ["--owned", "x"]):
        assert (await mediasweep(env, "reconcile", *wrong)).code == 2
