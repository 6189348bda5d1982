"""The doctor finds each fault that is planted, and nothing where all is well."""

from __future__ import annotations

import secrets
from asyncio import to_thread
from datetime import timedelta

import asyncpg
import pytest

from mediasweep.demo.cluster import Cluster
from mediasweep.emulator.client import Cloud
from mediasweep.operations import doctor
from mediasweep.operations.doctor import DoctorReport
from mediasweep.postgres.migrate import migrate
from mediasweep.postgres.pool import Connection as Db
from mediasweep.rules.diagnosis import work
from mediasweep.rules.finding import Level
from tests.conftest import Connect, Server
from tests.operations.ill import ARTICLES, FAULTS, LARGE, NOWHERE
from tests.operations.installation import World
from tests.pages import manual
from tests.schema.roles import staffed


@pytest.fixture
async def world(server: Server, database: str, db: Db, cloud: Cloud) -> World:
    """Give an installation that is well."""
    world = World(server, database, db, cloud)
    await world.settle()
    return world


def wrong(report: DoctorReport) -> dict[str, str]:
    """Return what is wrong, check by check, in all words."""
    told: dict[str, str] = {}
    for check, one in report.findings:
        if one.level is not Level.NOTE:
            said = f"{one.level}: {one.what}. {one.why}. {one.remedy}"
            told[check] = f"{told.get(check, '')}\n{said}"
    return told


async def test_nothing_is_wrong_with_what_is_well(world: World) -> None:
    """All checks are made, each stands in the manual, and only the level of the table is told."""
    report = await world.report()
    assert wrong(report) == {}
    assert (report.healthy, report.database) == (True, True)
    text = manual()
    assert [name for name in report.checks if f"| `{name}` |" not in text] == []
    assert len(report.checks) == len(set(report.checks)) == 30
    assert [check for check, _ in report.findings] == ["level", "account"]  # and no trigger


@pytest.mark.parametrize("name", FAULTS)
async def test_a_fault_is_found_and_no_other(world: World, name: str) -> None:
    """Each fault alone is told under its checks, with its remedy, and nothing else is."""
    plant, checks, said = FAULTS[name]
    await plant(world)
    report = await world.report()
    told = wrong(report)
    assert set(told) == checks, told
    assert said in " ".join(told.values())
    assert not report.healthy
    assert report.database


async def test_a_database_that_is_away_leaves_the_account_to_look_at(world: World) -> None:
    """What can be said without the database is said."""
    world.more["DATABASE_URL"] = NOWHERE
    await to_thread(world.cloud.switch, revoked=True)
    report = await world.report()
    assert set(wrong(report)) == {"database", "account"}
    assert (report.database, report.checks) == (False, ["database", "account"])
    world.more["DATABASE_URL"] = ""
    assert "DATABASE_URL is not set" in wrong(await world.report())["database"]


