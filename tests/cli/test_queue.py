"""The queue commands as they are typed: filters, the question, dry runs, exit codes."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

from mediasweep.cli.consent import LOOK, NOBODY
from mediasweep.postgres.pool import Connection as Db
from tests.commands import mediasweep
from tests.daemons import environment
from tests.schema.queue import ARTICLES, claim, enqueue, events, rows, use

URL = "cloudinary://key:secret@cloud"


class Done(NamedTuple):
    """How a command ended, and what it wrote."""

    code: int
    out: list[str]
    err: list[str]

    @property
    def said(self) -> Any:  # noqa: ANN401  whatever the command prints
        """What it printed as JSON."""
        return json.loads("\n".join(self.out))


async def _run(database: str, *command: str, typed: str | None = None) -> Done:
    """Run `mediasweep queue …`; `typed` is what a person types at the terminal, None: nobody is."""
    done = await mediasweep(environment(database, URL), *command, typed=typed)
    return Done(done.code, done.out.splitlines(), done.err.splitlines())


async def _queue(database: str, *command: str, typed: str | None = None) -> Done:
    return await _run(database, "queue", *command, typed=typed)


async def _statuses(db: Db) -> list[str]:
    return [row["status"] for row in await rows(db)]


async def test_a_cancel_by_filter_moves_and_prints_the_ids(database: str, db: Db) -> None:
    """The ids that were moved go to stdout, and how many to stderr; the journal has who and why."""
    ids = await enqueue(db, "a/1", "b/1", "a/2")
    done = await _queue(database, "cancel", "--public-id", "a/*", "--yes", "--why", "a mistake")
    assert done == (0, [str(ids[0]), str(ids[2])], ["2 cancelled"])
    assert await _statuses(db) == ["skipped", "pending", "skipped"]
    [first, _] = await events(db, "event", "detail", "actor")
    assert first[:2] == ("cancelled", "a mistake")
    assert "@" in first[2]


@pytest.mark.parametrize("command", [("cancel", "--since", "1h"), ("cancel", "ID")])
async def test_where_nobody_can_be_asked_nothing_is_done(
    database: str, db: Db, command: tuple[str, ...]
) -> None:
    """Without a terminal and without --yes: exit 2, one sentence, and no row is moved."""
    [id_] = await enqueue(db, "a")
    done = await _queue(database, *(str(id_) if word == "ID" else word for word in command))
    assert (done.code, done.out, len(done.err)) == (2, [], 1)
    question = "Cancel 1 row and the others of the same assets?"
    assert done.err == [f"mediasweep: {question} {NOBODY}{LOOK}"]
    assert await _statuses(db) == ["pending"]


@pytest.mark.parametrize(
    ("typed", "code", "status", "said"),
    [
        ("y\n", 0, "skipped", "1 cancelled"),
        ("n\n", 1, "pending", "mediasweep: nothing was changed"),
    ],
)
async def test_a_person_is_asked(
    database: str, db: Db, typed: str, code: int, status: str, said: str
) -> None:
    """At a terminal the answer decides."""
    await enqueue(db, "a")
    done = await _queue(database, "cancel", "--source", "manual", typed=typed)
    assert done.code == code
    assert "Cancel 1 row and the others of the same assets? [y/N]" in done.err[0]
    assert done.err[-1].endswith(said)
    assert await _statuses(db) == [status]


async def test_a_retry_of_named_rows_does_not_ask(database: str, db: Db) -> None:
    """Whoever names the ids has said what they want; by filter it asks."""
    [id_] = await enqueue(db, "a")
    assert (await _queue(database, "cancel", str(id_), "--yes")).code == 0
    refused = await _queue(database, "retry", "--status", "skipped")
    assert (refused.code, await _statuses(db)) == (2, ["skipped"])
    assert await _queue(database, "retry", str(id_)) == (0, [str(id_)], ["1 put back to pending"])
    assert await _statuses(db) == ["pending"]


async def test_what_is_refused_is_named_with_the_reason(database: str, db: Db) -> None:
    """A row that was named and not moved makes the command fail; the others are moved."""
    ids = await enqueue(db, "a", "b")
    await claim(db, batch=1)
    done = await _queue(database, "cancel", *map(str, ids), "--yes")
    assert (done.code, done.out) == (1, [str(ids[1])])
    assert f"refused, a daemon is deleting it: {ids[0]}" in done.err[0]


async def test_a_dry_run_changes_nothing(database: str, db: Db) -> None:
    """It shows what would be moved, what would be refused, and how many more match."""
    ids = await enqueue(db, "a/1", "a/2", "a/3")
    await claim(db, batch=1)
    before = await rows(db)
    told = await _queue(database, "cancel", "--public-id", "a/*", "--limit", "2", "--dry-run")
    assert told.code == 0
    assert ["a/1" in told.out[1], "a/2" in told.out[2], len(told.out)] == [True, True, 3]
    assert told.err[-2:] == ["1 would be cancelled", "mediasweep: 1 more match; --limit is 2"]
    done = await _queue(
        database, "cancel", "--public-id", "a/*", "--limit", "2", "--dry-run", "--json"
    )
    assert done.said == {
        "move": "cancel",
        "dry_run": True,
        "moved": [str(ids[1])],
        "refused": [{"id": str(ids[0]), "why": "a daemon is deleting it"}],
        "left": 1,
    }
    assert before == await rows(db)


async def test_what_goes_along_is_told(database: str, db: Db) -> None:
    """A cancel of one row of an asset prints the others, too, and says how many they are."""
    ids = await enqueue(db, "a", "a", "b")
    told = await _queue(database, "cancel", str(ids[0]), "--dry-run")
    assert (told.code, len(told.out)) == (0, 3)
    assert told.err == ["2 would be cancelled, 1 of them as other rows of the same assets"]
    done = await _queue(database, "cancel", str(ids[0]), "--yes")
    assert done.out == [str(id_) for id_ in ids[:2]]
    assert done.err == ["2 cancelled, 1 of them as other rows of the same assets"]


async def test_the_answer_can_be_had_as_json(database: str, db: Db) -> None:
    """With --json, stdout is one document that says what became of every row."""
    ids = await enqueue(db, "a", "b")
    done = await _queue(database, "cancel", "--app", "", "--limit", "1", "--yes", "--json")
    assert done.said["moved"] == [str(ids[0])]
    assert (done.said["dry_run"], done.said["left"]) == (False, 1)
    assert done.err == [
        "1 cancelled",
        "mediasweep: 1 more match; --limit is 1: give the command again, or a higher one",
    ]


async def test_a_long_move_tells_how_far_it_is(database: str, db: Db) -> None:
    """Progress is told on stderr, step by step."""
    await enqueue(db, *(f"a{n}" for n in range(1500)))
    done = await _queue(database, "cancel", "--status", "pending", "--limit", "5000", "--yes")
    assert (done.code, len(done.out)) == (0, 1500)
    assert done.err == ["1,000 of 1,500", "1,500 of 1,500", "1,500 cancelled"]


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (
            ("cancel",),
            "say which rows to cancel: give their ids, or a filter: --status, --source, ",
        ),
        (("retry", "--yes"), "--in-doubt or --not-in-doubt, --own or --not-own"),
        (("retry", "ID", "--app", "x"), "give ids, or a filter, not both"),
        (("list", "--in-doubt", "--not-in-doubt"), "no row is both in-doubt and not"),
        (("list", "--own", "--not-own"), "no row is both own and not"),
        (("list", "--reason", "deleted"), "give one of row_deleted, soft_deleted, reference_"),
        (("list", "--source", "77"), "no source has the number 77: give public.media_assets (1)"),
        (("cancel", "--source", "77", "--yes"), "or manual for what no table put there"),
        (("list", "--since", "soon"), "'soon' is no moment"),
        (("list", "--source", "nothing"), "'nothing' is no attached table: give public.media"),
        (("retry", "--status", "pending", "--yes"), "ask for the status failed or skipped"),
        (("cancel", "--status", "processing", "--yes"), "ask for the status pending"),
    ],
)
async def test_what_cannot_be_meant_is_refused(
    database: str, db: Db, command: tuple[str, ...], sentence: str
) -> None:
    """Exit 2, and one line that says what to write."""
    [id_] = await enqueue(db, "a")
    done = await _queue(database, *(str(id_) if word == "ID" else word for word in command))
    assert (done.code, done.out, len(done.err)) == (2, [], 1)
    assert sentence in done.err[0]
    assert await _statuses(db) == ["pending"]


async def test_a_list_takes_the_same_filters(database: str, db: Db) -> None:
    """Each option of the filter reaches the database."""
    await enqueue(db, "a/1", "a/2", "b/1", source=1)
    await enqueue(db, "a/3")
    given = ("--source", "media_assets", "--public-id", "a/?", "--reason", "manual", "--app", "")
    more = ("--status", "pending", "--since", "1h", "--not-in-doubt", "--not-own")
    who = await db.fetchval("SELECT session_user")
    done = await _queue(
        database, "list", *given, "--actor", str(who), *more, "--limit", "1", "--json"
    )
    assert [row["cloudinary_public_id"] for row in done.said] == ["a/2"]
    assert done.err == ["mediasweep: 1 more match; --limit is 1"]
    assert (await _queue(database, "list", "--until", "1h", "--json")).said == []
    for none in (("--in-doubt",), ("--own",), ("--filename", "*")):
        assert (await _queue(database, "list", *none, "--json")).said == []


async def test_the_status_tells_what_waits_and_what_is_protected(database: str, db: Db) -> None:
    """What all rows wait for in a line, and the prefixes that are never deleted."""
    await enqueue(db, "a", "b")
    await db.execute("SELECT mediasweep.protect('logos/'), mediasweep.protect('brand/')")
    done = await _run(database, "status")
    assert "waiting:  2 without a daemon that is alive" in done.out
    assert "protected prefixes: brand/ logos/" in done.out
    told = (await _run(database, "status", "--json")).said
    assert [(why["reason"], why["rows"]) for why in told["waiting"]] == [("no_daemon", 2)]
    assert [one["prefix"] for one in told["protected"]] == ["brand/", "logos/"]


async def test_show_says_why_a_row_is_here(database: str, db: Db) -> None:
    """The first line is the public id and everything that keeps it."""
    [id_] = await enqueue(db, "a")
    await db.execute(
        "INSERT INTO mediasweep.gate (name, reason, closed_by) VALUES ('pause', 'moving', 'ann')"
    )
    done = await _queue(database, "show", str(id_))
    assert done.out[0] == (
        "a waits for a daemon: none is alive; waits: the gate pause is closed (moving, by ann)"
    )


async def test_a_dry_run_of_a_retry_says_what_would_be_kept(database: str, db: Db) -> None:
    """Of what would be put back, the next claim keeps what is in use or protected by then."""
    ids = await enqueue(db, "a", "b/1", "c")
    assert (await _queue(database, "cancel", *map(str, ids), "--yes")).code == 0
    await db.execute(ARTICLES)
    await use(db, "a")
    await db.execute("SELECT mediasweep.protect('b/')")
    given = ("retry", "--status", "skipped", "--dry-run")
    told = await _queue(database, *given)
    assert told.code == 0
    assert told.err[:2] == [
        "3 would be put back to pending",
        "of these, 2 would be kept now, in use or protected",
    ]
    assert set(told.err[2:]) == {
        f"  {ids[0]} in use by public.articles id=1",
        f"  {ids[1]} protected by the prefix b/",
    }
    as_json = (await _queue(database, *given, "--json")).said
    assert {row["id"] for row in as_json["kept"]} == {str(ids[0]), str(ids[1])}
    assert (as_json["looked"], as_json["guard"]) == (3, None)
    assert await _statuses(db) == ["skipped"] * 3


async def test_a_dry_run_says_that_the_guard_cannot_answer(database: str, db: Db) -> None:
    """What is in use cannot be known then, so no row is said to go."""
    [id_] = await enqueue(db, "a")
    assert (await _queue(database, "cancel", str(id_), "--yes")).code == 0
    await db.execute(ARTICLES)
    await db.execute("ALTER TABLE articles RENAME COLUMN cover TO picture")
    told = await _queue(database, "retry", str(id_), "--dry-run")
    assert told.code == 0
    assert told.err[1].startswith("mediasweep: the guard cannot answer, so nothing would be sent: ")


async def test_an_empty_list_says_so(database: str) -> None:
    """Nothing on stdout, and a word on stderr; as JSON, an empty document and no word."""
    empty = await _queue(database, "list")
    assert (empty.code, empty.out, empty.err) == (0, [], ["no rows"])
    as_json = await _queue(database, "list", "--json")
    assert (as_json.said, as_json.err) == ([], [])
