"""Acknowledgement: exactly what was listed goes, and a list that has changed is refused."""

from __future__ import annotations

import re

import asyncpg
import pytest

from mediasweep.postgres.pool import Connection as Db
from tests.conftest import Connect
from tests.schema.brakes import (
    ACKNOWLEDGE,
    FINISH,
    LIMIT,
    acknowledge,
    closed,
    digest,
    let_go,
    listed,
    stopped,
    try_claim,
)
from tests.schema.queue import events, insert_assets, rows

BY_WHOM = """
SELECT g.rows, g.actor, g.app, g.reason
  FROM jsonb_to_recordset($1::jsonb) AS g (rows bigint, actor text, app text, reason text)
"""
WRITTEN = """
SELECT a.source_id, a.digest, a.queue_rows, a.acknowledged_by FROM mediasweep.acknowledgement a
"""
HELD = "SELECT * FROM mediasweep.held($1, pg_current_snapshot())"
ACKNOWLEDGED = "SELECT count(*) FROM mediasweep.acknowledgement"
CONFIRM = "SELECT mediasweep.confirm('public.media_assets', 'ann', $1)"
DELETE_MEDIA = "SELECT * FROM mediasweep.delete_media($1, 'ann')"
CASCADE = """
CREATE FUNCTION public.cascade() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE public.media_assets SET deleted_at = now() WHERE deleted_at IS NULL;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER cascades AFTER UPDATE ON public.media_assets {when} FOR EACH ROW
 WHEN (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL) EXECUTE FUNCTION public.cascade()
"""
ONE = "WHERE id = (SELECT id FROM mediasweep.cloudinary_cleanup_queue LIMIT 1)"
CHANGES = {
    "cancelled": "SET status = 'skipped', processed_at = now()",
    "deleted meanwhile": "SET status = 'completed', processed_at = now()",
    "another asset": "SET cloudinary_public_id = 'another'",
    "another type": "SET resource_type = 'video'",
    "another file": "SET asset_id = 'another'",
}


async def test_what_is_held_is_listed_whole(db: Db) -> None:
    """The list says how much, of which table, by whom, by which program, why, when and which."""
    await insert_assets(db, *(f"a{n:02}" for n in range(LIMIT + 5)))
    await db.execute("SET application_name = 'cms'")
    await db.execute("DELETE FROM public.media_assets")
    await db.execute("SET application_name = ''")
    await let_go(db, "b", 1, source=1)
    assert (await try_claim(db)).brought_nothing
    held = await db.fetchrow(HELD, 1)
    assert held is not None
    queued = [row["queued_at"] for row in await rows(db)]
    assert (held["name"], held["queue_rows"], held["bytes"]) == ("media_assets", 16, 15 * 11)
    assert (held["first_at"], held["last_at"]) == (min(queued), max(queued))
    assert held["sample"] == [f"a{n:02}" for n in range(10)]
    actor = await db.fetchval("SELECT session_user")
    assert [tuple(group) for group in await db.fetch(BY_WHOM, held["by_whom"])] == [
        (15, actor, "cms", "row_deleted"),
        (1, actor, "", "manual"),
    ]
    assert re.fullmatch(r"1-16-[0-9a-f]{32}-\d+-\d+", held["digest"])


async def test_exactly_what_was_listed_goes(db: Db) -> None:
    """An acknowledged list goes whole, and it is written down who did it."""
    named = await stopped(db, 30)
    assert await acknowledge(db, named) == (30, None)
    assert await closed(db) == []
    assert len((await try_claim(db)).jobs) == 30
    told = (await events(db, "event", "actor", "detail"))[1]
    assert told == ("brake_acknowledged", "ann", f"30 rows, digest {named}")
    assert [tuple(row) for row in await db.fetch(WRITTEN)] == [(0, named, 30, "ann")]


async def test_the_fleet_hears_of_it(db: Db, connect: Connect) -> None:
    """An acknowledgement notifies, so that sleeping daemons go on at once."""
    listener = await connect()
    heard: list[object] = []
    await listener.add_listener("mediasweep", lambda *_: heard.append(True))
    named = await stopped(db)
    heard.clear()
    await acknowledge(db, named)
    await listener.fetchval("SELECT 1")
    assert heard == [True]


