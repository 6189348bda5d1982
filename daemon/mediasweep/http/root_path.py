"""The path under which a proxy shows this server, and what is left of a request's without it."""

from __future__ import annotations

from starlette.types import Scope


def path_of(scope: Scope) -> str:
    """Return the path without that of the proxy, as the routes see it, whether or not the proxy has
    taken it away already.
    """
    path, root = str(scope.get("path", "")), str(scope.get("root_path", ""))
    return path.removeprefix(root) if root and path.startswith(f"{root}/") else path
