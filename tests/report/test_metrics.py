"""The metrics: closed sets of series, that move by what they are about and by nothing else."""

import math
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
import structlog

from mediasweep.metrics import APIS, BROUGHT, FLEET, GATES, WOKEN_BY, Metrics
from mediasweep.operations.health import Standing
from mediasweep.report import Report
from mediasweep.rules import events
from mediasweep.rules.asset import Asset
from mediasweep.rules.job import Status
from mediasweep.rules.outcome import Answer, Outcome
from mediasweep.rules.quota import Quota
from tests.report.samples import BUSY, CLOSING, EVENTS, JOB, OK, SECOND, SILENT

SWEPT = events.Swept(3, 2, 1, 1, 0.1, "notify")
QUOTA = Quota(500, 7, datetime.fromtimestamp(60, UTC))


@pytest.fixture
def metrics() -> Metrics:
    """Give the metrics of a daemon that has just started."""
    return Metrics("1.0")


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Log nothing."""
    structlog.configure(processors=[_drop])
    yield
    structlog.reset_defaults()


def series(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Return every series of ours by name and labels."""
    return {
        (sample.name, tuple(sample.labels.items())): sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if not sample.name.startswith("process_")
    }


def moved(metrics: Metrics, event: events.Event) -> dict[str, float]:
    """Report an event and return by how much it moved each series, buckets left out."""
    before = series(metrics)
    Report(metrics).emit(event)
    return {
        " ".join([name.removeprefix("mediasweep_"), *(value for _, value in labels)]): by
        for (name, labels), value in series(metrics).items()
        if value != before.get((name, labels)) and not name.endswith("_bucket")
        if (by := value - before.get((name, labels), 0))
    }


def _drop(_logger: object, _name: str, _values: object) -> Any:  # noqa: ANN401  as structlog has it
    raise structlog.DropEvent


def _called(series: str) -> dict[str, float]:
    api = series.partition(" ")[0]
    times = {
        f"cloudinary_request_seconds_{part} {api}": value
        for part, value in (("count", 1), ("sum", 0.5))
    }
    return {f"cloudinary_requests_total {series}": 1, **times}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            SWEPT,  # by functions that do not tell why
            {"claims_total rows": 1, "sweeps_total notify": 1, "skipped_total other": 2},
        ),
        (
            replace(SWEPT, skipped=3, kept={"newer": 1, "of tomorrow": 2}),
            {"claims_total rows": 1, "sweeps_total notify": 1}
            | {"skipped_total newer": 1, "skipped_total other": 2},
        ),
        (
            replace(SWEPT, skipped=0, handed_over=2, since_notified=0.5),
            {"claims_total rows": 1, "sweeps_total notify": 1}
            | {"handovers_total": 2}
            | {"wake_to_claim_seconds_count": 1, "wake_to_claim_seconds_sum": 0.5},
        ),
        (events.ClaimedNothing("held", 0.1, "tick"), {"claims_total held": 1}),
        (events.Answered(JOB, OK, 0.5), {"deletions_total deleted": 1}),
        (events.Answered(JOB, BUSY, 0.5), {"deletions_total throttled": 1}),
        (events.Answered(JOB, Answer(Outcome.UNSENT), 0), {"deletions_total unsent": 1}),
        (events.CloudinaryCalled("upload", 420, 0.5, None), _called("upload 420")),
        (events.CloudinaryCalled("upload", None, 0.5, None), _called("upload none")),
        (
            events.CloudinaryCalled("admin", 200, 0.5, QUOTA),
            _called("admin 200")
            | {"cloudinary_quota_limit admin": 500, "cloudinary_quota_remaining admin": 7}
            | {"cloudinary_quota_reset_timestamp_seconds admin": 60},
        ),
        (
            events.Recorded(JOB, OK, 2 * SECOND),
            {"commit_to_gone_seconds_count": 1, "commit_to_gone_seconds_sum": 2},
        ),
        (events.Recorded(JOB, SILENT, SECOND), {}),
        (events.Recorded(JOB, BUSY, SECOND), {"attempts_refunded_total": 1}),
        (events.Recorded(JOB, Answer(Outcome.UNSENT), SECOND), {}),
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
    """The gauge of the listener follows the last event, and a loss is one of what was there."""
    assert moved(metrics, events.ListenerDown("refused")) == {}
    assert moved(metrics, events.ListenerUp()) == {"listener_up": 1}
    assert moved(metrics, events.ListenerUp()) == {}
    assert moved(metrics, events.ListenerDown("reset")) == {
        "listener_up": -1,
        "listener_losses_total": 1,
    }
    assert moved(metrics, events.ListenerDown("refused")) == {}


def test_all_series_start_at_zero(metrics: Metrics) -> None:
    """A fresh daemon has every series of a closed set at zero, so that rates are right at once."""
    start = series(metrics)
    assert {name: value for (name, _), value in start.items() if value} == {
        "mediasweep_build_info": 1,
        "mediasweep_listener_canary_age_seconds": math.inf,  # never heard
        "mediasweep_fleet_state_age_seconds": math.inf,  # not known
        "mediasweep_reconcile_age_seconds": math.inf,  # never
    }
    closed = {"deletions_total": Outcome, "gate_closed": GATES, "queue_rows": Status}
    closed |= {"sweeps_total": WOKEN_BY, "claims_total": BROUGHT}
    closed["cloudinary_request_seconds_count"] = APIS
    for name, values in closed.items():
        found = [label[1] for (n, labels) in start for label in labels if n == f"mediasweep_{name}"]
        assert found == [*map(str, values)]


def test_every_metric_says_what_it_is(metrics: Metrics) -> None:
    """Each has a unit that is none but the base one, and a help in words."""
    for family in metrics.registry.collect():
        assert len(family.documentation.split()) > 2, family.name
        assert not re.search("_(ms|minutes|percent|kb|mb)(_|$)", family.name)


def test_an_answer_opens_no_series(metrics: Metrics) -> None:
    """The first answer of every status, however odd, finds its series at zero."""
    before = series(metrics).keys()
    for status in (None, 0, 200, 299, 400, 401, 403, 404, 409, 420, 423, 429, 500, 502, 503, 999):
        moved(metrics, events.CloudinaryCalled("upload", status, 0.1, None))
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


def test_the_state_of_the_fleet_is_shown(metrics: Metrics) -> None:
    """The gauges show what was counted last, and nothing of before."""
    none: dict[str, Any] = dict.fromkeys((*FLEET, *Status), 0) | {"gates": []}
    metrics.fleet.show(none)
    start = series(metrics)
    state = {name: n for n, name in enumerate((*FLEET, *Status), 1)} | {"gates": ["auth"]}
    metrics.fleet.show(state)
    shown = {name: value for name, value in series(metrics).items() if value != start[name]}
    assert sorted(shown.values()) == sorted([1, *range(1, len(FLEET) + len(Status) + 1)])
    metrics.fleet.show(none)
    assert start == series(metrics)


def test_how_the_daemon_stands_is_shown(metrics: Metrics) -> None:
    """Each of its gauges shows what it is about."""
    start = series(metrics)
    metrics.own.show(Standing(2.5, 3, 8, True, True, 3600))  # noqa: FBT003  in their order
    changed = {
        name: value
        for (name, labels), value in series(metrics).items()
        if value != start[name, labels]
    }
    assert {name.removeprefix("mediasweep_"): value for name, value in changed.items()} == {
        "listener_canary_age_seconds": 2.5,
        "in_flight": 3,
        "concurrency_limit": 8,
        "database_up": 1,
        "capture_broken": 1,
        "reconcile_interval_seconds": 3600,
    }
