"""The HTTP application: probes and metrics, which need no token and change nothing; the webhook,
which has its signature; the API and the pages, behind access control.

A probe never waits for the database: it tells what the loops last saw. /metrics asks for the
fleet's state, at most every two seconds; when the database is away, it leaves those gauges as they
were, and says how old they are.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from mediasweep import __version__
from mediasweep.http.access import AccessControl, AccessPolicy
from mediasweep.http.api import DESCRIPTION, add_api
from mediasweep.http.body import BodyLimit
from mediasweep.http.headers import Headers
from mediasweep.http.pages.site import add_pages
from mediasweep.http.problem import add_problems
from mediasweep.http.webhook import add_webhook
from mediasweep.operations.backend import Backend
from mediasweep.operations.health import Health
from mediasweep.operations.webhooks import Webhooks

PROBED = ["GET", "HEAD"]  # load balancers ask by HEAD, some by default
RULES = (
    "Parameters and keys that a route does not know are refused, and so is a parameter that is "
    "there twice where one value is meant; one that is empty counts as left out."
)
Refresh = Callable[[], Awaitable[None]]


def build(
    health: Health,
    webhooks: Webhooks,
    registry: CollectorRegistry,
    refresh: Refresh,
    backend: Backend,
    access: AccessPolicy,
) -> FastAPI:
    """Return the application; `refresh` sets the gauges that come from the database."""
    app = FastAPI(
        title="mediasweep",
        version=__version__,
        description=RULES,
        openapi_url=DESCRIPTION,
        docs_url=None,  # its pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    app.add_middleware(BodyLimit)
    app.add_middleware(AccessControl, policy=access)
    app.add_middleware(Headers)  # the outermost
    _add_probes(app, health, registry, refresh)
    add_webhook(app, webhooks)
    add_api(app, backend, access)
    pages = add_pages(app, backend, access)
    add_problems(app, pages.tell)
    return app


def _add_probes(
    app: FastAPI, health: Health, registry: CollectorRegistry, refresh: Refresh
) -> None:
    @app.api_route("/livez", methods=PROBED, include_in_schema=False)
    async def livez() -> JSONResponse:
        """Answer 200 as long as the event loop turns and the work gets on, else 503."""
        hangs = health.hangs()
        return JSONResponse({"status": "hangs" if hangs else "ok"}, 503 if hangs else 200)

    @app.api_route("/readyz", methods=PROBED, include_in_schema=False)
    @app.api_route("/healthz", methods=PROBED, include_in_schema=False)
    async def readyz() -> JSONResponse:
        """Answer 200 if this daemon can work, else 503 with the reasons."""
        ready, checks = health.ready()
        body: dict[str, Any] = {"status": "ok" if ready else "unready", "checks": checks}
        return JSONResponse(body, status_code=200 if ready else 503)

    @app.api_route("/metrics", methods=PROBED, include_in_schema=False)
    async def metrics(request: Request) -> Response:
        """Answer in the format that the scraper asks for."""
        await refresh()
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={"Content-Type": content_type})
