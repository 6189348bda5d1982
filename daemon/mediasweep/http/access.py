"""Who comes in: every request passes here, and what is not let in by a rule stays out.

Probes, metrics, the login page and what it loads need nothing, the webhook has its signature. For
the rest: a Host that is ours, against pages that point their own name at this address; nothing
changed from another site; and a token or session that is good for it, GET to read, all else to
operate. A person who asks for a page without one is led to the login. Without a token set, whoever
is on this machine may do everything, but nobody who shows that they came through a proxy, and
could be anyone; a proxy that hides it lets all in, which the docs say and `webhook register` minds.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from mediasweep.http.keys import Keys, Session
from mediasweep.http.problem import problem, wants_page
from mediasweep.http.root_path import path_of
from mediasweep.operations.webhooks import PATH as WEBHOOK
from mediasweep.rules.access import LOOPBACK_NAMES, Scope, host_name, is_loopback
from mediasweep.settings import Settings, StartError

LOGIN = "/login"
OPEN = {"/livez", "/readyz", "/healthz", "/metrics", LOGIN, WEBHOOK}
STATIC = "/static/"
SESSION = "/api/session"
COOKIE = "mediasweep_session"
CSRF = "x-csrf-token"
LOOKS = {"GET", "HEAD", "OPTIONS"}
PROXIED = ("forwarded", "via", "x-forwarded-for", "x-real-ip")
NEEDED = "a token is needed: Authorization: Bearer, with one of MEDIASWEEP_API_TOKEN"
WRONG = "this token is none of MEDIASWEEP_API_TOKEN"
OF_PROXIES = "1.0"  # the HTTP of nginx before 1.29.7, unless told otherwise; it says no more


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who was let in, as the journal names them, and what they may do."""

    who: str
    scope: Scope
    session: Session | None = None


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """What decides about a visitor: the keys, the names of this server (None: any), and the path
    under which a proxy shows it.
    """

    keys: Keys
    names: frozenset[str] | None
    further_names: frozenset[str]
    read_only: bool
    root_path: str


def access_policy(settings: Settings) -> AccessPolicy:
    """Return who is to be let in; raises StartError where that would be everybody."""
    host, _ = settings.bind()
    keys = Keys(settings.tokens())
    if not keys.asked and not is_loopback(host):
        raise StartError(
            f"MEDIASWEEP_HTTP_BIND {settings.http_bind} can be reached from other machines, and "
            "nobody there would be asked for a token: set MEDIASWEEP_API_TOKEN "
            "(`openssl rand -hex 32` makes one), or bind 127.0.0.1",
            2,
        )
    further = settings.hosts()
    closed = is_loopback(host) or bool(further)
    names = LOOPBACK_NAMES | {host.lower()} | further if closed else None
    return AccessPolicy(
        keys, names, further, settings.http_read_only, settings.http_root_path or ""
    )


def session_of(asked: HTTPConnection, keys: Keys) -> Session | None:
    """Return the session by which somebody comes in; None: without one, or by a token.

    What else a browser or a proxy says to authorise itself, as `Basic`, is not meant for us.
    """
    if asked.headers.get("authorization", "").lower().startswith("bearer"):
        return None
    return keys.of_cookie(asked.cookies.get(COOKIE, ""))


class AccessControl:
    """Lets in, and tells the route who it is; or answers in its place."""

    def __init__(self, app: ASGIApp, policy: AccessPolicy) -> None:
        self._app = app
        self._policy = policy

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        """Pass the request on, if its visitor is let in."""
        scope["root_path"] = self._policy.root_path
        connection = HTTPConnection(scope)
        path = path_of(scope)
        if scope["type"] != "http" or not (path in OPEN or path.startswith(STATIC)):
            answer = self._of(connection, path, scope.get("method", "GET"))
            if isinstance(answer, Response):
                await answer(scope, receive, send)
                return
            scope.setdefault("state", {})["visitor"] = answer
        await self._app(scope, receive, send)

    def _of(self, asked: HTTPConnection, path: str, method: str) -> Visitor | Response | None:
        """Return who this is, None for who logs in, or why they are not let in."""
        host = asked.headers.get("host", "")
        if self._policy.names is not None and host_name(host) not in self._policy.names:
            return problem(421, "unknown host name: add it to MEDIASWEEP_HTTP_HOSTS")
        looks = method in LOOKS
        if not looks and self._from_elsewhere(asked, host):
            return problem(403, "this came from a page of another site")
        if path == SESSION and method == "POST":
            return None
        visitor = self._visitor(asked)
        if isinstance(visitor, Response):
            return self._to_login(asked, path) if looks and wants_page(asked) else visitor
        if looks or path == SESSION:
            return visitor
        if visitor.session is not None and not hmac.compare_digest(
            visitor.session.csrf.encode(), asked.headers.get(CSRF, "").encode("latin-1")
        ):
            return problem(403, f"{CSRF} is missing or not that of this session")
        if self._policy.read_only:
            return problem(403, "this daemon only looks: MEDIASWEEP_HTTP_READ_ONLY is true")
        if not visitor.scope.covers(Scope.OPERATE):
            return problem(403, "this token may only read")
        return visitor

    def _visitor(self, asked: HTTPConnection) -> Visitor | Response:
        keys = self._policy.keys
        at = asked.client.host if asked.client else "unknown"
        if not keys.asked:
            old = asked.scope.get("http_version") == OF_PROXIES
            if old or any(name in asked.headers for name in PROXIED):
                return problem(401, "through a proxy a token is needed: set MEDIASWEEP_API_TOKEN")
            return Visitor(f"api@{at}", Scope.OPERATE)
        kind, _, token = asked.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and (scope := keys.of_token(token.strip())):
            return Visitor(f"api@{at}", scope)
        if session := session_of(asked, keys):
            return Visitor(f"ui@{at}", session.scope, session)
        given = kind.lower() == "bearer" and token.strip()
        return problem(401, WRONG if given else NEEDED, {"WWW-Authenticate": "Bearer"})

    def _to_login(self, asked: HTTPConnection, path: str) -> Response:
        onward = f"{path}?{asked.url.query}" if asked.url.query else path
        return RedirectResponse(f"{self._policy.root_path}{LOGIN}?next={quote(onward)}", 303)

    def _from_elsewhere(self, asked: HTTPConnection, host: str) -> bool:
        """Tell whether a browser says that it was sent here by another site's page."""
        if asked.headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
            return True
        origin = asked.headers.get("origin")
        if origin is None:
            return False
        try:
            parts = urlsplit(origin)
        except ValueError:
            return True
        return parts.netloc != host and parts.hostname not in self._policy.further_names
