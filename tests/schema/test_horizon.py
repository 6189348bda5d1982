"""The horizon: a reference that is not committed yet is waited for.

Each test shows both: with the rule the asset is kept, and without it the asset would be deleted.
"""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import asyncpg
import pytest

from mediasweep.demo.cluster import Cluster
from mediasweep.postgres.migrate import migrate
from mediasweep.postgres.pool import Connection as Db
from tests.conftest import Connect, Server
from tests.daemons import ROOT
from tests.schema.queue import (
    ARTICLES,
    claim,
    enqueue,
    insert_assets,
    later,
    make_due,
    until_someone_waits,
    use,
    without_horizon,
)

DELETE = "DELETE FROM media_assets"
ruled = pytest.mark.parametrize("rule", [True, False], ids=["with the rule", "without the rule"])


async def _let_go(db: Db, *, rule: bool) -> None:
    """Prepare one asset that the library and perhaps an article use."""
    await db.execute(ARTICLES)
    await insert_assets(db, "a")
    if not rule:
        await without_horizon(db)


async def _is_waited_for(db: Db, *, rule: bool) -> str:
    """Claim, and expect the asset to be held by the rule; returns the horizon."""
    claimed = await claim(db)
    assert (([], True) if rule else (["a"], False)) == (claimed.assets, claimed.held)
    assert claimed.skipped == 0
    return claimed.memory


@ruled
async def test_an_older_writer_is_waited_for(db: Db, connect: Connect, *, rule: bool) -> None:
    """A reference written before the delete, and committed after it, keeps its asset."""
    writer = await connect()
    await _let_go(db, rule=rule)
    async with writer.transaction():
        await use(writer, "a")
        await db.execute(DELETE)
        horizon = await _is_waited_for(db, rule=rule)
    assert int(rule) == (await claim(db, memory=horizon)).skipped


@ruled
async def test_a_writer_younger_than_the_capture_is_waited_for(
    db: Db, connect: Connect, *, rule: bool
) -> None:
    """A writer that began between the delete and its commit is waited for all the same."""
    writer, deleter = await connect(), await connect()
    await _let_go(db, rule=rule)
    async with writer.transaction():
        async with deleter.transaction():
            await deleter.execute(DELETE)
            await use(writer, "a")
        horizon = await _is_waited_for(db, rule=rule)
    assert int(rule) == (await claim(db, memory=horizon)).skipped


@ruled
async def test_a_writer_that_rolls_back_keeps_nothing(
    db: Db, connect: Connect, *, rule: bool
) -> None:
    """Once the writer has ended without a commit the asset goes."""
    writer = await connect()
    await _let_go(db, rule=rule)
    transaction = writer.transaction()
    await transaction.start()
    await use(writer, "a")
    await db.execute(DELETE)
    horizon = await _is_waited_for(db, rule=rule)
    await transaction.rollback()
    assert (["a"] if rule else []) == (await claim(db, memory=horizon)).assets


@pytest.fixture(scope="module")
def two_phased() -> Iterator[Server]:
    """Start a server that takes prepared transactions, which most do not."""
    with Cluster(durable=False, settings={"max_prepared_transactions": "2"}) as cluster:
        server = Server(cluster.dsn(), cluster)
        asyncio.run(server.sql("CREATE DATABASE migrated"))
        asyncio.run(migrate(server.dsn("migrated"), with_library=True))
        yield server


