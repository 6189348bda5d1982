"""The waits of a row: within their bounds for every chance, attempt and answer."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasweep.daemon import BACKOFF_CAP, GATE_LONGEST
from mediasweep.rules.job import Move
from mediasweep.rules.outcome import Answer, Backoff, Outcome

NOTHING = timedelta(0)
BASE = timedelta(seconds=15)
CAP = BACKOFF_CAP
SETTLE = timedelta(seconds=20)
BACKOFF = Backoff(BASE, CAP, SETTLE)
UNCLEAR = Answer(Outcome.UNCLEAR)
ALMOST_1 = 1 - 2**-53

jitters = st.floats(0, 1, exclude_max=True)
attempts = st.integers(1, 100)


@pytest.mark.parametrize(
    ("attempt", "jitter", "expected"),
    [
        (1, 0.0, NOTHING),
        (1, 0.5, BASE / 2),
        (2, 0.5, BASE * 2),
        (3, 0.5, BASE * 8),
        (4, 0.5, CAP / 2),
        (5, 0.5, CAP / 2),
        (99, 0.0, NOTHING),
        (99, 0.5, CAP / 2),
    ],
)
def test_the_wait_quadruples_up_to_the_cap(
    attempt: int, jitter: float, expected: timedelta
) -> None:
    """The range of the wait grows fourfold with each attempt and stops at the cap."""
    assert expected == BACKOFF.wait(UNCLEAR, attempt, 100, jitter)


@given(attempts, attempts, jitters)
def test_the_wait_stays_in_its_range(attempt: int, more: int, jitter: float) -> None:
    """Before the last attempt, a wait is at least nothing and at most the attempt's share."""
    wait = BACKOFF.wait(UNCLEAR, attempt, attempt + more, jitter)
    assert NOTHING <= wait <= min(CAP, BASE * 4 ** min(attempt - 1, 10))


@given(attempts, st.integers(0, 3), jitters)
def test_the_last_wait_lets_the_request_settle(max_attempts: int, over: int, jitter: float) -> None:
    """Nothing is given up before the last request can no longer take effect."""
    wait = BACKOFF.wait(UNCLEAR, max_attempts + over, max_attempts, jitter)
    assert SETTLE <= wait <= CAP


def test_full_jitter_is_spread_over_the_range() -> None:
    """The highest chance waits almost the whole range, so that replicas spread over all of it."""
    wait = BACKOFF.wait(UNCLEAR, 1, 3, ALMOST_1)
    assert BASE - timedelta(milliseconds=1) <= wait <= BASE


@pytest.mark.parametrize(
    "outcome", [o for o in Outcome if o.move is not Move.UNKNOWN and o is not Outcome.LOCKED]
)
@pytest.mark.parametrize("attempt", [1, 3, 100])
def test_a_refused_row_does_not_wait(outcome: Outcome, attempt: int) -> None:
    """What is known to have done nothing is due at once: a gate makes it wait, not the row."""
    assert BACKOFF.wait(Answer(outcome), attempt, 3, ALMOST_1) == NOTHING


@given(attempts, jitters)
def test_what_a_key_may_not_delete_lets_others_go_first(attempt: int, jitter: float) -> None:
    """After a 403 a row stays away for longer than any gate waits; after a 401 it does not."""
    wait = BACKOFF.wait(Answer(Outcome.AUTH_REFUSED, status=403), attempt, 3, jitter)
    assert CAP / 2 <= wait <= CAP
    assert GATE_LONGEST < CAP / 2
    assert BACKOFF.wait(Answer(Outcome.AUTH_REFUSED, status=401), attempt, 3, jitter) == NOTHING


@given(attempts, jitters)
def test_a_locked_asset_waits_a_little(attempt: int, jitter: float) -> None:
    """An asset still being processed closes no gate, so its row waits, and never longer."""
    assert BASE * jitter == BACKOFF.wait(Answer(Outcome.LOCKED), attempt, 3, jitter)


@given(st.timedeltas(NOTHING, timedelta(days=365)), attempts, jitters)
def test_a_long_base_is_capped_too(base: timedelta, attempt: int, jitter: float) -> None:
    """A first wait of any length that can be set stays below the cap on every attempt."""
    wait = Backoff(base, CAP, SETTLE).wait(UNCLEAR, attempt, 101, jitter)
    assert NOTHING <= wait <= CAP
