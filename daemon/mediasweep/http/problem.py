"""What is answered where a request is not: problem details (RFC 9457), in one shape everywhere.

`success` and `error` are there for clients of the origin's API. What passes by itself is a 503, and
what a safeguard, or a trigger or constraint of the user's, forbids a 409; a fault of ours says
nothing of itself, and is in the log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.routing import Match

from mediasweep.http import field_errors
from mediasweep.http.headers import HEADERS
from mediasweep.http.root_path import path_of
from mediasweep.operations.backend import (
    BROKEN,
    PASSING,
    DatabaseError,
    PostgresError,
    user_constraint,
    user_function,
)
from mediasweep.operations.refusal import RefusedError, UnknownError
from mediasweep.rules.cursor import CursorError
from mediasweep.rules.failures import AccountError, BusyError, StoppedError
from mediasweep.rules.filter import FilterError
from mediasweep.rules.moment import MomentError
from mediasweep.rules.text import message

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = "5"
MISREAD = (FilterError, MomentError, CursorError)
REFUSED = (RefusedError, DatabaseError, BusyError)
AWAY = (*PASSING, *BROKEN)
FAILED = (*AWAY, PostgresError)
NO_OBJECT = "the body has to be a JSON object, sent with Content-Type: application/json"
SILENT = (AccountError, StoppedError)


class Problem(BaseModel):
    """Why a request was not answered; `errors` where several things are wrong with it."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    success: bool = False
    error: str
    errors: list[dict[str, str]] | None = None

    def answer(self, headers: Mapping[str, str] | None = None) -> Response:
        """Return it as an answer."""
        body = self.model_dump(exclude_none=True)
        return JSONResponse(body, self.status, dict(headers or {}), media_type=MEDIA_TYPE)


Tell = Callable[[Request, Problem, Mapping[str, str]], Response]


def wants_page(asked: HTTPConnection) -> bool:
    """Tell whether it is a person with a browser who asks, and not for the API."""
    of_api = path_of(asked.scope).startswith("/api/")
    return "text/html" in asked.headers.get("accept", "") and not of_api


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return the answer that says what is wrong."""
    return _problem(status, detail).answer(headers)


def _problem(status: int, detail: str, errors: list[dict[str, str]] | None = None) -> Problem:
    title = HTTPStatus(status).phrase
    return Problem(title=title, status=status, detail=detail, error=detail, errors=errors)


CONTENT = {MEDIA_TYPE: {"schema": Problem.model_json_schema()}}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
# of every route: FastAPI leaves out its own answer to a bad request where 4XX is told
RESPONSES: dict[int | str, dict[str, Any]] = {
    "4XX": {"description": "The request cannot be answered as it is", "content": CONTENT},
    503: {
        "description": "The database or Cloudinary is away; ask again",
        "content": CONTENT,
    },
}


def add_problems(app: FastAPI, tell: Tell) -> None:
    """Answer whatever a route raises, as `tell` says it."""

    async def answer(request: Request, error: Exception) -> Response:
        said, headers = _said(error)
        if said.status == HTTPStatus.METHOD_NOT_ALLOWED:
            headers = {**headers, "Allow": ", ".join(sorted(_methods(request)))}
        return tell(request, said, headers)

    async def broken(request: Request, _: Exception) -> Response:
        said = tell(request, _problem(500, "internal error: see mediasweep's log"), {})
        for name, value in HEADERS.items():  # sent past what else adds them
            said.headers.setdefault(name, value)
        return said

    for kind in (HTTPException, RequestValidationError, *MISREAD, *REFUSED, *FAILED, *SILENT):
        app.add_exception_handler(kind, answer)
    app.add_exception_handler(Exception, broken)


def _said(error: Exception) -> tuple[Problem, Mapping[str, str]]:
    """Return what an error is for who asked, and the headers that go with it."""
    match error:
        case HTTPException():
            return _problem(error.status_code, str(error.detail)), error.headers or {}
        case RequestValidationError():
            return _invalid(error), {}
        case UnknownError():
            return _problem(404, str(error)), {}
        case _ if name := user_function(error):
            return _problem(409, f"{name}, a function of yours, fails: {error}"), {}
        case _ if says := user_constraint(error):
            return _problem(409, f"a table of yours does not take this: {says}"), {}
        case _ if isinstance(error, AWAY):
            said = f"the database does not answer this now: {message(error)}"
            return _problem(503, said), {"Retry-After": RETRY_AFTER_S}
        case _ if isinstance(error, SILENT):
            said = f"Cloudinary does not answer this now: {error}"
            return _problem(503, said), {"Retry-After": RETRY_AFTER_S}
        case PostgresError():
            raise error
        case _:
            return _problem(400 if isinstance(error, MISREAD) else 409, str(error)), {}


def _methods(request: Request) -> set[str]:
    """Return what can be done here; a route of its own, of which there are several, says less."""
    asked = [{**request.scope, "method": method} for method in METHODS]
    routes = request.app.router.routes
    return {
        scope["method"]
        for scope in asked
        if any(route.matches(scope)[0] is Match.FULL for route in routes)
    }


def _invalid(error: RequestValidationError) -> Problem:
    for one in error.errors():
        if one["type"] == "json_invalid":
            return _problem(400, f"the body is not JSON: {one['ctx']['error']}")
        if one["type"] == "model_attributes_type" and one["loc"] == ("body",):
            return _problem(400, NO_OBJECT)
    errors = [
        {"at": field_errors.field(one["loc"]), "says": field_errors.wrong(one)}
        for one in error.errors()
    ]
    said = "; ".join(f"{one['at']} {one['says']}" for one in errors)
    return _problem(400, said, errors)
