"""What a panel of the Grafana dashboard is, and how its expressions are written.

Figures of the fleet are the same from every daemon, so `fleet` takes the greatest of them. The
others are each daemon's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

JOB = 'job=~"$job"'
DAEMON = f'{JOB}, instance=~"$instance"'
OVER = "[$__rate_interval]"
Kind = Literal["stat", "lines", "stack", "heatmap", "states"]


@dataclass(frozen=True, slots=True)
class Query:
    """An expression, and what its series are called."""

    expr: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. `limits`: from which value on it is of which colour, besides green; `states`: what
    0 and 1 are called, the bad one first.
    """

    title: str
    text: str
    unit: str
    queries: tuple[Query, ...]
    kind: Kind = "lines"
    width: int = 8
    limits: tuple[tuple[float, str], ...] = ()
    states: tuple[tuple[int, str], ...] = ()
    runbooks: tuple[str, ...] = ()


def fleet(metric: str, where: str = "", by: str = "job") -> str:
    """Return what every daemon of a fleet tells alike."""
    more = f", {where}" if where else ""
    return f"max by ({by}) (mediasweep_{metric}{{{JOB}{more}}})"


def own(metric: str) -> str:
    """Return what each daemon tells of itself."""
    return f"{metric}{{{DAEMON}}}"


def rate(metric: str, by: str, where: str = "") -> str:
    """Return how many a second, by a label."""
    more = f", {where}" if where else ""
    return f"sum by ({by}) (rate(mediasweep_{metric}{{{DAEMON}{more}}}{OVER}))"


def share(where: str) -> str:
    """Return which part of the answers this is."""
    asked = 'outcome!="unsent"'
    return f"{rate('deletions_total', 'job', where)} / {rate('deletions_total', 'job', asked)}"


def quantiles(metric: str, by: str = "") -> tuple[Query, ...]:
    """Return half, nineteen of twenty and ninety-nine of a hundred of a histogram."""
    buckets = rate(f"{metric}_bucket", f"le, {by}" if by else "le")
    prefix = f"{{{{{by}}}}} " if by else ""
    return tuple(
        Query(f"histogram_quantile({q}, {buckets})", f"{prefix}{q:.0%}") for q in (0.5, 0.95, 0.99)
    )
