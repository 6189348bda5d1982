"""A moment as people type it, read by a given present."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from mediasweep.rules.moment import MomentError, Window, moment, window

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("45s", timedelta(seconds=45)),
        ("30m", timedelta(minutes=30)),
        ("1h", timedelta(hours=1)),
        ("2d", timedelta(days=2)),
        ("3w", timedelta(weeks=3)),
        ("1d12h", timedelta(days=1, hours=12)),
        (" 1H ", timedelta(hours=1)),
        ("0s", timedelta(0)),
    ],
)
def test_a_duration_is_so_long_ago(text: str, ago: timedelta) -> None:
    """A number with a unit, or several, counts back from the present."""
    assert moment(text, NOW) == NOW - ago


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-03-01T14:30", datetime(2026, 3, 1, 14, 30, tzinfo=UTC)),
        ("2026-03-01 14:30:05", datetime(2026, 3, 1, 14, 30, 5, tzinfo=UTC)),
        ("2026-03-01T14:30Z", datetime(2026, 3, 1, 14, 30, tzinfo=UTC)),
        ("2026-03-01T14:30+02:00", datetime(2026, 3, 1, 12, 30, tzinfo=UTC)),
    ],
)
def test_a_time_is_in_utc_unless_it_says_otherwise(text: str, expected: datetime) -> None:
    """ISO 8601 is taken as it is printed elsewhere: in UTC, if it has no offset."""
    assert moment(text, NOW) == expected


def test_the_offset_of_the_present_does_not_matter() -> None:
    """What comes back is in UTC, whatever zone the present was given in."""
    read = moment("1h", NOW.astimezone(timezone(timedelta(hours=5))))
    assert (read, read.tzinfo) == (NOW - timedelta(hours=1), UTC)


@pytest.mark.parametrize(
    "text",
    ["", "h", "1", "-1h", "1.5h", "1y", "1h ago", "yesterday", "2026-13-01", "2026-03-01T25:00",
     "999999w", "0001-01-01T00:00+12:00", "\u0661h"],
)  # fmt: skip
def test_what_is_no_moment_is_refused_with_what_to_write(text: str) -> None:
    """Anything else, and what lies before all calendars, is an error that shows what is right."""
    with pytest.raises(MomentError, match=r"is no moment: give how long ago, as in 30m"):
        moment(text, NOW)


def test_a_window_has_the_bounds_that_were_given() -> None:
    """Either bound may be missing, and both are read by the same present."""
    hour, day = NOW - timedelta(hours=1), NOW - timedelta(days=1)
    assert window(None, None, NOW) == Window()
    assert window("1d", None, NOW) == Window(since=day)
    assert window("1d", "1h", NOW) == Window(day, hour)


@pytest.mark.parametrize(
    ("since", "until"), [("1h", "1h"), ("1h", "1d"), ("2026-03-10T13:00", None), ("1x", "1h")]
)
def test_a_window_that_could_hold_nothing_is_refused(since: str, until: str | None) -> None:
    """Bounds the wrong way round, and a beginning in the future, are mistakes of typing."""
    with pytest.raises(MomentError):
        window(since, until, NOW)
