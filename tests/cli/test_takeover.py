"""Taking over, as its users give it: suggested, rehearsed, done, and not done twice."""

from __future__ import annotations

import pytest

from mediasweep.emulator.client import Cloud
from mediasweep.postgres.migrate import script
from tests.commands import mediasweep
from tests.conftest import Server
from tests.daemons import environment
from tests.postgres.dump import pg_dump
from tests.schema.origin import fill, made

TRIED = "SELECT j.queue_id FROM mediasweep.journal j WHERE j.public_id = 'tried'"
NOTHING = "the schema is up to date; guard and capture functions were rebuilt\n"
QUEUED = "SELECT count(*) FROM mediasweep.cloudinary_cleanup_queue"


async def test_a_take_over_from_the_first_hint_to_the_second_run(
    blank_database: str, cloud: Cloud
) -> None:
    """Migrate finds the earlier system and says what to do; each step then says what it did."""
    env = environment(blank_database, cloud.url)
    async with made(blank_database) as db:
        await fill(db)
        early = await mediasweep(env, "migrate", "--take-over", "--dry-run")
        assert (early.code, "run `mediasweep migrate` first" in early.err) == (5, True)
        hint = await mediasweep(env, "migrate")
        assert (hint.code, hint.out) == (0, "")
        assert "public.cloudinary_cleanup_queue" in hint.err
        assert "`mediasweep migrate --take-over --dry-run`" in hint.err
        would = await mediasweep(env, "migrate", "--take-over", "--dry-run")
        assert (would.code, "nothing was done" in would.err) == (0, True)
        assert await db.fetchval(QUEUED) == 0
        did = await mediasweep(env, "migrate", "--take-over")
        assert (did.code, did.out, "taken over" in did.err) == (0, would.out, True)
        assert "the brake holds these 5 rows" in did.out
        assert await db.fetchval(QUEUED) == 6
        held = await mediasweep(env, "brake", "show")
        assert "5 rows taken over, and nobody has looked at them yet" in held.out
        shown = await mediasweep(env, "queue", "show", str(await db.fetchval(TRIED)))
        assert "was pending after 1 of 3 attempts" in shown.out
        again = await mediasweep(env, "migrate", "--take-over")
        assert (again.code, again.out, again.err) == (0, "", NOTHING)


@pytest.mark.parametrize("options", [("--with-library", "--take-over"), ("--with-library",)])
async def test_options_that_do_not_go_together_are_refused(
    blank_database: str, cloud: Cloud, options: tuple[str, ...]
) -> None:
    """A library beside the earlier one, or a rehearsal of nothing, is a usage error."""
    env = environment(blank_database, cloud.url)
    async with made(blank_database) as db:
        refused = await mediasweep(env, "migrate", *options)
        assert (refused.code, "--take-over" in refused.err) == (2, True)
        assert await db.fetchval("SELECT to_regnamespace('mediasweep')") is None


async def test_the_printed_sql_takes_over_as_well(
    blank_database: str, cloud: Cloud, server: Server
) -> None:
    """Pasted in one go, it makes what the command makes, and the command agrees."""
    env = environment(blank_database, cloud.url)
    async with made(blank_database) as db:
        await fill(db)
        printed = await mediasweep(env, "sql", "--take-over")
        assert printed.out == "".join(script(take_over=True))
        await db.execute(printed.out)
        assert await db.fetchval(QUEUED) == 6
        pasted = pg_dump(server, blank_database)
        assert (await mediasweep(env, "migrate", "--take-over")).err == NOTHING
        assert pg_dump(server, blank_database) == pasted
