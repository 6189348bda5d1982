"""What a daemon costs that has nothing to do: statements, processor and memory, with and without a
Prometheus that scrapes it.
"""

from __future__ import annotations

import asyncio
import os
import time
from asyncio import to_thread
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import asyncpg

from bench.figures import database, environment
from bench.memory import resident_mib
from bench.serving import serving
from mediasweep.demo.cluster import Cluster
from mediasweep.emulator.client import Cloud

SCRAPE_EVERY_S = 15
SETTLE_S = 20
STATISTICS = {"shared_preload_libraries": "pg_stat_statements"}
CALLS = """
SELECT sum(s.calls)::float8
  FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
 WHERE d.datname = $1
"""


@dataclass(slots=True)
class Idler:
    """One daemon on a database of its own; `address` is where it is scraped, if it is."""

    name: str
    database: str
    pid: int
    address: str
    scraped: bool
    scrapes_s: list[float]

    async def scrape(self) -> None:
        """Ask for its metrics, as Prometheus does, until cancelled."""
        while self.scraped:
            began_s = time.monotonic()
            await to_thread(_read, f"{self.address}/metrics")
            self.scrapes_s.append(time.monotonic() - began_s)
            await asyncio.sleep(SCRAPE_EVERY_S)

    def cpu_s(self) -> float:
        """Return the processor time that it has used so far."""
        stat = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8")
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


async def idle(cloud: Cloud, minutes: float) -> None:
    """Let two daemons do nothing side by side, one of them scraped, and print what that took."""
    with Cluster(settings=STATISTICS) as cluster:
        async with (
            _running(cluster, cloud, scraped=True) as one,
            _running(cluster, cloud, scraped=False) as other,
        ):
            db = await asyncpg.connect(cluster.dsn())
            await db.execute("CREATE EXTENSION pg_stat_statements")
            scraping = asyncio.create_task(one.scrape())
            await asyncio.sleep(SETTLE_S)
            await db.execute("SELECT pg_stat_statements_reset()")
            before_s = {idler.name: idler.cpu_s() for idler in (one, other)}
            began_s = time.monotonic()
            await asyncio.sleep(60 * minutes)
            took_s = time.monotonic() - began_s
            scraping.cancel()
            print(f"An idle daemon, for {took_s / 60:.1f} min")
            for idler in (one, other):
                cpu_s = idler.cpu_s() - before_s[idler.name]
                a_minute = await db.fetchval(CALLS, idler.database) / took_s * 60
                print(
                    f"  {idler.name:30} {a_minute:5.1f} statements/min"
                    f"  {100 * cpu_s / took_s:.2f} % of a core  {resident_mib(idler.pid):.1f} MiB"
                )
            print(f"  a scrape took {1000 * max(one.scrapes_s):.0f} ms at the most")
            await db.close()


@asynccontextmanager
async def _running(cluster: Cluster, cloud: Cloud, *, scraped: bool) -> AsyncIterator[Idler]:
    dsn = await database(cluster)
    name = f"scraped every {SCRAPE_EVERY_S} s" if scraped else "not scraped"
    async with serving(environment(dsn, cloud.url)) as (pid, address):
        yield Idler(name, dsn.rpartition("/")[2], pid, address, scraped, [])


def _read(address: str) -> bytes:
    with urlopen(address, timeout=10) as answer:  # noqa: S310  our own
        return bytes(answer.read())
