"""`python -m deploy.grafana.picture http://127.0.0.1:9090 > dashboard.svg`: the dashboard without
Grafana, as it would look now: its own queries, asked of Prometheus, and drawn.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

from deploy.grafana.chart import INK, Box, Chart, text

DASHBOARD = Path(__file__).with_name("mediasweep.json")
COLUMNS, WIDTH, UNIT, GAP = 24, 1440, 32, 8
POINTS = 120
FONT = "system-ui, -apple-system, Segoe UI, Roboto, Helvetica, Arial, sans-serif"


def charts(prometheus: str, start: float, end: float) -> Iterator[Chart]:
    """Yield each panel with what its queries gave; raises OSError if nobody answers."""
    for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]:
        series = {
            name: points
            for target in panel.get("targets", ())
            for name, points in _series(prometheus, target, start, end)
        }
        at = panel["gridPos"]
        column = (WIDTH - 2 * GAP) / COLUMNS
        box = Box(
            GAP + at["x"] * column + GAP / 2,
            GAP + at["y"] * UNIT + GAP / 2,
            at["w"] * column - GAP,
            at["h"] * UNIT - GAP,
        )
        yield Chart(panel, series, start, end, box)


def _series(
    prometheus: str, target: dict[str, Any], start: float, end: float
) -> Iterator[tuple[str, list[tuple[float, float]]]]:
    """Yield name and points of each series of a query; NaN where it has none."""
    step = (end - start) / POINTS
    expr = re.sub(r"\$(job|instance)\b", ".*", target["expr"])
    expr = expr.replace("$__rate_interval", f"{math.ceil(max(4, 2 * step))}s")
    asked = {"query": expr, "start": start, "end": end, "step": f"{step:.3f}"}
    with urlopen(f"{prometheus}/api/v1/query_range?{urlencode(asked)}", timeout=10) as answer:  # noqa: S310  its user names it
        told = json.load(answer)
    for one in told["data"]["result"]:
        labels = one["metric"]
        name = re.sub(r"{{(\w+)}}", lambda f: labels.get(f[1], ""), target["legendFormat"])  # noqa: B023  used at once
        values = {round((float(at) - start) / step): float(value) for at, value in one["values"]}
        yield name, [(start + n * step, values.get(n, math.nan)) for n in range(POINTS + 1)]


def picture(shown: list[Chart]) -> str:
    """Return the panels as one SVG."""
    height = max(chart.box.y + chart.box.height for chart in shown) + 2 * GAP
    size = f'viewBox="0 0 {WIDTH} {height:.0f}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="{FONT}">',
        '<rect width="100%" height="100%" fill="#f3f4f6"/>',
    ]
    for chart in shown:
        if chart.panel["type"] == "row":
            title = chart.panel["title"]
            parts.append(text(chart.box.x + 4, chart.box.y + 19, title, 15, INK, "600"))
        else:
            parts.extend(chart.svg())
    return "\n".join([*parts, "</svg>\n"])


def main() -> None:
    """Read the arguments, ask and draw."""
    parser = argparse.ArgumentParser(prog="python -m deploy.grafana.picture", description=__doc__)
    parser.add_argument("prometheus", help="its address", metavar="URL")
    parser.add_argument("--last", type=float, default=3600, metavar="S", help="seconds to show")
    given = parser.parse_args()
    now = time.time()
    sys.stdout.write(picture(list(charts(given.prometheus, now - given.last, now))))


if __name__ == "__main__":
    main()