async def test_a_transaction_that_is_open_for_long_is_named(
    world: World, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has written and does not end is told with its application, from a minute on."""
    other = await connect()
    async with other.transaction():
        await other.execute("CREATE TABLE mine ()")
        await other.execute("SET LOCAL application_name = 'a forgetful one'")
        assert wrong(await world.report()) == {}
        monkeypatch.setattr(work, "WRITER_MOST", timedelta(0))
        [told] = wrong(await world.report()).items()
    assert told[0] == "transactions"
    assert "(a forgetful one) has been open for " in told[1]


async def test_a_prepared_transaction_is_told_with_how_to_end_it(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody sees a prepared transaction in any list of sessions, so its statement is shown."""
    monkeypatch.setattr(work, "WRITER_MOST", timedelta(0))
    with Cluster(durable=False, settings={"max_prepared_transactions": "2"}) as cluster:
        dsn = cluster.dsn()
        await migrate(dsn, with_library=True)
        db = await asyncpg.connect(dsn)
        try:
            world = World(Server(dsn, cluster), dsn, db, cloud)
            await world.settle()
            await db.execute("BEGIN; CREATE TABLE mine (); PREPARE TRANSACTION 'a ''one'''")
            told = wrong(await world.report())
        finally:
            await db.close()
    assert set(told) == {"transactions"}
    assert "ROLLBACK PREPARED 'a ''one'''" in told["transactions"]


async def test_a_table_that_is_locked_costs_a_check_its_time_and_no_more(
    world: World, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has no answer in time is told as that, and everything else is looked at."""
    monkeypatch.setattr(doctor, "WITHIN_S", 0.5)
    other = await connect()
    async with other.transaction():
        await other.execute("LOCK TABLE mediasweep.fallback")
        told = wrong(await world.report())
    assert set(told) == {"due", "fallback"}
    assert all("this had no answer within" in said for said in told.values())


async def test_a_reader_is_measured_as_one_and_sees_what_a_daemon_does(world: World) -> None:
    """Members of both roles are fine, a reader with a note; each sees a guard that is broken, and
    what it has lost of its own rights.
    """
    async with staffed(world.dsn) as staff:
        world.dsn = staff.daemon.dsn
        assert wrong(await world.report()) == {}
        world.dsn = staff.reader.dsn
        well = await world.report()
        assert wrong(well) == {}
        assert [check for check, _ in well.findings] == ["rights", "level", "account"]
        reader = await world.db.fetchval("SELECT quote_ident($1)", staff.roles.reader)
        await world.db.execute(f"REVOKE SELECT ON mediasweep.inbox FROM {reader}")
        await world.db.execute(
            f"{ARTICLES}; ALTER TABLE articles RENAME COLUMN cover TO c; {LARGE}"
        )
        told = wrong(await world.report())
    assert set(told) == {"rights", "guard"}
    assert f"{staff.reader.name} may not do all that a reader does: SELECT" in told["rights"]


async def test_rows_that_are_hidden_from_the_guard_are_found(world: World) -> None:
    """An owner of the schema that lost BYPASSRLS no longer sees a table of somebody else."""
    async with staffed(world.dsn) as staff:
        world.dsn = staff.daemon.dsn
        owner = await world.db.fetchval("SELECT quote_ident($1)", staff.roles.owner)
        await world.db.execute(f"ALTER ROLE {owner} NOBYPASSRLS")
        told = wrong(await world.report())
        assert set(told) == {"row-level security", "guard"}
        assert f"ALTER ROLE {owner} BYPASSRLS" in told["row-level security"]
        await world.db.execute(f"ALTER ROLE {owner} BYPASSRLS")
        await world.db.execute(f"REVOKE SELECT ON media_assets FROM {owner}")
        told = wrong(await world.report())
    assert set(told) == {"row-level security", "guard"}
    assert f"GRANT SELECT ON public.media_assets TO {owner}" in told["row-level security"]


async def test_a_stranger_is_told_to_be_somebody_else(world: World) -> None:
    """A role without any right learns what it may not see; its password is not told."""
    name, password = f"role_{secrets.token_hex(6)}", secrets.token_hex(8)
    await world.server.sql(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")
    try:
        world.dsn = f"postgresql://{name}:{password}@{world.dsn.rpartition('@')[2]}"
        report = await world.report()
    finally:
        await world.server.sql(f"DROP ROLE {name}")
    assert set(wrong(report)) == {"schema"}
    assert "permission denied for schema mediasweep" in wrong(report)["schema"]
    assert "as a member of the daemon's" in wrong(report)["schema"]
    assert password not in str(report.plain())


async def test_a_publication_of_all_tables_is_a_note(world: World) -> None:
    """Ours are in it too, which works; whoever subscribes to it should know."""
    await world.db.execute("CREATE PUBLICATION p FOR ALL TABLES; CREATE PUBLICATION other")
    report = await world.report()
    assert wrong(report) == {}
    [told] = [one for check, one in report.findings if check == "publications"]
    assert told.what == "the publication p is for all tables, those of mediasweep too"
    assert "FOR TABLES IN SCHEMA public" in told.remedy


async def test_each_table_is_told_its_level(world: World) -> None:
    """What a table is safe with follows from its grace, its asset ids, and whether it looks."""
    more = '"cover", "grace": "1 hour", "references": "wait"'
    [told] = [one for check, one in (await world.report()).findings if check == "level"]
    gone = "an asset that is let go of is deleted"
    by_id = "by its asset id, once that has worked here"
    assert told.what == f"public.media_assets: {gone} at once; {by_id}"
    assert told.why.endswith("but not if it is used again itself (contract level 2)")
    assert told.remedy.endswith("if it may use an asset again, attach it anew with `--grace`")
    await world.db.execute(ARTICLES.replace('"cover"', more))
    levels = [one.what for check, one in (await world.report()).findings if check == "level"]
    looks = "`references` keeps rows from using it again meanwhile"
    unused = "not by its asset id, because others have none or a prefix is protected"
    assert levels == [
        f"public.media_assets: {gone} at once; {unused}",
        f"public.articles: {gone} 60 min later; {looks}",
    ]
