"""One panel as SVG, near enough to what Grafana makes of it to judge the dashboard by."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from typing import Any

COLOURS = (
    *("#4477aa", "#ee8866", "#228833", "#cc3377", "#997700"),
    *("#66ccee", "#aa3377", "#777777", "#332288", "#bbcc33"),
)
NAMED = {"green": "#2a9d4a", "orange": "#e08a1e", "red": "#d1373f"}
INK, FAINT, GRID = "#24292f", "#6e7781", "#e4e7eb"
LEFT, RIGHT, TOP, BOTTOM = 62, 12, 30, 44  # around the plot; the names of the series stand below
LETTER = 6.2  # of the small type, roughly
COLUMNS = 60  # of a heatmap
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of the picture."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Chart:
    """A panel of the dashboard with its series, and the time that it shows."""

    panel: Mapping[str, Any]
    series: Mapping[str, Points]
    start: float
    end: float
    box: Box = field(default=Box(0, 0, 0, 0))

    def svg(self) -> Iterator[str]:
        """Yield the elements of the panel."""
        yield rectangle(self.box, "#ffffff", f' stroke="{GRID}" rx="4"')
        yield text(self.box.x + 10, self.box.y + 19, self.panel["title"], 13, INK, "600")
        if not any(math.isfinite(value) for points in self.series.values() for _, value in points):
            yield text(self.box.x + 10, self.box.y + 44, "no data", 12, FAINT)
            return
        match self.panel["type"]:
            case "stat":
                yield from self._stat()
            case "heatmap":
                yield from self._heatmap()
            case "state-timeline":
                yield from self._states()
            case _:
                yield from self._lines()

    # -- the plot ----------------------------------------------------------------------------------

    @property
    def _plot(self) -> Box:
        box, left = self.box, float(LEFT)
        if self.panel["type"] == "state-timeline":
            left = 18 + LETTER * max(map(len, self.series))
        return Box(box.x + left, box.y + TOP, box.width - left - RIGHT, box.height - TOP - BOTTOM)

    @property
    def _unit(self) -> str:
        return str(self.panel["fieldConfig"]["defaults"]["unit"])

    def _x(self, at: float) -> float:
        plot = self._plot
        return plot.x + plot.width * (at - self.start) / (self.end - self.start)

    def _times(self) -> Iterator[str]:
        plot = self._plot
        for part, anchor in enumerate(("start", "middle", "middle", "middle", "end")):
            at = self.start + (self.end - self.start) * part / 4
            ago = "-{}:{:02}".format(*divmod(round(self.end - at), 60)) if at < self.end else "now"
            yield text(self._x(at), plot.y + plot.height + 14, ago, 10, FAINT, anchor=anchor)

    def _names(self, colours: Mapping[str, str]) -> Iterator[str]:
        x, y = self.box.x + 10, self.box.y + self.box.height - 10
        for name, colour in colours.items():
            if x + 16 + len(name) * LETTER > self.box.x + self.box.width - 14:
                yield text(x, y, "…", 10, FAINT)
                return
            yield rectangle(Box(x, y - 7, 9, 7), colour)
            yield text(x + 13, y, name, 10, FAINT)
            x += 25 + len(name) * LETTER

    def _lines(self) -> Iterator[str]:
        custom = self.panel["fieldConfig"]["defaults"]["custom"]
        stacked = custom["stacking"]["mode"] == "normal"
        shown = stack(self.series) if stacked else dict(self.series)
        most = max(v for points in shown.values() for _, v in points if math.isfinite(v))
        top = nice(most, 2.0**20 if self._unit == "bytes" else 1.0)
        plot = self._plot
        for part in range(5):
            y = plot.y + plot.height * part / 4
            yield line(plot.x, y, plot.x + plot.width, y)
            label = named(top * (4 - part) / 4, self._unit)
            yield text(plot.x - 6, y + 4, label, 10, FAINT, anchor="end")
        colours = {name: COLOURS[n % len(COLOURS)] for n, name in enumerate(self.series)}
        # the greatest sum first, so that each next area lies upon it
        for name in reversed(shown) if stacked else shown:
            for run in runs(shown[name]):
                places = [
                    (self._x(at), plot.y + plot.height * (1 - value / top)) for at, value in run
                ]
                if stacked:
                    yield area(places, plot.y + plot.height, colours[name])
                else:
                    yield curve(places, colours[name])
        yield from self._times()
        yield from self._names(colours)

    def _states(self) -> Iterator[str]:
        options = self.panel["fieldConfig"]["defaults"]["mappings"][0]["options"]
        plot, height = self._plot, self._plot.height / len(self.series)
        for number, (name, points) in enumerate(self.series.items()):
            y = plot.y + number * height
            yield text(plot.x - 6, y + height / 2 + 4, name, 10, FAINT, anchor="end")
            for since, until, value in merged(points, self.end):
                colour = NAMED[options[f"{value:.0f}"]["color"]]
                x = self._x(since)
                yield rectangle(Box(x, y + 1, self._x(until) - x, height - 2), colour)
        yield from self._times()
        yield from self._names({one["text"]: NAMED[one["color"]] for one in options.values()})

    def _heatmap(self) -> Iterator[str]:
        bounds = sorted(
            (float(le), {at: value for at, value in points if math.isfinite(value)})
            for le, points in self.series.items()
        )
        counts = [bounds[0]]
        for (_, below), (bound, cells) in pairwise(bounds):
            counts.append((bound, {at: n - below.get(at, 0.0) for at, n in cells.items()}))
        used = [n for n, (_, cells) in enumerate(counts) if max(cells.values()) > 0]
        counts = counts[max(0, used[0] - 1) : used[-1] + 2]
        most = max(value for _, cells in counts for value in cells.values())
        plot, height = self._plot, self._plot.height / len(counts)
        width = plot.width / COLUMNS
        for number, (bound, cells) in enumerate(reversed(counts)):
            y = plot.y + number * height
            label = "more" if math.isinf(bound) else named(bound, self._unit)
            yield text(plot.x - 6, y + height / 2 + 4, label, 10, FAINT, anchor="end")
            sums = [0.0] * COLUMNS
            for at, value in cells.items():
                part = (at - self.start) / (self.end - self.start)
                column = min(COLUMNS - 1, int(part * COLUMNS))
                sums[column] = max(sums[column], value)
            for column, value in enumerate(sums):
                if value > 0:
                    depth = f' fill-opacity="{0.12 + 0.88 * math.sqrt(value / most):.2f}"'
                    cell = Box(plot.x + column * width, y + 0.5, width - 0.5, height - 1)
                    yield rectangle(cell, COLOURS[0], depth)
        yield from self._times()
        yield from self._names({f"up to {most:.0f} in a cell": COLOURS[0]})

    def _stat(self) -> Iterator[str]:
        steps = self.panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        box, part = self.box, self.box.width / len(self.series)
        for number, (name, points) in enumerate(self.series.items()):
            value = [v for _, v in points if math.isfinite(v)][-1]
            passed = [s["color"] for s in steps if s["value"] is None or value >= s["value"]]
            x = box.x + number * part + 10
            size = min(34.0, (part - 20) / (0.6 * len(named(value, self._unit))))
            yield text(x, box.y + 66, named(value, self._unit), size, NAMED[passed[-1]], "600")
            yield text(x, box.y + 84, name[: int((part - 12) / LETTER)], 10, FAINT)
            top = max((v for _, v in points if math.isfinite(v)), default=0) or 1
            for run in runs(points):
                places = [
                    (
                        x + (part - 20) * (at - self.start) / (self.end - self.start),
                        box.y + box.height - 6 - 22 * value / top,
                    )
                    for at, value in run
                ]
                yield curve(places, NAMED[passed[-1]], 0.5)


# -- figures -------------------------------------------------------------------------------------


def named(value: float, unit: str) -> str:
    """Return a figure as a person reads it."""
    steps: dict[str, tuple[tuple[float, str], ...]] = {
        "s": ((86400, " d"), (3600, " h"), (60, " min"), (1, " s"), (0.001, " ms")),
        "bytes": ((2**30, " GiB"), (2**20, " MiB"), (2**10, " KiB"), (1, " B")),
        "percentunit": ((0.01, " %"),),
        "ops": ((1000, " k/s"), (1, "/s")),
        "short": ((1e6, " M"), (1000, " k"), (1, "")),
    }
    size, suffix = next((one for one in steps[unit] if value >= one[0]), steps[unit][-1])
    return f"{value / size:.3g}{suffix if value or unit != 's' else ' s'}"


def nice(value: float, unit: float) -> float:
    """Return the top of an axis: the next of 1, 2, 4, 5 and 8 times a power of ten, in a unit."""
    if value <= 0:
        return unit
    power = unit * 10.0 ** math.floor(math.log10(value / unit))
    return next(power * step for step in (1, 2, 4, 5, 8, 10) if power * step >= value * 0.999)


def runs(points: Points) -> Iterator[list[tuple[float, float]]]:
    """Yield the stretches in which there is a value, without what lies between two of its like."""
    run: list[tuple[float, float]] = []
    for at, value in points:
        if math.isfinite(value):
            if len(run) > 1 and run[-1][1] == run[-2][1] == value:
                run.pop()
            run.append((at, value))
        elif run:
            yield run
            run = []
    if run:
        yield run


def stack(series: Mapping[str, Points]) -> dict[str, list[tuple[float, float]]]:
    """Return each series upon those before it; where one has no value, it adds none."""
    sums: dict[float, float] = {}
    stacked = {}
    for name, points in series.items():
        for at, value in points:
            sums[at] = sums.get(at, 0.0) + (value if math.isfinite(value) else 0.0)
        stacked[name] = [*sums.items()]
    return stacked


def merged(points: Points, end: float) -> Iterator[tuple[float, float, float]]:
    """Yield since when, until when and what, for each stretch of one value."""
    seen = [(math.nan, math.nan), *points]
    changes = [
        (at, value) for (_, before), (at, value) in pairwise(seen) if f"{before}" != f"{value}"
    ]
    for (since, value), (until, _) in pairwise([*changes, (end, math.nan)]):
        if math.isfinite(value):
            yield since, until, value


# -- elements ------------------------------------------------------------------------------------


def rectangle(box: Box, fill: str, more: str = "") -> str:
    """Return a filled rectangle."""
    place = f'x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}"'
    return f'<rect {place} fill="{fill}"{more}/>'


def text(
    x: float, y: float, words: str, size: float, fill: str, weight: str = "400", *, anchor: str = ""
) -> str:
    """Return a line of text."""
    more = f' text-anchor="{anchor}"' if anchor else ""
    style = f'font-size="{size:.0f}" font-weight="{weight}" fill="{fill}"{more}'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(words)}</text>'


def line(x: float, y: float, to_x: float, to_y: float) -> str:
    """Return a line of the grid."""
    return f'<path d="M{x:.1f} {y:.1f}L{to_x:.1f} {to_y:.1f}" stroke="{GRID}"/>'


def curve(places: Points, colour: str, opacity: float = 1) -> str:
    """Return a line through these places."""
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    return f'<path d="M{path}" fill="none" stroke="{colour}" stroke-opacity="{opacity}"/>'


def area(places: Points, bottom: float, colour: str) -> str:
    """Return what lies below a line."""
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    down = f"L{places[-1][0]:.1f} {bottom:.1f}L{places[0][0]:.1f} {bottom:.1f}Z"
    return f'<path d="M{path}{down}" fill="{colour}"/>'
