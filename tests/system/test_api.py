"""The API under requests that a generator makes up, against a daemon with all that is behind it."""

from __future__ import annotations

import asyncio
import re
import sys
from asyncio import to_thread
from pathlib import Path

import pytest

from mediasweep.emulator.client import Cloud
from mediasweep.postgres.pool import Connection as Db
from tests.daemons import INSERT_ASSETS, ROOT, environment, running
from tests.schema.roles import staffed

TOKEN = "operate-" + "x" * 22
SECONDS = 45
# it takes each 400 to a request that the description allows for a fault: but ids *or* a filter, or
# a name that Cloudinary keeps as it is, can only be said in words
ASKED = f"""
--seed 7 --max-time {SECONDS} --max-examples 1000 --generation-database none --no-shrink --no-color
--continue-on-failure --request-timeout 40 --warnings off --exclude-checks positive_data_acceptance
"""
TRIED = re.compile(r"Selected: (\d+)/\1\s+Tested: \1\b")


@pytest.mark.timeout(2 * SECONDS + 60)
async def test_every_answer_is_one_that_is_described(
    database: str, db: Db, cloud: Cloud, tmp_path: Path
) -> None:
    """No 5xx, no status, type or key that the description lacks, nobody let in without a token."""
    await to_thread(cloud.fill, "a/", 20)
    await db.execute(INSERT_ASSETS, "a/", 20)
    program = Path(sys.executable).with_name("schemathesis")
    async with staffed(database) as staff:
        env = environment(staff.daemon.dsn, cloud.url, MEDIASWEEP_API_TOKEN=TOKEN)
        async with running(env) as daemon:
            run = await asyncio.create_subprocess_exec(
                *(str(program), "run", f"{daemon.address}/api/openapi.json", *ASKED.split()),
                *("--header", f"Authorization: Bearer {TOKEN}"),
                cwd=tmp_path,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            said = (await run.communicate())[0].decode()
    assert run.returncode == 0, said[-10_000:]
    assert TRIED.search(said), said[-2000:]
    assert not list(ROOT.glob(".schemathesis*"))
