"""What rows name in ways that nothing reads is told, and never deleted as an orphan."""

from __future__ import annotations

from asyncio import to_thread
from dataclasses import replace

import cloudinary.uploader

from mediasweep.emulator.client import Cloud
from mediasweep.operations.reconcile import Orphans, ReconcileActions, ReconcileOptions, act
from mediasweep.postgres.pool import Connection as Db
from tests.reconcile.sides import AGO, ASKED, HOUR, compare, reconciler

PATH = "image/upload/w_100/v1700000000/own"
# how it is called at Cloudinary, in which column a row names it, and how
NAMED = (
    ("own/Case", "cover", "own/case"),
    ("own/é", "cover", "own/e\u0301"),
    ("own/blank", "cover", "own/blank "),
    ("own/slash", "cover", "/own/slash"),
    ("own/format", "cover", "own/format.jpg"),
    ("own/notes.txt", "cover", "own/notes"),
    ("own/field", "cover", f"{PATH}/field.jpg#sig"),
    ("own/address", "cover", f"https://res.cloudinary.com/CLOUD/{PATH}/address.jpg"),
    ("own/host", "link", f"https://media.example.com/{PATH}/host.jpg"),
    ("own/css", "link", f"background: url(https://media.example.com/{PATH}/css.jpg);"),
    ("own/path", "link", f"/{PATH}/path.jpg"),
    ("own/name", "link", "own%2Fname"),
    ("own/version", "link", "v1700000000/own/version.jpg"),
)
TABLE = """
CREATE TABLE posts (id integer GENERATED ALWAYS AS IDENTITY, cover text, link text);
SELECT mediasweep.attach('posts', '{"cloud": "CLOUD", "refs": [{"public_id": "cover"},
  {"public_id": {"column": "link", "url": true}}]}')
"""
IDS = "SELECT f.id FROM mediasweep.reconcile_finding f WHERE f.run_id = $1"
ORPHANS = """
SELECT f.public_id, f.detail -> 'public_id' ->> 0 AS named, f.action
  FROM mediasweep.reconcile_finding f WHERE f.run_id = $1 AND f.kind = 'orphan'
"""


async def test_what_is_nearly_named_is_never_deleted(db: Db, cloud: Cloud) -> None:
    """Whatever letters, ends, paths and hosts a row writes; what no row writes is queued."""
    await db.execute(TABLE.replace("CLOUD", cloud.name))
    for name in (*(name for name, _, _ in NAMED), "own/orphan"):
        kind = "raw" if name.endswith(".txt") else "image"
        given = {"public_id": name, "resource_type": kind, **cloud.options()}
        await to_thread(cloudinary.uploader.upload, b"GIF89a", **given)
    named = {name: said.replace("CLOUD", cloud.name) for name, _, said in NAMED}
    for name, column, _ in NAMED:
        await db.execute(f"INSERT INTO posts ({column}) VALUES ($1)", named[name])
    asked = replace(ASKED, age_floor=0 * HOUR)
    await compare(db, cloud, asked)
    await db.execute(AGO, 2 * HOUR)
    run = await compare(db, cloud, asked)
    async with reconciler(db, cloud) as one:
        wanted = ReconcileOptions(orphans=Orphans.DELETE, owned=("own/",))
        assert await act(one, run, wanted, "me", lambda _: None) == ReconcileActions(queued=1)
        ids = [row["id"] for row in await db.fetch(IDS, run.id)]
        assert await one.runs.delete(run.id, ids, ["own/"], "me") == 0
    told = {
        row["public_id"]: (row["named"], row["action"]) for row in await db.fetch(ORPHANS, run.id)
    }
    assert told == {name: (said, None) for name, said in named.items()} | {
        "own/orphan": (None, "queued")
    }
