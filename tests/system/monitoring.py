"""A real Prometheus and a real Alertmanager, with everything short, and a receiver of alerts.

Owns both processes and their folders. What the Alertmanager sends is kept, and waited for.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from asyncio import to_thread
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

from mediasweep.alerts import parameters, render
from tests.ports import free_port

WITHIN_S = 45.0
EVERY = "500ms"
SHRUNK = 150  # five minutes are two seconds
DURATION = re.compile(r"(\d+)([smhd])")
UNIT_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
PROMETHEUS = """
global: {{scrape_interval: {every}, scrape_timeout: {every}, evaluation_interval: {every}}}
rule_files: [alerts.yaml]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ["127.0.0.1:{alertmanager}"]}}]}}]}}
scrape_configs: {jobs}
"""
ALERTMANAGER = """
route: {{receiver: test, group_by: ["..."], group_wait: 0s, group_interval: 1s}}
receivers:
  - name: test
    webhook_configs: [{{url: "http://127.0.0.1:{port}/", send_resolved: true}}]
"""
Alert = tuple[str, str]  # its name, and the job that it is about


def shrunk() -> str:
    """Return the alerts with every duration made short, as a fleet of seconds needs it."""
    given = {}
    for name, default in parameters().items():
        if found := DURATION.fullmatch(default):
            given[name] = f"{int(found[1]) * UNIT_MS[found[2]] // SHRUNK}ms"
        elif name.endswith("_s"):
            given[name] = f"{float(default) / SHRUNK:.1f}"
    return render(given)


async def passes(seconds: float) -> None:
    """Let time go by, where the world is to be looked at again and nothing tells of a change."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), seconds)


@dataclass(slots=True)
class Monitoring:
    """What Prometheus knows, and which alerts were told."""

    address: str
    fired: dict[Alert, float] = field(default_factory=dict)
    resolved: dict[Alert, float] = field(default_factory=dict)
    said: dict[Alert, dict[str, str]] = field(default_factory=dict)
    _told: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one notification of the Alertmanager."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                size = re.search(rb"(?i)content-length: *(\d+)", head)
                body = await reader.readexactly(int(size[1]) if size else 0)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                async with self._told:
                    for alert in json.loads(body)["alerts"]:
                        self._note(alert)
                    self._told.notify_all()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _note(self, alert: Mapping[str, Any]) -> None:
        key = (alert["labels"]["alertname"], alert["labels"].get("job", ""))
        if alert["status"] == "firing":
            self.fired.setdefault(key, time.monotonic())
            self.resolved.pop(key, None)
            self.said[key] = alert["annotations"]
        else:
            self.resolved[key] = time.monotonic()

    async def firing(self, name: str, job: str) -> float:
        """Return when an alert was told first, waiting for it."""
        return await self._in(self.fired, (name, job))

    async def over(self, name: str, job: str) -> float:
        """Return when its end was told, waiting for it."""
        return await self._in(self.resolved, (name, job))

    async def _in(self, told: dict[Alert, float], key: Alert) -> float:
        try:
            async with asyncio.timeout(WITHIN_S), self._told:
                await self._told.wait_for(lambda: key in told)
        except TimeoutError:
            raise AssertionError(f"{key} was not told; fired: {sorted(self.fired)}") from None
        return told[key]

    async def calm(self, job: str, daemons: int) -> None:
        """Forget what was told of a job, once so many daemons answer and no alert is left."""
        content = f'sum(up{{job="{job}"}}) == {daemons} unless on () ALERTS{{job="{job}"}}'
        async with asyncio.timeout(WITHIN_S):
            while not await self._given(content):
                await passes(0.4)
        for told in (self.fired, self.resolved):
            for alert in [one for one in told if one[1] == job]:
                del told[alert]

    async def _given(self, expr: str) -> list[dict[str, Any]]:
        try:
            return await to_thread(ask, self.address, "query", query=expr)
        except OSError:
            return []  # it does not answer yet


def ask(address: str, what: str, **given: str) -> list[dict[str, Any]]:
    """Ask Prometheus by its HTTP API; raises AssertionError with its reason."""
    with urlopen(f"{address}/api/v1/{what}?{urlencode(given)}", timeout=10) as answer:  # noqa: S310  our own address
        told = json.load(answer)
    assert told["status"] == "success", told
    return list(told["data"]["result"])


@asynccontextmanager
async def monitoring(folder: Path, targets: Mapping[str, list[int]]) -> AsyncIterator[Monitoring]:
    """Watch daemons by job and ports, with all alerts."""
    port, other = free_port(), free_port()
    monitor = Monitoring(f"http://127.0.0.1:{port}")
    receiver = await asyncio.start_server(monitor.take, "127.0.0.1", 0)
    (folder / "alerts.yaml").write_text(shrunk(), encoding="utf-8")
    jobs = [
        {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{one}" for one in ports]}]}
        for job, ports in targets.items()
    ]
    config = PROMETHEUS.format(every=EVERY, alertmanager=other, jobs=json.dumps(jobs))
    (folder / "prometheus.yaml").write_text(config, encoding="utf-8")
    told = ALERTMANAGER.format(port=receiver.sockets[0].getsockname()[1])
    (folder / "alertmanager.yaml").write_text(told, encoding="utf-8")
    processes = [
        await _started(
            folder,
            *("prometheus", "--config.file=prometheus.yaml", "--storage.tsdb.path=data"),
            *(f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"),
        ),
        await _started(
            folder,
            *("prometheus-alertmanager", "--config.file=alertmanager.yaml", "--storage.path=told"),
            *(f"--web.listen-address=127.0.0.1:{other}", "--cluster.listen-address="),
        ),
    ]
    try:
        yield monitor
    finally:
        for process in processes:
            if process.returncode is None:
                process.kill()
            await process.wait()
        receiver.close()
        await receiver.wait_closed()


async def _started(folder: Path, program: str, *args: str) -> asyncio.subprocess.Process:
    with (folder / f"{program}.log").open("wb") as log:
        return await asyncio.create_subprocess_exec(
            program, *args, cwd=folder, stdout=log, stderr=log, stdin=asyncio.subprocess.DEVNULL
        )
