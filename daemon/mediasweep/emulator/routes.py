"""Which request is answered by what. One that no route knows is a 404 in JSON."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from mediasweep.emulator import (
    admin,
    api,
    control,
    deletions,
    fields,
    folders,
    notifications,
    presets,
    renames,
    resources,
    restores,
    updates,
)
from mediasweep.emulator.answers import ApiError, error
from mediasweep.emulator.cloud import Cloud

Endpoint = Callable[[Request], Awaitable[Response]]
Answer = Callable[[Cloud, Request], Awaitable[Response]]
Table = list[tuple[str, str, Answer]]

# the first that fits counts
UPLOAD_API: Table = [
    ("POST", "/{kind}/destroy", api.destroy),
    ("POST", "/{kind}/upload", api.upload),
    ("POST", "/{kind}/rename", renames.rename),
    ("POST", "/{kind}/explicit", updates.explicit),
    ("POST", "/{kind}/tags", updates.tags),
    ("POST", "/{kind}/context", updates.context),
    ("POST", "/{kind}/metadata", updates.metadata),
]
ADMIN_API: Table = [
    ("GET", "/ping", admin.ping),
    ("GET", "/config", admin.config),
    ("GET", "/usage", admin.usage),
    ("GET", "/usage/{date}", admin.usage),
    ("GET", "/resources", resources.types),
    ("GET", "/resources/by_asset_folder", resources.by_asset_folder),
    ("GET", "/resources/by_asset_ids", resources.by_asset_ids),
    ("GET", "/resources/{kind}/tags/{rest:path}", resources.by_tag),
    ("GET", "/resources/{kind}/context", resources.by_context),
    ("GET", "/resources/{kind}/moderations/manual/{status}", resources.by_moderation),
    ("GET", "/resources/{kind}", resources.listing),
    ("GET", "/resources/{kind}/{type}", resources.listing),
    ("GET", "/resources/{kind}/{type}/{rest:path}", resources.resource),
    ("POST", "/resources/restore", restores.restore),
    ("POST", "/resources/{kind}/{type}/restore", restores.restore),
    ("POST", "/resources/{kind}/{type}/{rest:path}", updates.update),
    ("DELETE", "/resources", deletions.delete_by_asset_ids),
    ("DELETE", "/resources/backup/{asset_id}", restores.drop_backup),
    ("DELETE", "/resources/{kind}/tags/{rest:path}", deletions.delete_by_tag),
    ("DELETE", "/resources/{kind}/{type}", deletions.delete),
    ("DELETE", "/derived_resources", deletions.delete_derived),
    ("GET", "/folders", folders.roots),
    ("GET POST PUT DELETE", "/folders/{rest:path}", folders.folder),
    ("GET POST", "/metadata_fields", fields.fields),
    ("GET PUT DELETE", "/metadata_fields/{name}", fields.one),
    ("GET POST", "/upload_presets", presets.presets),
    ("GET PUT DELETE", "/upload_presets/{name}", presets.preset),
    ("GET POST", "/triggers", notifications.triggers),
    ("PUT DELETE", "/triggers/{id}", notifications.trigger),
    ("POST", "/triggers/{id}/test", notifications.test),
]
CONTROLS: Table = [
    ("GET", "", control.state),
    ("PATCH", "", control.switch),
    ("PUT POST", "/faults", control.faults),
    ("GET", "/calls", control.calls),
    ("GET", "/assets", control.assets),
    ("POST", "/assets", control.fill),
    ("POST", "/plantings", control.plant),
    ("GET", "/hooks", control.hooks),
    ("PUT", "/hooks", control.mishaps),
    ("POST", "/hooks", control.send),
    ("GET", "/wait", control.wait),
]


def build(clouds: dict[str, Cloud]) -> Starlette:
    """Return the application over these clouds; more can be made by the control API.

    It wants `server.Protocol`, which puts times and sockets into the state of each request.
    """
    own = "/_emulator/clouds/{cloud}"
    apis = [*ADMIN_API, *UPLOAD_API]
    return Starlette(
        routes=[
            *(_route(verbs, "/v1_1/{cloud}" + path, _api(clouds, to)) for verbs, path, to in apis),
            _route("GET POST PUT DELETE", "/v1_1/{rest:path}", _unknown),
            _route("PUT", own, _making(clouds, control.make)),
            _route("DELETE", own, _making(clouds, control.forget)),
            *(_route(verbs, own + path, _controls(clouds, to)) for verbs, path, to in CONTROLS),
            _route("GET", "/{cloud}/{kind}/{type}/{rest:path}", _api(clouds, api.deliver)),
        ],
        exception_handlers={HTTPException: _http_error},
    )


def _route(verbs: str, path: str, endpoint: Endpoint) -> Route:
    return Route(path, endpoint, methods=verbs.split())


async def _unknown(_: Request) -> Response:
    return error(ApiError(404, "Not found"))


async def _http_error(_: Request, wrong: Exception) -> Response:
    if not isinstance(wrong, HTTPException):
        raise wrong
    return error(ApiError(wrong.status_code, wrong.detail, wrong.headers))


def _api(clouds: dict[str, Cloud], answer: Answer) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        name = request.path_params["cloud"]
        cloud = clouds.get(name)
        if cloud is None:
            return error(ApiError(401, f"Invalid cloud_name {name}"))
        return await answer(cloud, request)

    return endpoint


def _controls(clouds: dict[str, Cloud], answer: Answer) -> Endpoint:
    async def found(clouds: dict[str, Cloud], request: Request) -> Response:
        cloud = clouds.get(request.path_params["cloud"])
        if cloud is None:
            return JSONResponse({"error": "no such cloud"}, 404)
        return await answer(cloud, request)

    return _making(clouds, found)


def _making(
    clouds: dict[str, Cloud], answer: Callable[[dict[str, Cloud], Request], Awaitable[Response]]
) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        try:
            return await answer(clouds, request)
        except ValueError as wrong:
            return JSONResponse({"error": str(wrong)}, 400)

    return endpoint
