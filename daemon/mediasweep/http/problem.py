"""What is answered where a request is not: problem details (RFC 9457), in one shape everywhere.

`success` and `error` are there for clients of the origin's API. What passes by itself is a 503, and
what a safeguard forbids a 409; a fault of ours says nothing of itself, and is in the log.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

from mediasweep.http.headers import HEADERS
from mediasweep.operations.comparing import AccountError, BusyError, StoppedError
from mediasweep.operations.desk import BROKEN, PASSING, DatabaseError
from mediasweep.operations.refusal import RefusedError
from mediasweep.rules.filter import FilterError
from mediasweep.rules.moment import MomentError
from mediasweep.rules.place import PlaceError

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = "5"


class Problem(BaseModel):
    """Why a request was not answered; `errors` where several things are wrong with it."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    success: bool = False
    error: str
    errors: list[dict[str, str]] | None = None


def problem(
    status: int,
    detail: str,
    headers: Mapping[str, str] | None = None,
    errors: list[dict[str, str]] | None = None,
) -> Response:
    """Return the answer that says what is wrong."""
    title = HTTPStatus(status).phrase
    said = Problem(title=title, status=status, detail=detail, error=detail, errors=errors)
    body = said.model_dump(exclude_none=True)
    return JSONResponse(body, status, dict(headers or {}), media_type=MEDIA_TYPE)


CONTENT = {MEDIA_TYPE: {"schema": Problem.model_json_schema()}}
# of every route: FastAPI leaves out its own answer to a bad request where 4XX is told
RESPONSES: dict[int | str, dict[str, Any]] = {
    "4XX": {"description": "The request cannot be answered as it is", "content": CONTENT},
    503: {
        "description": "The database or Cloudinary is away; ask again",
        "content": CONTENT,
    },
}


def add_problems(app: FastAPI) -> None:
    """Answer whatever a route raises."""

    async def refused(_: Request, error: Exception) -> Response:
        return problem(409, str(error))

    async def misread(_: Request, error: Exception) -> Response:
        return problem(400, str(error))

    async def away(_: Request, error: Exception) -> Response:
        said = f"the database does not answer this now: {str(error) or type(error).__name__}"
        return problem(503, said, {"Retry-After": RETRY_AFTER_S})

    async def unanswered(_: Request, error: Exception) -> Response:
        said = f"Cloudinary does not answer this now: {error}"
        return problem(503, said, {"Retry-After": RETRY_AFTER_S})

    async def broken(_: Request, __: Exception) -> Response:
        said = "a fault of mediasweep: its log says more"
        return problem(500, said, dict(HEADERS))  # sent past what else adds them

    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(RefusedError, refused)
    for unread in (FilterError, MomentError, PlaceError):
        app.add_exception_handler(unread, misread)
    for kept_out in (DatabaseError, BusyError):
        app.add_exception_handler(kept_out, refused)
    for kind in (*PASSING, *BROKEN):
        app.add_exception_handler(kind, away)
    for silent in (AccountError, StoppedError):
        app.add_exception_handler(silent, unanswered)
    app.add_exception_handler(Exception, broken)


async def _http(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(sorted(_methods(request)))
    return problem(error.status_code, str(error.detail), headers)


def _methods(request: Request) -> set[str]:
    """Return what can be done here; a route of its own, of which there are several, says less."""
    found: set[str] = set()
    for route in request.app.router.routes:
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE:
            found |= route.methods or set()
    return found


async def _invalid(_: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    errors = [
        {"at": ".".join(str(part) for part in one["loc"]), "says": str(one["msg"])}
        for one in error.errors()
    ]
    said = "; ".join(f"{one['at']}: {one['says']}" for one in errors)
    return problem(400, said, errors=errors)
