"""What an address asks of the API, on each of its routes: nothing unknown, nothing twice, and
nothing by mere emptiness.
"""

from __future__ import annotations

import httpx

from mediasweep.http.api import DESCRIPTION, PREFIX
from tests.http.routes import Route, routes
from tests.http.visits import ADDRESS, application, visit

ASKED = [one for one in routes() if one.path.startswith(f"{PREFIX}/") and one.path != DESCRIPTION]


async def test_no_route_takes_a_parameter_that_it_does_not_know() -> None:
    """Whatever it is, it is refused before anything is done, with those that are known."""
    transport = httpx.ASGITransport(application(None))
    async with httpx.AsyncClient(transport=transport, base_url=ADDRESS) as client:
        for route in ASKED:
            told = await _ask(client, route, limt="1")
            known = ", ".join(route.parameters)
            says = f"is not known here; {f'known are {known}' if known else 'no parameter is'}"
            assert told.status_code == 400, route
            assert told.json()["errors"] == [{"at": "limt", "says": says}], route


async def test_what_may_be_said_once_is_refused_when_it_is_said_again() -> None:
    """Of two values one would be passed by: of two public ids to delete, say, the first."""
    many = {"ids", "public_ids", "status"}
    transport = httpx.ASGITransport(application(None))
    async with httpx.AsyncClient(transport=transport, base_url=ADDRESS) as client:
        for route in ASKED:
            once = set(route.parameters) - (many if route.method == "GET" else set())
            for name in once:
                told = await client.request(
                    route.method, route.path, params={name: ["", "x", "y"]}, json=route.body
                )
                assert told.status_code == 400, (route, name)
                says = {"at": name, "says": "is said more than once"}
                assert says in told.json()["errors"], (route, name)


async def test_a_parameter_that_is_empty_counts_as_left_out(database: str) -> None:
    """Whatever is asked, all of it empty is answered as nothing, also where it may be repeated."""
    asked = [route for route in ASKED if route.parameters]
    assert len(asked) >= 7
    async with visit(database) as client:
        for route in asked:
            bare = await _ask(client, route)
            told = await _ask(client, route, **dict.fromkeys(route.parameters, ""))
            assert told.status_code == bare.status_code, told.text
        some = await client.get("/api/queue?status=&status=failed&limit=")
        assert (some.status_code, some.json()["items"]) == (200, [])


async def test_a_page_that_is_asked_for_something_refuses_what_it_does_not_know(
    database: str,
) -> None:
    """One with filters would show all rows for a slip; one without passes by what it is sent."""
    asked = {"/queue", "/activity", "/library", "/library/delete", "/library/deleted"}
    asked |= {"/reconcile", "/tables"}
    plain = {"/", "/gates", "/gates/brake", "/selftest", "/library/upload", "/login"}
    async with visit(database) as client:
        for path in asked | plain:
            told = await client.get(path, params={"_": "1"}, headers={"Accept": "text/html"})
            assert told.status_code == (400 if path in asked else 200), path


def test_every_parameter_of_an_address_may_be_empty() -> None:
    """The description says so of each, and what was allowed or told before still is."""
    paths = application(None).openapi()["paths"]
    asked = {
        (path, one["name"]): one["schema"]
        for path, methods in paths.items()
        for operation in methods.values()
        for one in operation.get("parameters", ())
        if one["in"] == "query"
    }
    assert len(asked) > 20
    assert [one for one, schema in asked.items() if {"const": ""} not in schema["anyOf"]] == []
    limit = asked["/api/cloudinary/media", "limit"]
    assert {"type": "integer", "minimum": 1, "maximum": 200} in limit["anyOf"]
    assert limit["default"] == 50


async def _ask(client: httpx.AsyncClient, route: Route, **params: str) -> httpx.Response:
    return await client.request(route.method, route.path, params=params, json=route.body)
