"""The application in this process, over the test's own database, as a client sees it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import httpx
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from mediasweep.cloudinary import Account, Credentials
from mediasweep.emulator.client import Cloud
from mediasweep.http.access import access_policy
from mediasweep.http.app import build
from mediasweep.operations.backend import Backend
from mediasweep.postgres.pool import Pool, open_pool
from mediasweep.settings import Settings
from tests.upload.uploads import opened

OPERATE, READ = "operate-" + "x" * 22, "read-" + "y" * 22
TOKENS = {"api_token": f"{OPERATE} read:{READ}"}
ADDRESS = "http://127.0.0.1:8080"


def bearer(token: str) -> dict[str, str]:
    """Return the header of a client that has a token."""
    return {"Authorization": f"Bearer {token}"}


def settings(**given: object) -> Settings:
    """Return the settings of a daemon, with these."""
    return Settings.model_validate(given)


def application(pool: Pool | None, account: Account | None = None, **given: object) -> FastAPI:
    """Return an application with these settings, whose probes are not built."""
    unused: Any = None
    nobody: Any = SimpleNamespace(credentials=Credentials("cloud", "key", "secret"))
    set_ = settings(**given)
    backend = Backend(pool or unused, account or nobody, set_, asyncio.Event(), lambda _: None)
    return build(unused, unused, CollectorRegistry(), _nothing, backend, access_policy(set_))


@asynccontextmanager
async def visit(
    database: str, cloud: Cloud | None = None, /, **given: object
) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of such an application over a database, and over an account if given."""
    pool = await open_pool(database, size=3, patience=timedelta(seconds=10), kept=False)
    account = opened(cloud) if cloud else _nobody()
    app = application(pool, account, **given)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    try:
        async with httpx.AsyncClient(transport=transport, base_url=ADDRESS) as client:
            yield client
    finally:
        account.close()
        pool.terminate()


def _nobody() -> Account:
    """Return an account that nothing answers for."""
    nowhere = Credentials("cloud", "key", "secret", "http://127.0.0.1:9")
    return Account(nowhere, threads=1, timeout=timedelta(seconds=1))


async def _nothing() -> None:
    """Count nothing."""
