"""The routes of /api, each a thin layer over one operation, and their description."""

from __future__ import annotations

from fastapi import APIRouter, Depends, FastAPI
from fastapi.security import HTTPBearer

from mediasweep.http.access import AccessPolicy
from mediasweep.http.brake import add_brake
from mediasweep.http.cleanup import add_cleanup
from mediasweep.http.library import add_library
from mediasweep.http.media import add_media
from mediasweep.http.overview import add_overview
from mediasweep.http.problem import RESPONSES
from mediasweep.http.query import check_parameters
from mediasweep.http.queue import add_queue
from mediasweep.http.scheduler import add_scheduler
from mediasweep.http.selftest import add_selftest
from mediasweep.http.session import add_session
from mediasweep.http.sync import add_sync
from mediasweep.http.upload import add_upload
from mediasweep.http.verify import add_verify
from mediasweep.operations.backend import Backend

PREFIX = "/api"
DESCRIPTION = "/api/openapi.json"


def add_api(app: FastAPI, backend: Backend, access: AccessPolicy) -> None:
    """Add the routes to the application."""
    token = HTTPBearer(description="one of MEDIASWEEP_API_TOKEN", auto_error=False)
    query = Depends(check_parameters)
    # the token for the description only: access control has looked at it before
    router = APIRouter(prefix=PREFIX, dependencies=[Depends(token), query], responses=RESPONSES)
    gate = APIRouter(prefix=PREFIX, dependencies=[query], responses=RESPONSES)
    add_session(router, gate, access)
    add_cleanup(router, backend)
    add_scheduler(router, backend)
    add_media(router, backend)
    add_library(router, backend)
    add_upload(router, backend)
    add_sync(router, backend)
    add_verify(router, backend)
    add_selftest(router, backend)
    add_queue(router, backend)
    add_brake(router, backend)
    add_overview(router, backend)
    app.include_router(gate)
    app.include_router(router)
