"""What capture costs the application, beside three tables that are captured in other ways or not.

Four tables of the same shape and size: without a trigger; with a row trigger that inserts the same
columns into a queue with a primary key and one index; the same, which also notifies with a payload
of its own, as a queue does that tells which row is due; and ours. Measured in turn, five rounds,
medians. No daemon runs: what it takes is measured elsewhere; `asleep` is ours while one sleeps.
"""

from __future__ import annotations

import asyncio
import statistics
import time

import asyncpg

from bench.figures import database
from mediasweep.demo.cluster import Cluster
from mediasweep.postgres.pool import Connection as Db

ROUNDS = 5
CLIENTS = (1, 8, 32)
SINGLES = 960
KINDS = ("none", "row", "notify", "ours")
TABLES = """
CREATE TABLE public.rival (LIKE mediasweep.cloudinary_cleanup_queue INCLUDING DEFAULTS);
ALTER TABLE public.rival ADD PRIMARY KEY (id);
CREATE INDEX ON public.rival (source_id, due_at, id) WHERE processed_at IS NULL;
CREATE FUNCTION public.row_captured() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  new_id  uuid;
BEGIN
  IF TG_OP = 'UPDATE' AND NOT (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL) THEN
    RETURN NULL;
  END IF;
  INSERT INTO public.rival
    (cloudinary_public_id, resource_type, delivery_type, asset_id, version, original_filename,
     file_size, folder, deletion_reason, trigger_source, triggered_by, source_id, due_at)
  VALUES (OLD.public_id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'row_deleted', 'trigger', NULL,
          1, clock_timestamp())
  RETURNING id INTO new_id;
  IF TG_ARGV[0] = 'notify' THEN
    PERFORM pg_notify('rival', new_id::text);
  END IF;
  RETURN NULL;
END $$
"""
TABLE = """
CREATE TABLE public.{0} (id integer PRIMARY KEY, public_id text, title text, deleted_at timestamptz)
"""
ROW_TRIGGER = """
CREATE TRIGGER captured AFTER DELETE OR UPDATE ON public.{0}
FOR EACH ROW EXECUTE FUNCTION public.row_captured('{0}')
"""
ATTACH = """
SELECT mediasweep.attach('public.{0}', '{{"public_id": "public_id", "deleted_at": "deleted_at"}}')
"""
FILL = """
INSERT INTO public.{0} SELECT n, 'folder/asset-' || n, 'a title' FROM generate_series(1, $1::int) n
"""
BULK = {
    "delete": "DELETE FROM public.{0}",
    "soft delete": "UPDATE public.{0} SET deleted_at = now()",
    "unrelated update": "UPDATE public.{0} SET title = 'another'",
}
EMPTY = "TRUNCATE public.{0}"
NO_QUEUE = "TRUNCATE public.rival; TRUNCATE mediasweep.cloudinary_cleanup_queue"
SLEEP = "SELECT pg_advisory_lock(mediasweep.asleep_key())"
WAKE_UP = "SELECT pg_advisory_unlock(mediasweep.asleep_key())"


async def capture(cluster: Cluster, rows: int) -> None:
    """Measure and print."""
    dsn = await database(cluster)
    db = await asyncpg.connect(dsn)
    await db.execute(TABLES)
    for kind in KINDS:
        await db.execute(TABLE.format(kind))
    for kind in ("row", "notify"):
        await db.execute(ROW_TRIGGER.format(kind))
    await db.execute(ATTACH.format("ours"))
    await _singles(dsn, db)
    await _bulk(db, rows)
    await db.close()


async def _singles(dsn: str, db: Db) -> None:
    connections = [await asyncpg.connect(dsn) for _ in range(max(CLIENTS))]
    sleeper = await asyncpg.connect(dsn)
    print(f"Single-row deletes a second, median of {ROUNDS}:")
    for clients in CLIENTS:
        rates: dict[str, list[float]] = {kind: [] for kind in (*KINDS, "asleep")}
        for _ in range(ROUNDS):
            for kind, measured in rates.items():
                table = "ours" if kind == "asleep" else kind
                await db.execute(EMPTY.format(table))
                await db.execute(NO_QUEUE)
                await db.execute(FILL.format(table), SINGLES)
                if kind == "asleep":
                    await sleeper.execute(SLEEP)
                measured.append(await _rate(connections[:clients], table))
                if kind == "asleep":
                    await sleeper.execute(WAKE_UP)
        medians = {kind: statistics.median(values) for kind, values in rates.items()}
        shown = "  ".join(f"{kind} {median:6.0f}" for kind, median in medians.items())
        print(f"  {clients:2} clients  {shown}  ours / row {medians['ours'] / medians['row']:.2f}")
    for connection in (*connections, sleeper):
        await connection.close()


async def _rate(connections: list[Db], table: str) -> float:
    statement = f"DELETE FROM public.{table} WHERE id = $1"
    ids = iter(range(1, SINGLES + 1))

    async def one(db: Db) -> None:
        for n in ids:
            await db.execute(statement, n)

    started = time.perf_counter()
    await asyncio.gather(*(one(db) for db in connections))
    return SINGLES / (time.perf_counter() - started)


async def _bulk(db: Db, rows: int) -> None:
    print(f"{rows} rows in one statement, seconds, median of {ROUNDS}:")
    for name, statement in BULK.items():
        times: dict[str, list[float]] = {kind: [] for kind in KINDS}
        for _ in range(ROUNDS):
            for kind, measured in times.items():
                await db.execute(EMPTY.format(kind))
                await db.execute(NO_QUEUE)
                await db.execute(FILL.format(kind), rows)
                await db.execute(f"VACUUM ANALYZE public.{kind}")
                started = time.perf_counter()
                await db.execute(statement.format(kind), timeout=600)
                measured.append(time.perf_counter() - started)
        medians = {kind: statistics.median(values) for kind, values in times.items()}
        shown = "  ".join(f"{kind} {median:6.2f}" for kind, median in medians.items())
        print(
            f"  {name:16}  {shown}  ours / notify {medians['ours'] / medians['notify']:.2f}"
            f"  ours / none {medians['ours'] / medians['none']:.2f}"
        )