@pytest.fixture
async def prepared(two_phased: Server) -> AsyncIterator[Db]:
    """Give a connection to a database of the test's own on it."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    await two_phased.sql(f"CREATE DATABASE {name} TEMPLATE migrated")
    connection = await asyncpg.connect(two_phased.dsn(name))
    yield connection
    await connection.close()


@ruled
async def test_a_prepared_transaction_is_waited_for(prepared: Db, *, rule: bool) -> None:
    """A reference in a prepared transaction, which no session holds, keeps its asset."""
    await _let_go(prepared, rule=rule)
    await prepared.execute("BEGIN")
    await use(prepared, "a")
    await prepared.execute(f"PREPARE TRANSACTION '{rule}'")
    await prepared.execute(DELETE)
    horizon = await _is_waited_for(prepared, rule=rule)
    await prepared.execute(f"COMMIT PREPARED '{rule}'")
    assert int(rule) == (await claim(prepared, memory=horizon)).skipped


@ruled
async def test_a_reader_is_waited_for_but_not_for_long(
    db: Db, connect: Connect, *, rule: bool
) -> None:
    """A snapshot from before the delete holds the asset for some seconds, and then no longer."""
    reader = await connect()
    await _let_go(db, rule=rule)
    async with reader.transaction(isolation="repeatable_read"):
        await reader.execute("SELECT FROM articles")
        await db.execute(DELETE)
        await db.execute(
            "UPDATE mediasweep.cloudinary_cleanup_queue SET due_at = now() - interval '1 min'"
        )
        horizon = await _is_waited_for(db, rule=rule)
        soon = await claim(db, memory=later(horizon, timedelta(seconds=2)))
        assert soon.brought_nothing
        by_then = await claim(db, memory=later(horizon, timedelta(seconds=11)))
        assert (["a"] if rule else []) == by_then.assets


@pytest.mark.parametrize("name", ["mediasweep-web", "mediasweep web", "a mediasweep", "mediasweep"])
async def test_only_our_own_readers_are_not_waited_for(db: Db, connect: Connect, name: str) -> None:
    """An application whose name begins like ours is a reader as any other."""
    reader = await connect()
    await _let_go(db, rule=True)
    await reader.execute(f"SET application_name = '{name}'")
    async with reader.transaction(isolation="repeatable_read"):
        await reader.execute("SELECT FROM articles")
        await db.execute(DELETE)
        assert (await claim(db)).assets == (["a"] if name == "mediasweep" else [])


async def test_every_name_that_our_connections_bear_is_known(db: Db) -> None:
    """What the code calls a session of its own is one of the closed list."""
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "daemon").rglob("*.py"))
    names = {
        name.replace("{os.getpid()}", "4711")
        for name in re.findall(r'\bname=f?"(mediasweep[^"]*)"', code)
    }
    assert names > {"mediasweep", "mediasweep listener", "mediasweep asleep 4711"}
    unknown = [
        name
        for name in sorted(names)
        if not await db.fetchval("SELECT mediasweep.is_our_session($1)", name)
    ]
    assert unknown == []


async def test_a_reader_that_turns_writer_is_waited_for(db: Db, connect: Connect) -> None:
    """A reader that has written by the time at which readers count no more is a writer."""
    reader = await connect()
    await _let_go(db, rule=True)
    async with reader.transaction(isolation="repeatable_read"):
        await reader.execute("SELECT FROM articles")
        await db.execute(DELETE)
        horizon = await _is_waited_for(db, rule=True)
        await use(reader, "a")
        assert (await claim(db, memory=later(horizon, timedelta(seconds=11)))).brought_nothing
    assert (await claim(db, memory=horizon)).skipped == 1


async def test_later_deletes_are_not_held_for_ever_by_one_writer(db: Db, connect: Connect) -> None:
    """What was due at a barrier that has been passed goes, though later ones still wait."""
    early, late = await connect(), await connect()
    await db.execute(ARTICLES)
    first = early.transaction()
    await first.start()
    await use(early, "x")
    await enqueue(db, "a")
    horizon = (await claim(db)).memory
    async with late.transaction():
        await use(late, "y")
        await enqueue(db, "b")
        await first.rollback()
        claimed = await claim(db, memory=horizon)
        assert claimed.assets == ["a"]
    assert (await claim(db, memory=claimed.memory)).assets == ["b"]


async def test_a_writer_of_another_database_is_not_waited_for(db: Db, server: Server) -> None:
    """What other databases of the server do holds nothing."""
    await enqueue(db, "a")
    elsewhere = await asyncpg.connect(server.dsn("postgres"))
    async with elsewhere.transaction():
        await elsewhere.execute("SELECT pg_current_xact_id()")
        assert (await claim(db)).assets == ["a"]
    await elsewhere.close()


async def test_every_role_may_see_who_is_older(db: Db, connect: Connect, role: str) -> None:
    """Writers and readers of other roles are seen by one that has no right to see their queries."""
    writer, reader = await connect(), await connect()
    await db.execute(
        f"GRANT USAGE ON SCHEMA mediasweep TO {role};"
        f"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA mediasweep TO {role}"
    )
    async with writer.transaction(), reader.transaction(isolation="repeatable_read"):
        id_ = await writer.fetchval("SELECT pg_current_xact_id()::text::bigint")
        await reader.execute("SELECT FROM media_assets")
        await db.execute(f"SET ROLE {role}")
        oldest = await db.fetchrow("SELECT * FROM mediasweep.oldest()")
        await db.execute("RESET ROLE")
    assert oldest is not None
    assert (id_, id_) == tuple(oldest)


@pytest.mark.parametrize("same", [True, False])
async def test_a_horizon_of_another_server_process_does_not_count(
    db: Db, connect: Connect, *, same: bool
) -> None:
    """After a restart or a failover what was passed before says nothing, and is forgotten."""
    writer = await connect()
    await _let_go(db, rule=True)
    await db.execute(DELETE)
    passed = json.loads((await claim(db, batch=1, grace=timedelta(hours=1))).memory)
    await make_due(db)
    async with writer.transaction():
        await use(writer, "a")
        passed |= {} if same else {"server": "2001-01-01 00:00:00+00"}
        for barrier in ("free", "clear"):
            passed[barrier]["at"] = "2999-01-01T00:00:00+00:00"
        claimed = await claim(db, memory=json.dumps(passed))
        assert (["a"] if same else []) == claimed.assets
        assert (await claim(db, memory=claimed.memory)).brought_nothing


async def test_a_garbled_horizon_is_no_horizon(db: Db) -> None:
    """A daemon that starts with nothing, or with something odd, starts anew."""
    await enqueue(db, "a", "b")
    assert len((await claim(db, batch=1, memory="{}")).jobs) == 1
    assert len((await claim(db, batch=1, memory='{"server": null, "free": 1}')).jobs) == 1


SLOW_SOURCES = """
ALTER FUNCTION mediasweep.open_sources() RENAME TO open_sources_;
CREATE FUNCTION mediasweep.open_sources() RETURNS integer[] LANGUAGE plpgsql VOLATILE AS '
BEGIN
  PERFORM pg_advisory_xact_lock_shared(7);
  RETURN mediasweep.open_sources_();
END'
"""


async def test_a_row_that_arrives_during_the_claim_is_waited_for(db: Db, connect: Connect) -> None:
    """A capture refilled while a claim runs, and overdue at once, does not slip past a writer."""
    claimer, writer = await connect(), await connect()
    await db.execute(ARTICLES)
    await db.execute(SLOW_SOURCES)
    horizon = (await claim(claimer)).memory
    async with writer.transaction():
        await use(writer, "a")
        await db.execute(
            "INSERT INTO mediasweep.fallback (at, ref, reason)"
            """ VALUES (now() - interval '1 h', '{"public_id": "a"}', 'r')"""
        )
        await db.execute("SELECT pg_advisory_lock(7)")
        claiming = asyncio.ensure_future(claim(claimer, memory=horizon))
        await until_someone_waits(db)
        await db.execute("SELECT mediasweep.refill(1)")
        await db.execute("SELECT pg_advisory_unlock(7)")
        claimed = await claiming
    assert claimed.assets == []
    assert (await claim(claimer, memory=claimed.memory)).skipped == 1
