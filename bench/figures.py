"""Percentiles, and databases to measure on."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

import asyncpg

from mediasweep.demo.cluster import Cluster
from mediasweep.postgres.migrate import migrate

ROOT = Path(__file__).parents[1]
INSERT_ASSETS = """
INSERT INTO public.media_assets (cloudinary_public_id, file_size, mime_type, secure_url, url,
resource_type) SELECT $1::text || n, 1, 'image/png', 'u', 'u', 'image' FROM generate_series(0,
$2::integer - 1) n
"""


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def line(name: str, values_ms: Sequence[float]) -> str:
    """Return p50, p99 and maximum as a line of the report."""
    p50, p99 = percentile(values_ms, 0.5), percentile(values_ms, 0.99)
    return f"  {name:44} p50 {p50:7.2f}  p99 {p99:7.2f}  max {max(values_ms):7.2f} ms"


async def database(cluster: Cluster) -> str:
    """Make a migrated database and return its address."""
    name = f"bench_{secrets.token_hex(4)}"
    connection = await asyncpg.connect(cluster.dsn())
    try:
        await connection.execute(f"CREATE DATABASE {name}")
    finally:
        await connection.close()
    await migrate(cluster.dsn(name), with_library=True)
    return cluster.dsn(name)


def environment(dsn: str, cloudinary_url: str) -> dict[str, str]:
    """Return the environment of a daemon under measurement."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return kept | {
        "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path[1:]]),
        "DATABASE_URL": dsn,
        "CLOUDINARY_URL": cloudinary_url,
        "MEDIASWEEP_HTTP_BIND": "127.0.0.1:0",
        "MEDIASWEEP_LOG_LEVEL": "warning",
        "MEDIASWEEP_BRAKE_FLOOR": "1000000",  # what is measured is a bulk deletion
    }
