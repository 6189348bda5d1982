"""The frame of all pages: templates, links under the path of a proxy, who looks, and what a page
may load.

A page is made anew for each request, and says the same to whoever asks for it again: the script
asks every second and a half and shows what has changed. Pages change nothing; they name the route
of the API that does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mediasweep import __version__
from mediasweep.http.access import AccessPolicy, Visitor
from mediasweep.http.pages.static import address
from mediasweep.http.pages.words import FILTERS
from mediasweep.http.problem import Problem, wants_page
from mediasweep.http.root_path import path_of
from mediasweep.operations.backend import Backend
from mediasweep.rules.access import Scope

TEMPLATES = Path(__file__).parent / "templates"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: {}; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
TITLES = {  # of what is wrong, where the name of its status says little to people
    400: "This address cannot be read",
    404: "It is not here",
    409: "That is refused",
    503: "The database is away",
}
READS = "This session may only look: its token begins with read: in MEDIASWEEP_API_TOKEN."
READ_ONLY = "This daemon only looks: MEDIASWEEP_HTTP_READ_ONLY is true."


class Frame:
    """What every page is put into. `router` takes the routes, which ask `backend`."""

    def __init__(
        self, backend: Backend, access: AccessPolicy, navigation: Sequence[tuple[str, str]]
    ) -> None:
        self.backend = backend
        self.access = access
        self.router = APIRouter(include_in_schema=False)
        self._policy = POLICY.format(backend.delivery)
        self._templates = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._templates.filters |= FILTERS
        self._templates.globals |= {
            "link": self.link,
            "static": lambda name: self.link(address(name)),
            "navigation": navigation,
            "version": __version__,
            "cloud": backend.cloud,
        }

    def link(self, path: str, **query: object) -> str:
        """Return a path as a browser has to ask for it; what is None or empty is left out."""
        given = {name: value for name, value in query.items() if value not in (None, "", [], ())}
        asked = f"?{urlencode(given, doseq=True)}" if given else ""
        return f"{self.access.root_path}{quote(path)}{asked}"

    def show(
        self,
        request: Request,
        template: str,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        **said: Any,  # noqa: ANN401  whatever the template names
    ) -> Response:
        """Return a page. It knows `may` and `why_not`: whether its visitor may change anything."""
        visitor: Visitor | None = getattr(request.state, "visitor", None)
        why_not = self._why_not(visitor)
        text = self._templates.get_template(template).render(
            here=path_of(request.scope),
            visitor=visitor,
            csrf=visitor.session.csrf if visitor and visitor.session else "",
            may=visitor is not None and why_not is None,
            why_not=why_not,
            **said,
        )
        own = {"Content-Security-Policy": self._policy} | dict(headers or {})
        return HTMLResponse(text, status, own)

    def tell(self, request: Request, problem: Problem, headers: Mapping[str, str]) -> Response:
        """Return what is wrong, as a page for who looks at pages, and else as it is."""
        if not wants_page(request):
            return problem.answer(headers)
        return self.show(
            request,
            "problem.html",
            status=problem.status,
            headers=headers,
            problem=problem,
            title=TITLES.get(problem.status, problem.title),
        )

    def _why_not(self, visitor: Visitor | None) -> str | None:
        if self.access.read_only:
            return READ_ONLY
        if visitor is not None and not visitor.scope.covers(Scope.OPERATE):
            return READS
        return None
