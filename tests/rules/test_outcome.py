"""The meaning of answers: total, and a success only where Cloudinary said so."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasweep.rules.job import Move
from mediasweep.rules.outcome import Answer, Outcome, read_error, read_result, read_until

STALE = "Stale request - reported time is 2026-01-01 10:00:00 +0000 which is more than 1 hour ago"
LIMIT = (
    "Rate Limit Exceeded. Limit of 500 api operations reached. Try again on 2026-01-01 11:00:00 UTC"
)
ADD_ON = "You don't have an active subscription for Google Auto Tagging"
OTHER = "Something else"
MOVES = {
    Outcome.DELETED: Move.COMPLETED,
    Outcome.ABSENT: Move.COMPLETED,
    Outcome.THROTTLED: Move.REFUSED,
    Outcome.AUTH_REFUSED: Move.REFUSED,
    Outcome.LOCKED: Move.REFUSED,
    Outcome.CLOCK_SKEWED: Move.REFUSED,
    Outcome.UNREACHABLE: Move.REFUSED,
    Outcome.UNSENT: Move.REFUSED,
    Outcome.UNCLEAR: Move.UNKNOWN,
    Outcome.REJECTED: Move.FAILED,
}
UNCLEAR_STATUSES = (-1, 0, 200, 204, 302, 404, 408, 409, 413, 422, 500, 502, 503, 504, 520, 999)
ANSWERS = [
    *((status, OTHER, Outcome.REJECTED) for status in (400,)),
    *((status, OTHER, Outcome.AUTH_REFUSED) for status in (401, 403)),
    *((status, OTHER, Outcome.THROTTLED) for status in (420, 429)),
    *((status, OTHER, Outcome.LOCKED) for status in (423,)),
    *((status, OTHER, Outcome.UNCLEAR) for status in UNCLEAR_STATUSES),
    *((status, STALE, Outcome.CLOCK_SKEWED) for status in (400, 401)),
    *((status, STALE, Outcome.UNCLEAR) for status in UNCLEAR_STATUSES),
    *((status, LIMIT, Outcome.THROTTLED) for status in (420, 429)),
    *((status, LIMIT, Outcome.UNCLEAR) for status in UNCLEAR_STATUSES),
    *((status, ADD_ON, Outcome.REJECTED) for status in (400, 420, 429)),
    *((status, ADD_ON, Outcome.UNCLEAR) for status in UNCLEAR_STATUSES),
    (403, STALE, Outcome.AUTH_REFUSED),
    (420, STALE, Outcome.THROTTLED),
    (423, STALE, Outcome.LOCKED),
    (400, STALE.upper(), Outcome.CLOCK_SKEWED),
    (420, ADD_ON.upper(), Outcome.REJECTED),
    (400, "", Outcome.REJECTED),
    (500, "not found", Outcome.UNCLEAR),
    (500, "ok", Outcome.UNCLEAR),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("ok"),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text(), inner)
        | st.fixed_dictionaries({"result": inner})
    ),
)


def test_each_outcome_has_its_move() -> None:
    """Every outcome makes the move that the state table gives it, and none is left out."""
    assert {outcome: outcome.move for outcome in Outcome} == MOVES


@pytest.mark.parametrize(("status", "message", "expected"), ANSWERS)
def test_an_error_is_read_by_status_and_message(
    status: int, message: str, expected: Outcome
) -> None:
    """Status and message together decide what an error means."""
    answer = read_error(status, message, request_id="r1")
    evidence = {"error": {"message": message, "http_code": status}}
    until = datetime(2026, 1, 1, 11, tzinfo=UTC) if message == LIMIT else None
    assert Answer(expected, message, evidence, "r1", status, until=until) == answer


@given(st.integers(), st.text())
def test_an_error_never_completes(status: int, message: str) -> None:
    """Any status with any message has an outcome, and none of them is a success."""
    assert read_error(status, message).outcome in Outcome
    assert read_error(status, message).outcome.move is not Move.COMPLETED


@given(st.integers(-1000, 399) | st.integers(500, 1000), st.text())
def test_an_error_of_a_server_never_fails_a_row(status: int, message: str) -> None:
    """What is no refusal by Cloudinary leaves open whether the asset is gone."""
    assert read_error(status, message).outcome is Outcome.UNCLEAR


def test_a_long_message_is_cut() -> None:
    """An error page of any length leaves a detail and a response of bounded size."""
    answer = read_error(500, "x" * 100_000)
    assert answer.detail == "x" * 500
    assert answer.response == {"error": {"message": "x" * 2000, "http_code": 500}}


@pytest.mark.parametrize(
    ("result", "expected"), [("ok", Outcome.DELETED), ("not found", Outcome.ABSENT)]
)
def test_the_two_expected_results_complete(result: str, expected: Outcome) -> None:
    """`ok` and `not found` complete a row, whatever else the answer holds."""
    body = {"result": result, "asset_folder": "f"}
    assert Answer(expected, response=body, status=200) == read_result(body)


@pytest.mark.parametrize(
    "body",
    [
        None,
        "ok",
        200,
        [],
        ["ok"],
        [{"result": "ok"}],
        {},
        {"result": None},
        {"result": True},
        {"result": "OK"},
        {"result": "ok "},
        {"result": "not_found"},
        {"result": ["ok"]},
        {"result": {"result": "ok"}},
        {"deleted": {"p": "deleted"}},
        {"Result": "ok"},
    ],
)
def test_a_likeness_of_success_is_unclear(body: object) -> None:
    """What only resembles an expected result leaves the row in doubt and keeps the evidence."""
    answer = read_result(body)
    assert answer.outcome is Outcome.UNCLEAR
    assert answer.detail is not None
    assert answer.response == (body if isinstance(body, dict) else {"body": repr(body)})


@given(JSON)
def test_no_other_json_completes(body: object) -> None:
    """Of all JSON values, only an object with one of the two results completes a row."""
    expected = isinstance(body, dict) and body.get("result") in ("ok", "not found")
    assert expected == (read_result(body).outcome.move is Move.COMPLETED)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (LIMIT, datetime(2026, 1, 1, 11, tzinfo=UTC)),
        ("Try again on 2024-02-29 23:59:59 UTC.", datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC)),
        ("Try again on 2026-01-01 11:00:00", None),
        ("Try again on 2026-01-01 11:00:00 CET", None),
        ("Try again later", None),
        ("2026-01-01 11:00:00 UTC", None),
        ("", None),
        # no time at all, although it looks like one
        ("Try again on 2026-02-30 11:00:00 UTC", None),
        ("Try again on 2026-13-01 11:00:00 UTC", None),
        ("Try again on 2026-01-01 24:00:00 UTC", None),
        ("Try again on 0000-01-01 00:00:00 UTC", None),
    ],
)
def test_a_message_may_name_the_time_to_try_again(message: str, expected: datetime | None) -> None:
    """The time is read where a message names one that exists, and only there."""
    assert expected == read_until(message)


@given(st.from_regex(r"Try again on \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"))
def test_an_impossible_time_does_no_harm(message: str) -> None:
    """A throttling answer stays one, whatever digits stand where its time should be."""
    assert read_error(420, message).outcome is Outcome.THROTTLED
