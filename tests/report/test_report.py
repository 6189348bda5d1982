"""The report: each event is told once, by a stable name, in closed sets of series, on one line."""

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, get_args
from uuid import UUID

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from mediasweep.report import GATES, LEVELS, WOKEN_BY, Metrics, Report, configure_logging, line
from mediasweep.rules import events
from mediasweep.rules.asset import Asset
from mediasweep.rules.job import Status
from mediasweep.rules.outcome import Answer, Outcome
from tests.report.samples import BUSY, CLOSING, EVENTS, JOB, LINES, OK, SECOND, SILENT

Tell = Callable[[str, events.Event], str]
NASTY = ["a\nb", "a\r\nb", "a\x1b[2Jb", "a\x00b", "a\x07b", "a\x9bb", 'a" level="error', "ä/\u2028"]


@pytest.fixture
def metrics() -> Metrics:
    """Give the metrics of a daemon that has just started."""
    return Metrics("1.0")


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Log nothing unless a test configures it, and leave no configuration behind."""
    structlog.configure(processors=[_drop])
    yield
    structlog.reset_defaults()


@pytest.fixture
def told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], metrics: Metrics
) -> Tell:
    """Give a function that reports an event in a form and returns what stands on stderr."""
    monkeypatch.setattr(logging.root, "handlers", [])
    monkeypatch.setattr(logging.root, "level", logging.root.level)

    def tell(form: str, event: events.Event) -> str:
        capsys.readouterr()
        configure_logging(form=form, level="debug")
        Report(metrics).emit(event)
        out, err = capsys.readouterr()
        assert out == ""
        return err

    return tell


def series(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Return every series by name and labels; when it was created is no series of ours."""
    return {
        (sample.name, tuple(sample.labels.items())): sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def moved(metrics: Metrics, event: events.Event) -> dict[str, float]:
    """Report an event and return by how much it moved each series, buckets left out."""
    before = series(metrics)
    Report(metrics).emit(event)
    return {
        " ".join([name.removeprefix("mediasweep_"), *(value for _, value in labels)]): by
        for (name, labels), value in series(metrics).items()
        if (by := value - before.get((name, labels), 0)) and not name.endswith("_bucket")
    }


def _drop(_logger: object, _name: str, _values: object) -> Any:  # noqa: ANN401  as structlog has it
    raise structlog.DropEvent


def test_every_event_has_a_line_here() -> None:
    """No event comes without its place in the table of log lines."""
    assert {type(event) for event in EVENTS} == set(get_args(events.Event))


@pytest.mark.parametrize(("event", "level", "name", "values"), LINES)
def test_an_event_has_a_stable_line(
    event: events.Event, level: str, name: str, values: dict[str, object]
) -> None:
    """An event is told at its level, under its name, with its values."""
    assert line(event) == (level, name, values)
    assert level in LEVELS


@pytest.mark.parametrize("outcome", Outcome)
def test_an_answer_that_mends_itself_is_no_warning(outcome: Outcome) -> None:
    """Only answers that leave the asset where it was are worth a warning."""
    quiet = {Outcome.DELETED, Outcome.ABSENT, Outcome.UNSENT}
    expected = "debug" if outcome in quiet else "warning"
    assert line(events.Answered(JOB, Answer(outcome), 0.1))[0] == expected


@pytest.mark.parametrize(("event", "level", "name", "values"), LINES)
def test_the_json_log_has_one_object_a_line(
    told: Tell, *, event: events.Event, level: str, name: str, values: dict[str, object]
) -> None:
    """In the JSON log, an event is one line with its values, level, name and time."""
    read = json.loads(told("json", event).removesuffix("\n"))
    assert read.pop("timestamp").endswith("Z")
    assert read == json.loads(json.dumps(values | {"level": level, "event": name}))


@pytest.mark.parametrize("nasty", NASTY)
@pytest.mark.parametrize("form", ["json", "console"])
def test_values_from_outside_cannot_write_the_log(told: Tell, form: str, nasty: str) -> None:
    """A public id or an error with control characters neither breaks a line nor moves a cursor."""
    job = replace(JOB, asset=Asset(nasty, None, None))
    shown = told(form, events.Answered(job, replace(BUSY, detail=nasty), 0.1))
    assert shown.endswith("\n")
    assert not [c for c in shown[:-1] if not c.isprintable()]


@given(st.text())
def test_any_public_id_comes_through_json(public_id: str) -> None:
    """The renderer of the JSON log gives every public id back as it was, from one line."""
    job = replace(JOB, asset=Asset(public_id, None, None))
    values = line(events.ClaimLost(job, OK))[2]
    shown = str(structlog.processors.JSONRenderer()(None, "warning", values))
    assert shown.splitlines() == [shown]
    assert json.loads(shown)["public_id"] == public_id


def test_the_level_keeps_less_out(
    told: Tell, capsys: pytest.CaptureFixture[str], metrics: Metrics
) -> None:
    """What is below the level that was set is counted and not logged."""
    assert told("json", events.ListenerUp())
    configure_logging(form="json", level="warning")
    Report(metrics).emit(events.Recorded(JOB, OK, SECOND))
    assert capsys.readouterr().err == ""
    assert metrics.registry.get_sample_value("mediasweep_commit_to_gone_seconds_count") == 1


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (events.Swept(3, 2, 1, 1, 0.1, "notify"), {"sweeps_total notify": 1, "skipped_total": 2}),
        (
            events.Answered(JOB, OK, 0.5),
            {"deletions_total deleted": 1, "cloudinary_requests_total upload 200": 1},
        ),
        (
            events.Answered(JOB, BUSY, 0.5),
            {"deletions_total throttled": 1, "cloudinary_requests_total upload 420": 1},
        ),
        (
            events.Answered(JOB, SILENT, 0.5),
            {"deletions_total unclear": 1, "cloudinary_requests_total upload none": 1},
        ),
        (events.Answered(JOB, Answer(Outcome.UNSENT), 0), {"deletions_total unsent": 1}),
        (
            events.Recorded(JOB, OK, 2 * SECOND),
            {"commit_to_gone_seconds_count": 1, "commit_to_gone_seconds_sum": 2},
        ),
        (events.Recorded(JOB, SILENT, SECOND), {}),
        (events.Recorded(JOB, Answer(Outcome.REJECTED), SECOND), {}),
        (events.ClaimLost(JOB, OK), {"claims_lost_total": 1}),
        (events.GuardFailed("x"), {"guard_failures_total": 1}),
        (events.ListenerUp(), {"listener_up": 1}),
        (events.GateClosed(CLOSING), {}),
    ],
)
def test_an_event_moves_its_series(
    metrics: Metrics, event: events.Event, expected: dict[str, float]
) -> None:
    """An event moves the series that it is about, and no other."""
    assert moved(metrics, event) == expected


