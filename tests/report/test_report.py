"""The report: each event is told once, by a stable name, on one line."""

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, get_args

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from mediasweep.metrics import Metrics
from mediasweep.report import LEVELS, Report, configure_logging, line
from mediasweep.rules import events
from mediasweep.rules.asset import Asset
from mediasweep.rules.outcome import Answer, Outcome
from tests.report.samples import BUSY, EVENTS, JOB, LINES, OK, SECOND

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


def _drop(_logger: object, _name: str, _values: object) -> Any:  # noqa: ANN401  as structlog has it
    raise structlog.DropEvent


def test_an_id_of_megabytes_is_cut() -> None:
    """A line of the log stays one that can be read, whatever stands in the queue."""
    job = replace(JOB, asset=Asset("x" * 10**6, "image", None))
    _, _, values = line(events.Recorded(job, OK, SECOND))
    assert values["public_id"] == "x" * 300


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
