"""`mediasweep attach --list` and `--suggest`: what is attached, and what should be."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest

from mediasweep.emulator.client import Cloud
from mediasweep.postgres.pool import Connection as Db
from tests.commands import mediasweep
from tests.daemons import environment


@pytest.fixture
def env(database: str, cloud: Cloud) -> dict[str, str]:
    """Give the environment of a command."""
    return environment(database, cloud.url)


async def listed(env: dict[str, str], table: str) -> dict[str, Any]:
    """Return what `attach --list --json` says of one table."""
    told = await mediasweep(env, "attach", "--list", "--json")
    [one] = [one for one in json.loads(told.out) if one["table"] == table]
    return dict(one)


async def test_the_list_tells_what_is_wrong(db: Db, env: dict[str, str]) -> None:
    """Shape, missing triggers, missing index and unfinished rows of each table, and what mends."""
    await db.execute(
        "CREATE TABLE public.parts (k int, c text) PARTITION BY RANGE (k);"
        "CREATE TABLE public.one PARTITION OF public.parts FOR VALUES FROM (0) TO (9);"
        "INSERT INTO parts VALUES (1, 'a')"
    )
    assert (await mediasweep(env, "attach", "parts", "--public-id", "c")).code == 0
    await db.execute(
        "DELETE FROM parts;"
        "CREATE TABLE public.two PARTITION OF public.parts FOR VALUES FROM (9) TO (20)"
    )
    told = await mediasweep(env, "attach", "--list")
    [line] = [line for line in told.out.splitlines() if "public.parts" in line]
    assert line.split("  ")[0] == "2"
    assert "missing on 1 of 3" in line
    assert line.endswith("missing  1")
    assert "not captured: public.two: DELETE, TRUNCATE, UPDATE" in told.err
    assert "missing: CREATE INDEX ON public.parts (c);" in told.err
    one = await listed(env, "public.parts")
    assert (one["unfinished"], one["shape"]) == (1, ["column c"])
    assert (await mediasweep(env, "attach", "parts", "--index")).err.count(
        "triggers were made"
    ) == 1
    assert (await listed(env, "public.parts"))["uncovered"] == []


async def test_what_is_suggested_runs_as_it_is_printed(db: Db, env: dict[str, str]) -> None:
    """Each suggestion is a command line that attaches the table; one that is open is a comment."""
    await db.execute(
        'CREATE TABLE public."Photo" ("publicId" text, "resourceType" text,'
        ' "deletedAt" timestamptz, bytes int);'
        "CREATE TABLE public.two (banner_public_id text, cover_public_id text);"
        "CREATE TABLE public.docs (d jsonb);"
        """INSERT INTO docs VALUES ('{"u": "https://res.cloudinary.com/demo/image/upload/v1/a.jpg"}')"""
    )
    told = await mediasweep(env, "attach", "--suggest")
    lines = told.out.splitlines()
    assert "# mediasweep attach public.docs --json-path 'COLUMN PATH'" in lines
    commands = [line for line in lines if line.startswith("mediasweep ")]
    assert len(commands) == 2
    for command in commands:
        done = await mediasweep(env, *shlex.split(command)[1:])
        assert done.code == 0, done.err
    found = await mediasweep(env, "attach", "--suggest", "--json")
    assert [one["table"] for one in json.loads(found.out)] == ["public.docs"]