async def test_a_digest_is_the_same_for_the_same_rows(db: Db) -> None:
    """The hash does not depend on the order of the rows or on where they lie."""
    await stopped(db)
    before = listed(await digest(db))
    await db.execute("UPDATE mediasweep.cloudinary_cleanup_queue SET updated_at = now() " + ONE)
    assert listed(await digest(db)) == before


@pytest.mark.parametrize("change", CHANGES)
async def test_a_list_that_has_changed_is_refused(db: Db, change: str) -> None:
    """One row less, or one that would delete another asset, and nothing is let go."""
    named = await stopped(db)
    await db.execute(f"UPDATE mediasweep.cloudinary_cleanup_queue {CHANGES[change]} {ONE}")
    left, refused = await acknowledge(db, named)
    now = "some are others now" if change.startswith("another") else "there are 10 now"
    assert refused == f"the list has changed: it had 11 rows, {now}"
    assert left == LIMIT + change.startswith("another")
    assert await closed(db) == [0]
    assert await db.fetchval(ACKNOWLEDGED) == 0
    assert await acknowledge(db, await digest(db)) == (left, None)


async def test_a_row_that_was_retried_is_not_the_one_that_was_listed(db: Db) -> None:
    """A row that failed and came back between list and acknowledgement changes the list."""
    named = await stopped(db)
    await db.execute(FINISH + " AND cloudinary_public_id = 'a1'", "failed")
    await db.execute(
        "SELECT mediasweep.retry(ARRAY(SELECT id FROM mediasweep.cloudinary_cleanup_queue"
        " WHERE status = 'failed'), 'ann')"
    )
    refused = (await acknowledge(db, named))[1]
    assert refused == "the list has changed: it had 11 rows, there are 10 now"


async def test_what_came_after_the_list_does_not_hinder_and_is_not_covered(db: Db) -> None:
    """A busy source can be acknowledged; what came since counts anew, and stops it again."""
    named = await stopped(db)
    await let_go(db, "later", LIMIT)
    assert await acknowledge(db, named) == (LIMIT + 1, None)
    assert len((await try_claim(db)).jobs) == 2 * LIMIT + 1
    await let_go(db, "one more", 1)
    assert (await try_claim(db)).brought_nothing
    assert await closed(db) == [0]
    assert (await digest(db)).startswith("0-11-")


async def test_a_transaction_that_was_open_at_the_list_is_not_covered(
    db: Db, connect: Connect
) -> None:
    """Rows that were written before the list and committed after it count anew."""
    other = await connect()
    transaction = other.transaction()
    await transaction.start()
    await let_go(other, "open", LIMIT + 1)
    await let_go(db, "a", LIMIT + 1)
    await db.execute("CREATE OR REPLACE FUNCTION mediasweep.oldest(OUT writer bigint, OUT reader"
                     " bigint) LANGUAGE plpgsql VOLATILE AS 'BEGIN END'")  # fmt: skip
    assert (await try_claim(db)).brought_nothing
    named = await digest(db)
    await transaction.commit()
    assert await acknowledge(db, named) == (LIMIT + 1, None)
    claimed = await try_claim(db)
    assert claimed.brought_nothing
    assert await closed(db) == [0]


async def test_an_old_digest_does_not_open_a_brake_that_closed_again(db: Db) -> None:
    """What was acknowledged once is not acknowledged for the next time, also if nothing is held."""
    first = await stopped(db)
    assert await acknowledge(db, first) == (LIMIT + 1, None)
    assert (await acknowledge(db, first))[1] == "this brake is not closed"
    await let_go(db, "b", LIMIT + 1)
    assert (await try_claim(db)).brought_nothing
    older = "this digest is older than the brake, which has closed again since"
    assert (await acknowledge(db, first))[1] == older


@pytest.mark.parametrize(
    "named",
    ["", "0", "0-11", f"0-11-{32 * '0'}-5-4", f"0-11-{32 * '0'}-4-5-6", "9" * 9, "%s; DROP TABLE"],
)
async def test_what_is_no_digest_is_refused(db: Db, named: str) -> None:
    """Anything else than what was shown is refused in words."""
    await stopped(db)
    assert (await acknowledge(db, named))[1] == "this is no digest: copy the one that is shown"