def test_the_listener_goes_up_and_down(metrics: Metrics) -> None:
    """The gauge of the listener follows the last event."""
    assert moved(metrics, events.ListenerUp()) == {"listener_up": 1}
    assert moved(metrics, events.ListenerUp()) == {}
    assert moved(metrics, events.ListenerDown("reset")) == {"listener_up": -1}


def test_all_series_start_at_zero(metrics: Metrics) -> None:
    """A fresh daemon has every series of a closed set at zero, so that rates are right at once."""
    start = series(metrics)
    assert {name: value for (name, _), value in start.items() if value} == {
        "mediasweep_build_info": 1
    }
    closed = {"deletions_total": Outcome, "gate_closed": GATES, "queue_rows": Status}
    closed["sweeps_total"] = WOKEN_BY
    for name, values in closed.items():
        found = [label[1] for (n, labels) in start for label in labels if n == f"mediasweep_{name}"]
        assert found == [*map(str, values)]


def test_an_answer_opens_no_series(metrics: Metrics) -> None:
    """The first answer of every status, however odd, finds its series at zero."""
    before = series(metrics).keys()
    for status in (None, 0, 200, 299, 400, 401, 403, 404, 409, 420, 423, 429, 500, 502, 503, 999):
        moved(metrics, events.Answered(JOB, replace(SILENT, status=status), 0.1))
    assert before == series(metrics).keys()


def test_a_thousand_assets_open_no_series(metrics: Metrics) -> None:
    """No name of an asset, and no text of an error, becomes a label."""
    for event in EVENTS:
        moved(metrics, event)
    before = series(metrics).keys()
    report = Report(metrics)
    for n in range(1000):
        job = replace(JOB, id=UUID(int=n), asset=Asset(f"p{n}", None, None, f"a{n}"))
        report.emit(events.Answered(job, replace(BUSY, detail=f"d{n}"), n))
        report.emit(events.Recorded(job, OK, n * SECOND))
        report.emit(events.GuardFailed(f"e{n}"))
    assert before == series(metrics).keys()


def test_the_state_of_the_database_is_shown(metrics: Metrics) -> None:
    """The gauges show what was found last, and zero for what was not found any more."""
    start = series(metrics)
    due = {"oldest_seconds": 12.5, "fallback": 3}
    metrics.state({"pending": 4}, due, {"auth"})
    shown = {name: value for name, value in series(metrics).items() if value != start[name]}
    assert sorted(shown.values()) == [1, 3, 4, 12.5]
    metrics.state({}, {"oldest_seconds": 0, "fallback": 0}, set())
    assert start == series(metrics)
