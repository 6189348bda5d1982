"""The gatekeeper: which answers close which gate, and for how long."""

from dataclasses import astuple
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasweep.rules.gate import Closing, GateKeeper, GatePolicy
from mediasweep.rules.outcome import Answer, Outcome

NOW = datetime(2026, 1, 1, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
FIRST = {
    "auth": timedelta(seconds=15),
    "rate_limit": timedelta(seconds=2),
    "breaker": timedelta(seconds=5),
}
LONGEST = timedelta(seconds=60)
AFTER = 3
UNCLEAR, UNREACHABLE = Outcome.UNCLEAR, Outcome.UNREACHABLE
GOOD = [Outcome.DELETED, Outcome.ABSENT, Outcome.REJECTED, Outcome.LOCKED]


def keeper() -> GateKeeper:
    """Return a gatekeeper that has seen nothing yet."""
    return GateKeeper(GatePolicy(FIRST, LONGEST, AFTER))


def see(to: GateKeeper, *outcomes: Outcome, probe: bool = False) -> list[str | None]:
    """Show answers to a gatekeeper and return the gates that they close."""
    closings = [to.see(Answer(outcome), probe=probe, now=NOW) for outcome in outcomes]
    return [seen.name if seen else None for seen in closings]


def closing(name: str, wait: timedelta, reason: str) -> Closing:
    """Return the closing that tests itself as often as it waits."""
    return Closing(name, reason, wait, wait)


@pytest.mark.parametrize("outcome", [Outcome.AUTH_REFUSED, Outcome.CLOCK_SKEWED])
def test_a_refusal_of_the_account_closes_at_once(outcome: Outcome) -> None:
    """One answer about key or clock closes the auth gate, because all others would get it too."""
    answer = Answer(outcome, "Invalid Signature")
    expected = closing("auth", FIRST["auth"], "Invalid Signature")
    assert expected == keeper().see(answer, probe=False, now=NOW)


def test_a_closing_always_has_a_reason() -> None:
    """Where an answer has no detail, its outcome is the reason."""
    seen = keeper().see(Answer(Outcome.AUTH_REFUSED), probe=False, now=NOW)
    assert closing("auth", FIRST["auth"], "auth_refused") == seen


@pytest.mark.parametrize(
    ("until", "expected"),
    [
        (None, FIRST["rate_limit"]),
        (NOW + timedelta(minutes=10), timedelta(minutes=10)),
        (NOW + timedelta(microseconds=1), timedelta(microseconds=1)),
        (NOW + HOUR, HOUR),
        (NOW + HOUR + timedelta(minutes=5), HOUR + timedelta(minutes=5)),
        # not to be believed: past, present, or far away
        (NOW, FIRST["rate_limit"]),
        (NOW - HOUR, FIRST["rate_limit"]),
        (NOW + HOUR + timedelta(minutes=6), FIRST["rate_limit"]),
        (NOW + timedelta(days=365), FIRST["rate_limit"]),
    ],
)
def test_a_throttle_holds_until_the_named_time(until: datetime | None, expected: timedelta) -> None:
    """A rate limit closes until the time that it names, if that lies within its hour."""
    answer = Answer(Outcome.THROTTLED, "limit", until=until)
    seen = keeper().see(answer, probe=False, now=NOW)
    assert seen is not None
    # a test that was lost must not cost as long again
    assert (seen.name, seen.wait) == ("rate_limit", expected)
    assert seen.probe == min(expected, timedelta(minutes=1))


@pytest.mark.parametrize(
    "outcomes",
    [[UNCLEAR] * AFTER, [UNREACHABLE] * AFTER, [UNCLEAR, UNREACHABLE, UNCLEAR]],
)
def test_failures_in_a_row_trip_the_breaker(outcomes: list[Outcome]) -> None:
    """The breaker closes with the last of so many failures in a row, and not before."""
    assert see(keeper(), *outcomes) == [None] * (AFTER - 1) + ["breaker"]


def test_the_breaker_starts_with_its_first_wait() -> None:
    """However many calls fail at once, the breaker waits its first wait until a test fails."""
    to = keeper()
    answer = Answer(UNCLEAR, "ReadTimeoutError")
    seen = [to.see(answer, probe=False, now=NOW) for _ in range(20)]
    tripped = closing("breaker", FIRST["breaker"], "ReadTimeoutError")
    assert seen == [None] * (AFTER - 1) + [tripped] * (21 - AFTER)


@pytest.mark.parametrize("good", GOOD)
@pytest.mark.parametrize("probe", [False, True])
def test_an_answer_about_the_row_starts_the_count_anew(
    good: Outcome,
    probe: bool,
) -> None:
    """Any answer about the row proves that the service is well, and closes nothing."""
    to = keeper()
    see(to, *[UNCLEAR] * (AFTER - 1))
    assert see(to, good, probe=probe) == [None]
    assert see(to, *[UNCLEAR] * AFTER) == [None] * (AFTER - 1) + ["breaker"]


@pytest.mark.parametrize(
    ("outcome", "name", "waits_s"),
    [
        (UNCLEAR, "breaker", [10, 20, 40, 60, 60]),
        (UNREACHABLE, "breaker", [10, 20, 40, 60, 60]),
        (Outcome.AUTH_REFUSED, "auth", [30, 60, 60, 60, 60]),
        (Outcome.CLOCK_SKEWED, "auth", [30, 60, 60, 60, 60]),
        (Outcome.THROTTLED, "rate_limit", [4, 8, 16, 32, 60]),
    ],
)
def test_each_failed_test_doubles_the_wait(outcome: Outcome, name: str, waits_s: list[int]) -> None:
    """A gate whose test fails closes at once for twice as long, up to the longest wait."""
    to = keeper()
    seen = [to.see(Answer(outcome), probe=True, now=NOW) for _ in waits_s]
    assert [closing(name, timedelta(seconds=s), outcome.value) for s in waits_s] == seen


def test_a_good_test_forgets_the_failed_ones() -> None:
    """After a test went well, the next closing waits the first wait again."""
    to = keeper()
    see(to, Outcome.AUTH_REFUSED, Outcome.AUTH_REFUSED, Outcome.DELETED, probe=True)
    seen = to.see(Answer(Outcome.AUTH_REFUSED), probe=False, now=NOW)
    assert closing("auth", FIRST["auth"], "auth_refused") == seen


def test_a_thousand_failed_tests_are_no_problem() -> None:
    """The wait of a gate that stays closed for weeks is still the longest one."""
    to = keeper()
    see(to, *[UNCLEAR] * 1000, probe=True)
    seen = to.see(Answer(UNCLEAR), probe=True, now=NOW)
    assert closing("breaker", LONGEST, "unclear") == seen


@pytest.mark.parametrize("probe", [False, True])
def test_what_was_not_sent_changes_nothing(probe: bool) -> None:
    """A row that was not sent is no evidence, not even as the test of a gate."""
    to = keeper()
    see(to, UNCLEAR, UNCLEAR)
    before = astuple(to)
    assert see(to, Outcome.UNSENT, probe=probe) == [None]
    assert before == astuple(to)


@pytest.mark.parametrize("between", [Outcome.THROTTLED, Outcome.AUTH_REFUSED])
def test_a_refusal_between_failures_is_not_counted(between: Outcome) -> None:
    """A refusal neither adds to the failures in a row nor ends them."""
    to = keeper()
    see(to, UNCLEAR, between, between)
    assert see(to, UNCLEAR, UNCLEAR) == [None, "breaker"]


@given(st.lists(st.tuples(st.sampled_from(Outcome), st.booleans()), max_size=100))
def test_every_wait_has_its_bounds(answers: list[tuple[Outcome, bool]]) -> None:
    """Whatever comes in whatever order, a closing is of a known gate and within its waits."""
    to = keeper()
    for outcome, probe in answers:
        seen = to.see(Answer(outcome), probe=probe, now=NOW)
        assert seen is None or FIRST[seen.name] <= seen.wait == seen.probe <= LONGEST
        assert seen is None or outcome not in GOOD
