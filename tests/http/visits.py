"""The application in this process, over the test's own database, as a client sees it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import httpx
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from mediasweep.cloudinary import Credentials
from mediasweep.http.app import build
from mediasweep.http.guard import house
from mediasweep.operations.desk import Desk
from mediasweep.postgres.pool import Pool, open_pool
from mediasweep.settings import Settings

OPERATE, READ = "operate-" + "x" * 22, "read-" + "y" * 22
TOKENS = {"api_token": f"{OPERATE} read:{READ}"}
ADDRESS = "http://127.0.0.1:8080"


def bearer(token: str) -> dict[str, str]:
    """Return the header of a client that has a token."""
    return {"Authorization": f"Bearer {token}"}


def settings(**given: object) -> Settings:
    """Return the settings of a daemon, with these."""
    return Settings.model_validate(given)


def application(pool: Pool | None, **given: object) -> FastAPI:
    """Return an application with these settings, whose probes are not built."""
    unused: Any = None
    account: Any = SimpleNamespace(credentials=Credentials("cloud", "key", "secret"))
    desk = Desk(pool or unused, account)
    doors = house(settings(**given))
    return build(unused, unused, CollectorRegistry(), _nothing, desk, doors)


@asynccontextmanager
async def visit(database: str, **given: object) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of such an application over a database."""
    pool = await open_pool(database, size=3, patience=timedelta(seconds=10), kept=False)
    transport = httpx.ASGITransport(application(pool, **given), raise_app_exceptions=False)
    try:
        async with httpx.AsyncClient(transport=transport, base_url=ADDRESS) as client:
            yield client
    finally:
        pool.terminate()


async def _nothing() -> None:
    """Count nothing."""