async def test_a_digest_of_another_server_is_refused(db: Db) -> None:
    """A snapshot that this server has not reached would cover what is yet to come."""
    named = listed(await stopped(db))
    refused = (await acknowledge(db, f"{named}-1-99999999"))[1]
    assert refused == "this digest is of another server"


async def test_asking_first_does_nothing(db: Db) -> None:
    """Whether it would be refused can be asked without letting anything go."""
    named = await stopped(db)
    dry = ACKNOWLEDGE.replace("true", "false")
    assert [tuple(row) for row in await db.fetch(dry, named)] == [(LIMIT + 1, None)]
    assert await closed(db) == [0]
    assert await db.fetchval(ACKNOWLEDGED) == 0


# -- confirmed in the transaction itself -----------------------------------------------------------


async def test_a_confirmed_deletion_is_not_held(db: Db) -> None:
    """What a person confirmed goes at once; what anybody else deletes still counts."""
    await insert_assets(db, *(f"a{n}" for n in range(LIMIT + 1)))
    async with db.transaction():
        await db.execute("DELETE FROM public.media_assets")
        assert await db.fetchval(CONFIRM, LIMIT + 1) == LIMIT + 1
    assert len((await try_claim(db)).jobs) == LIMIT + 1
    assert (await events(db, "event", "actor"))[0] == ("brake_confirmed", "ann")
    await let_go(db, "b", LIMIT, source=1)
    assert len((await try_claim(db)).jobs) == LIMIT
    await let_go(db, "c", 1, source=1)
    assert (await try_claim(db)).brought_nothing


async def test_more_than_was_confirmed_fails(db: Db) -> None:
    """A deletion that lets go of more than the person has seen is undone."""
    await insert_assets(db, "a", "b")
    more = "BEGIN; DELETE FROM public.media_assets; " + CONFIRM.replace("$1", "1")
    with pytest.raises(asyncpg.RaiseError, match="2 assets of media_assets would go, and only 1"):
        await db.execute(more)
    await db.execute("ROLLBACK")
    assert await db.fetchval("SELECT count(*) FROM public.media_assets") == 2
    assert await db.fetchval(ACKNOWLEDGED) == 0


async def test_a_confirmation_of_nothing_covers_nothing(db: Db) -> None:
    """Called before the deletion it confirms nothing, and the deletion is held."""
    await insert_assets(db, *(f"a{n}" for n in range(LIMIT + 1)))
    async with db.transaction():
        assert await db.fetchval(CONFIRM, None) == 0
        await db.execute("DELETE FROM public.media_assets")
    assert (await try_claim(db)).brought_nothing


@pytest.mark.parametrize("when", ["", "DEFERRABLE INITIALLY DEFERRED"])
async def test_what_a_trigger_lets_go_of_beside_what_was_named_is_not_confirmed(
    db: Db, when: str
) -> None:
    """A deletion of one asset that cascades to many is held; of the many by name, it goes."""
    await insert_assets(db, *(f"a{n}" for n in range(LIMIT + 1)))
    ids = await db.fetchval("SELECT array_agg(id) FROM public.media_assets")
    await db.execute(CASCADE.format(when=when))
    assert len(await db.fetch(DELETE_MEDIA, ids[:1])) == 1
    assert await db.fetchval(ACKNOWLEDGED) == 0
    assert (await try_claim(db)).brought_nothing
    assert await closed(db) == [1]
    await db.execute("DELETE FROM mediasweep.gate; DELETE FROM mediasweep.cloudinary_cleanup_queue")
    await db.execute("UPDATE public.media_assets SET deleted_at = NULL")
    await db.fetch(DELETE_MEDIA, ids)
    assert len((await try_claim(db)).jobs) == LIMIT + 1


async def test_only_an_attached_table_can_be_confirmed(db: Db) -> None:
    """A table that lets go of nothing is named by mistake."""
    with pytest.raises(asyncpg.RaiseError, match="pg_class is not attached"):
        await db.execute("SELECT mediasweep.confirm('pg_class', 'ann')")


async def test_no_stranger_can_confirm_or_acknowledge(db: Db, role: str) -> None:
    """A role without rights in the schema cannot take the brake off."""
    for call in ("confirm(regclass, text, bigint)", "acknowledge(text, text, boolean)"):
        may = "SELECT has_function_privilege($1, 'mediasweep.' || $2, 'EXECUTE')"
        assert not await db.fetchval(may, role, call)
