"""`mediasweep brake`: what it shows, asks, refuses, and exits with."""

from __future__ import annotations

import json

import pytest

from mediasweep.cli.consent import LOOK, NOBODY
from mediasweep.emulator.client import Cloud
from mediasweep.postgres.pool import Connection as Db
from tests.commands import mediasweep
from tests.daemons import environment
from tests.schema.brakes import FINISH, LIMIT, MINUTE, closed, let_go, listed, stopped
from tests.schema.queue import ARTICLES, use
from tests.schema.test_brake_opens import CHORE


@pytest.fixture
def env(database: str, cloud: Cloud) -> dict[str, str]:
    """Give the environment of a command."""
    return environment(database, cloud.url)


async def test_show_lists_what_is_held(db: Db, env: dict[str, str]) -> None:
    """Each closed brake is shown with its reason, rows, users and the command that opens it."""
    named = listed(await stopped(db, 12))
    await let_go(db, "next\x1b[2J", 1)
    shown = await mediasweep(env, "brake", "show")
    assert (shown.code, shown.err) == (0, "")
    for part in ("source:   manual", "more than 10 rows", "a1, a2", "rows:     13"):
        assert part in shown.out
    assert "mediasweep brake ack 0-13-" in shown.out
    assert named not in shown.out
    assert "\x1b" not in shown.out


async def test_show_prints_json(db: Db, env: dict[str, str]) -> None:
    """As JSON, the same is one document; with no brake closed, an empty one."""
    none = await mediasweep(env, "brake", "show", "--json")
    assert (none.code, json.loads(none.out)) == (0, [])
    named = await stopped(db)
    [held] = json.loads((await mediasweep(env, "brake", "show", "--json")).out)
    assert (held["source"], held["queue_rows"]) == ("manual", LIMIT + 1)
    assert held["by_whom"][0]["rows"] == LIMIT + 1
    assert listed(held["digest"]) == listed(named)


async def test_show_says_that_none_is_closed(env: dict[str, str]) -> None:
    """With nothing held there is nothing on stdout, and a word on stderr."""
    shown = await mediasweep(env, "brake", "show")
    assert (shown.code, shown.out, shown.err) == (0, "", "no brake is closed\n")


async def test_show_says_what_opens_by_itself(db: Db, env: dict[str, str]) -> None:
    """Of a brake of which all was cancelled no digest is offered, unless it was a slow loss."""
    await stopped(db)
    await db.execute(FINISH, "skipped")
    shown = await mediasweep(env, "brake", "show")
    assert "rows:     0" in shown.out
    assert shown.out.endswith("is left: it opens by itself at the next health check.\n")
    assert "brake ack" not in shown.out
    assert await closed(db) == [0]
    await db.execute(CHORE)
    assert await closed(db) == []


async def test_show_says_how_to_open_a_brake_that_waits_for_more(
    db: Db, env: dict[str, str]
) -> None:
    """A slow loss of which all has gone stays closed, so there is a digest for it."""
    await let_go(db, "a", 5 * LIMIT + 1, every=20 * MINUTE, at_once=False)
    await db.execute(FINISH, "completed")
    await db.execute(CHORE)
    shown = await mediasweep(env, "brake", "show")
    assert "It holds what is yet to come" in shown.out
    opened = await mediasweep(env, *shown.out.splitlines()[-1].split()[1:], "--yes")
    assert (opened.code, await closed(db)) == (0, [])


async def test_ack_lets_go(db: Db, env: dict[str, str]) -> None:
    """With --yes it asks nothing, opens the brake and says how many rows that was."""
    named = await stopped(db)
    let = await mediasweep(env, "brake", "ack", named, "--yes", "--json")
    assert let.code == 0
    assert json.loads(let.out) == {"acknowledged": LIMIT + 1, "digest": named}
    assert await closed(db) == []


async def test_a_dry_run_does_nothing(db: Db, env: dict[str, str]) -> None:
    """It shows what would be released, and the brake stays closed."""
    named = await stopped(db)
    dry = await mediasweep(env, "brake", "ack", named, "--dry-run")
    kept = "of these, 0 would be kept now, in use or protected\n"
    assert (dry.code, dry.err) == (0, kept + "would be released; nothing was done\n")
    assert "rows:     11" in dry.out
    dry = await mediasweep(env, "brake", "ack", named, "--dry-run", "--json")
    assert json.loads(dry.out)["queue_rows"] == LIMIT + 1
    assert await closed(db) == [0]


async def test_a_dry_run_says_what_would_be_kept(db: Db, env: dict[str, str]) -> None:
    """Of what the digest names, and of nothing else, it names what is in use or protected."""
    named = await stopped(db)
    await let_go(db, "later", 1)
    await db.execute(ARTICLES)
    await use(db, "a3")
    await db.execute("SELECT mediasweep.protect('a1'), mediasweep.protect('later')")
    kept = json.loads((await mediasweep(env, "brake", "ack", named, "--dry-run", "--json")).out)
    why = sorted(row["why"] for row in kept["kept"])
    assert (kept["looked"], why) == (
        LIMIT + 1,
        ["in use by public.articles id=1", *["protected by the prefix a1"] * 3],
    )
    dry = await mediasweep(env, "brake", "ack", named, "--dry-run")
    assert "of these, 4 would be kept now, in use or protected\n" in dry.err
    assert await closed(db) == [0]


@pytest.mark.parametrize(("typed", "code", "left"), [("n\n", 1, [0]), ("y\n", 0, [])])
async def test_ack_asks_at_a_terminal(
    db: Db, env: dict[str, str], typed: str, code: int, left: list[int]
) -> None:
    """It shows what it would let go and asks; only a yes does it."""
    asked = await mediasweep(env, "brake", "ack", await stopped(db), typed=typed)
    assert asked.code == code
    assert "rows:     11" in asked.err
    assert "Delete these assets?" in asked.err
    assert await closed(db) == left


async def test_ack_without_a_terminal_wants_a_yes(db: Db, env: dict[str, str]) -> None:
    """A script that does not say yes has not been told to."""
    asked = await mediasweep(env, "brake", "ack", await stopped(db))
    assert asked.code == 2
    assert asked.err.endswith(f"\nmediasweep: Delete these assets? {NOBODY}{LOOK}\n")
    assert asked.err.startswith("source:   manual\n")  # what it would have asked about
    assert await closed(db) == [0]


@pytest.mark.parametrize("how", ["--yes", "--dry-run"])
async def test_a_changed_list_is_refused(db: Db, env: dict[str, str], how: str) -> None:
    """Exit code 6, what has changed, and what to do."""
    named = await stopped(db)
    await db.execute(
        "DELETE FROM mediasweep.cloudinary_cleanup_queue WHERE cloudinary_public_id = 'a1'"
    )
    refused = await mediasweep(env, "brake", "ack", named, how)
    assert (refused.code, refused.out) == (6, "")
    assert refused.err == (
        "mediasweep: the list has changed: it had 11 rows, there are 10 now: nothing was released; "
        "look again with `mediasweep brake show`\n"
    )
    assert await closed(db) == [0]


@pytest.mark.parametrize("how", [("--yes",), ("--dry-run",), ()], ids=" ".join)
async def test_what_is_no_digest_is_refused(env: dict[str, str], how: tuple[str, ...]) -> None:
    """Anything else than a digest is a mistake of usage, and it is said where to get one."""
    refused = await mediasweep(env, "brake", "ack", "all", *how)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == (
        "mediasweep: 'all' is no digest: copy the whole one, as `mediasweep brake show` prints it "
        "in its last line\n"
    )
