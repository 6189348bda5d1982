"""The alerts and the dashboard, with a real Prometheus, a real Alertmanager and real troubles."""

from __future__ import annotations

import asyncio
import math
import re
import subprocess
import time
from asyncio import to_thread
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from deploy.grafana.picture import charts, picture
from mediasweep.emulator.client import Emulator
from tests.conftest import Server
from tests.daemons import ROOT
from tests.ports import free_port
from tests.system.monitoring import monitoring
from tests.system.stories import DAEMONS, STORIES, well
from tests.system.world import Scene

RULES = ROOT / "deploy" / "prometheus"


def test_promtool_accepts_the_alerts_as_they_are_shipped() -> None:
    """The rules are sound, and each fires for the series of its test and not before its time."""
    for words in (("check", "rules", "alerts.yaml"), ("test", "rules", "alerts_test.yaml")):
        done = subprocess.run(
            ["promtool", *words], cwd=RULES, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.timeout(150)  # a dozen daemons go through ten troubles
async def test_every_alert_is_told_and_ends_and_every_panel_has_data(
    server: Server, template: str, emulator: Emulator, tmp_path: Path
) -> None:
    """Each trouble, caused for real, fires its alerts until it is mended; a fleet that is well has
    none; the dashboard shows them all.
    """
    ports = {job: [free_port() for _ in range(count)] for job, count in DAEMONS.items()}
    since = time.time()
    async with monitoring(tmp_path, ports) as monitor:
        scene = Scene(server, template, emulator, monitor, ports)
        told = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(well(scene, told))
            async with asyncio.TaskGroup() as others:
                for story in STORIES:
                    others.create_task(story(scene), name=story.__name__)
            await to_thread(_shown, monitor.address, since)
            told.set()
    names = re.findall(r"alert: (\w+)", (RULES / "alerts.yaml").read_text("utf-8"))
    assert {name for name, _ in monitor.fired} == set(names)


def _shown(prometheus: str, since: float) -> None:
    """Fail unless every query of the dashboard has given a number since then, and all are drawn."""
    shown = list(charts(prometheus, since, time.time()))
    for chart in shown:
        for target in chart.panel.get("targets", ()):
            name = re.sub(r"{{\w+}}", ".*", target["legendFormat"])
            series = [points for told, points in chart.series.items() if re.fullmatch(name, told)]
            assert any(math.isfinite(value) for points in series for _, value in points), target
    drawn = ET.fromstring(picture(shown))  # noqa: S314  our own picture
    words = [one.text for one in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert "no data" not in words
    assert words.count("now") > 20
