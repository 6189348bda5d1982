"""Logging in, for browsers: a token is given once, and a cookie that no script can read stands for
it. Who guesses is made to wait.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, SecretStr

from mediasweep.http.access import COOKIE, SESSION, AccessPolicy, Visitor
from mediasweep.http.examples import like
from mediasweep.http.keys import SESSION_S
from mediasweep.http.models import RequestModel
from mediasweep.http.problem import problem
from mediasweep.rules.access import Scope

TRIES = 5
WITHIN_S = 60.0
ADDRESSES = 1000  # that are remembered


class FailedLogins:
    """Failed logins of each address within the last minute."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._failed: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_s(self, address: str) -> float:
        """Return for how long this address may not try; 0: it may."""
        failed = self._failed.get(address, deque())
        while failed and failed[0] <= self._clock_s() - WITHIN_S:
            failed.popleft()
        return failed[0] + WITHIN_S - self._clock_s() if len(failed) >= TRIES else 0.0

    def failed(self, address: str) -> None:
        """Take note of a failure."""
        self._failed.setdefault(address, deque()).append(self._clock_s())
        self._failed.move_to_end(address)
        if len(self._failed) > ADDRESSES:
            self._failed.popitem(last=False)


class Login(RequestModel):
    """What opens a session."""

    token: SecretStr = Field(max_length=1000, examples=["the token of MEDIASWEEP_API_TOKEN"])


class SessionAnswer(BaseModel):
    """What the visitor may do; `csrf` goes into X-CSRF-Token of whatever changes something."""

    success: bool = True
    scope: Scope
    read_only: bool
    csrf: str | None


def add_session(router: APIRouter, gate: APIRouter, access: AccessPolicy) -> None:
    """Add the routes of a session; `gate` is for those without a token yet."""
    failed_logins = FailedLogins()
    path = SESSION.removeprefix(router.prefix)

    def told(visitor: Visitor) -> SessionAnswer:
        csrf = visitor.session.csrf if visitor.session else None
        return SessionAnswer(scope=visitor.scope, read_only=access.read_only, csrf=csrf)

    @router.get(path, tags=["session"], responses=like("who_am_i"))
    async def who_am_i(request: Request) -> SessionAnswer:
        """Tell what the visitor may do."""
        return told(request.state.visitor)

    @gate.post(path, tags=["session"], response_model=SessionAnswer, responses=like("log_in"))
    async def log_in(
        request: Request, response: Response, login: Login
    ) -> SessionAnswer | Response:
        """Open a session for who has a token."""
        at = request.client.host if request.client else "unknown"
        if wait_s := failed_logins.wait_s(at):
            after_s = math.ceil(wait_s)
            said = f"too many failed logins: try again in {after_s} s"
            return problem(429, said, {"Retry-After": str(after_s)})
        session = access.keys.open(login.token.get_secret_value().strip())  # as it was pasted
        if session is None:
            failed_logins.failed(at)
            return problem(401, "no such token", {"WWW-Authenticate": "Bearer"})
        response.set_cookie(
            COOKIE,
            session.cookie,
            max_age=SESSION_S,
            path=request.scope.get("root_path") or "/",
            # a proxy that nobody has named as ours may say so, too: it only makes it stricter
            secure="https" in {request.url.scheme, request.headers.get("x-forwarded-proto")},
            httponly=True,
            samesite="strict",
        )
        return told(Visitor(f"ui@{at}", session.scope, session))

    @router.delete(path, tags=["session"], status_code=204)
    async def log_out(request: Request, response: Response) -> None:
        """Forget the session in this browser."""
        response.delete_cookie(COOKIE, path=request.scope.get("root_path") or "/")
