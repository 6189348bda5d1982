"""Where a database is, as tests of the environment safeguard have it."""

from __future__ import annotations

import json

from mediasweep.postgres.pool import Connection as Db
from tests.schema.queue import DAEMON, Claim, claim, enqueue

HERE = {"cloud": "ours", "host": "web1"}
RECOGNISE = "SELECT mediasweep.recognise($1, $2::jsonb)"
ADOPT = "SELECT * FROM mediasweep.adopt($1::jsonb, 'ann')"
INSTALLED = "SELECT * FROM mediasweep.installation"
GATE = "SELECT reason FROM mediasweep.gate WHERE name = $1"
REGISTER = """
INSERT INTO mediasweep.daemon (id, host, pid, version, concurrency) VALUES ($1, 'web1', 1, '1', 1)
"""
# as if everything had been written down by another server, which is long gone
ELSEWHERE = {
    "server": "system_identifier = '42'",
    "database": "database = 'shop'",
    "place": "server_started_at = '2020-01-01', place = '10.0.0.9:1', places = '{10.0.0.9:1}'",
}
MOVED = f"UPDATE mediasweep.installation SET {ELSEWHERE['place']}"


async def install(db: Db) -> None:
    """Let a daemon have run here, and leave a row to be deleted."""
    await db.execute(REGISTER, DAEMON)
    await db.fetchval(RECOGNISE, DAEMON, json.dumps(HERE))
    await enqueue(db, "a")


async def claim_at(
    db: Db, memory: str | None = None, cloud: str = "ours", host: str = "web1"
) -> Claim:
    """Claim as a daemon on this host with this cloud in its settings."""
    return await claim(db, memory=memory, cloud=cloud, host=host)
