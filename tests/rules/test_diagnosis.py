"""What a doctor makes of what was seen, where no test can plant it: networks, clocks, patience."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mediasweep.rules.diagnosis import account, connection, work
from mediasweep.rules.finding import Finding, Level
from mediasweep.rules.quota import LEFT, LIMIT

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
PUBLIC, PRIVATE = "8.8.8.8", "10.0.0.7"
DSN = "postgresql://a:b@db.example/d"
DAEMON = {"alive": True, "works": True, "listening": True, "host": "h", "pid": 7}
DAEMON |= {"started_at": NOW - MINUTE, "beat_at": NOW}
HTTP_NOW = "Sun, 01 Mar 2026 12:00:00 GMT"


def levels(found: list[Finding]) -> list[Level]:
    """Return how bad each finding is."""
    return [finding.level for finding in found]


@pytest.mark.parametrize(
    ("peer", "encrypted", "query", "expected"),
    [
        (None, False, "", []),
        ("127.0.0.1", False, "", []),
        ("::1", False, "", []),
        ("fe80::1%eth0", False, "", [Level.NOTE]),
        (PRIVATE, False, "", [Level.NOTE]),
        (PRIVATE, True, "", []),
        (PUBLIC, False, "", [Level.WARNING]),
        (PUBLIC, False, "?sslmode=disable", [Level.WARNING]),
        (PUBLIC, True, "", [Level.NOTE]),
        (PUBLIC, True, "?sslmode=require", [Level.NOTE]),
        (PUBLIC, True, "?sslmode=verify-ca", []),
        (PUBLIC, True, "?sslmode=verify-full", []),
    ],
)
def test_a_connection_that_others_can_read_is_told(
    peer: str | None, encrypted: bool, query: str, expected: list[Level]
) -> None:
    """Over a public network it warns, where nobody is in between it says nothing."""
    found = connection.encryption("DATABASE_URL", peer, encrypted=encrypted, dsn=DSN + query)
    assert levels(found) == expected


@pytest.mark.parametrize(
    ("off", "expected"),
    [
        (29 * SECOND, []),
        (-29 * SECOND, []),
        (31 * SECOND, [Level.WARNING]),
        (-31 * SECOND, [Level.WARNING]),
        (55 * MINUTE, [Level.PROBLEM]),
    ],
)
def test_a_clock_is_told_before_cloudinary_refuses_it(
    off: timedelta, expected: list[Level]
) -> None:
    """A request that is an hour off is stale, so 50 minutes are a problem already."""
    assert levels(account.clock(HTTP_NOW, NOW + off)) == expected


@pytest.mark.parametrize("told", [None, "", "yesterday", "Sun, 01 Mar 2026 12:00:00 -0000"])
def test_a_date_that_is_none_says_nothing(told: str | None) -> None:
    """Whatever stands in the header, the doctor goes on."""
    assert account.clock(told, NOW) == []


@pytest.mark.parametrize("headers", [{}, {LIMIT: "x", LEFT: "1"}])
def test_a_quota_that_is_not_told_says_nothing(headers: dict[str, str]) -> None:
    """An answer without the headers is no finding."""
    assert account.quota(headers) == []


def test_a_slow_answer_of_the_database_is_no_skew() -> None:
    """A clock that was read at any moment between question and answer is right."""
    server = {"now": NOW}
    assert connection.clock(server, NOW - MINUTE, NOW + MINUTE) == []
    assert "ahead of" in connection.clock(server, NOW - 3 * MINUTE, NOW - 2 * MINUTE)[0].what
    assert "behind" in connection.clock(server, NOW + 2 * MINUTE, NOW + 3 * MINUTE)[0].what


@pytest.mark.parametrize(
    ("dsn", "expected"),
    [
        ("postgresql://a:b@eu.pooler.supabase.com:6543/d", "at port 5432 is the session pooler"),
        ("postgresql://a:b@eu.example:6543/d", "direct (or session-mode) address"),
    ],
)
def test_a_transaction_pooler_is_told_with_the_setting(dsn: str, expected: str) -> None:
    """Supabase's pooler has both modes on one host, so that the port is the remedy."""
    [found] = connection.listening(heard=False, pooled=True, name="DATABASE_URL", dsn=dsn)
    assert (found.level, "transaction pooler" in found.what) == (Level.WARNING, True)
    assert found.remedy.endswith(expected)


def test_supabases_direct_address_is_told_to_need_ipv6() -> None:
    """Who cannot reach it learns of the session pooler."""
    [found] = connection.away("DATABASE_URL", "unreachable", "postgresql://a:b@db.x.supabase.co/d")
    assert "session pooler" in found.remedy


def test_isolation_matters_through_a_pooler_only() -> None:
    """Without one a daemon asks for READ COMMITTED itself."""
    server = {"isolation": "serializable", "role": "ann"}
    assert connection.isolation(server, pooled=False) == []
    assert levels(connection.isolation(server, pooled=True)) == [Level.PROBLEM]
    assert connection.isolation(server | {"isolation": "read committed"}, pooled=True) == []


@pytest.mark.parametrize(
    ("writes", "lasts", "count"),
    [
        (True, 59 * SECOND, 0),
        (True, 61 * SECOND, 1),
        (False, 59 * MINUTE, 0),
        (False, 61 * MINUTE, 1),
        (True, None, 0),
    ],
)
def test_a_writer_is_told_after_a_minute_and_a_reader_after_an_hour(
    writes: bool, lasts: timedelta | None, count: int
) -> None:
    """Rows wait for a writer to its end, and for a reader for seconds."""
    one: dict[str, Any] = {"about": "pid 7", "writes": writes, "prepared": None}
    assert len(work.holding([one | {"lasts": lasts, "statement": ""}])) == count


def test_rows_that_were_due_for_a_moment_are_no_finding() -> None:
    """Ten minutes are two sweeps."""
    assert work.due(9 * MINUTE, 5, ()) == []
    assert work.due(11 * MINUTE, 0, ()) == []
    assert levels(work.due(11 * MINUTE, 5, ("5 in doubt",))) == [Level.WARNING]


def test_no_daemon_is_worse_while_rows_wait() -> None:
    """With an empty queue it is a warning; with rows nothing is deleted that should be."""
    assert levels(work.daemons([], "1", 0)) == [Level.WARNING]
    assert levels(work.daemons([], "1", 3)) == [Level.PROBLEM]


def test_a_command_of_another_version_says_so() -> None:
    """It is a note: nothing is wrong with the daemons."""
    one = {"version": "2"} | DAEMON
    assert levels(work.daemons([one], "1", 0)) == [Level.NOTE]
    assert work.daemons([one], "2", 0) == []


def test_a_daemon_that_has_just_begun_may_not_hear_yet() -> None:
    """Its first beat comes before it listens; ten seconds later it should."""
    deaf = DAEMON | {"version": "1", "listening": False}
    assert work.daemons([deaf | {"started_at": NOW - 9 * SECOND}], "1", 0) == []
    assert levels(work.daemons([deaf], "1", 0)) == [Level.WARNING]
