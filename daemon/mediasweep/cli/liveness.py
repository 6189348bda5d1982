"""Is the daemon of this host alive? Asked as a supervisor asks, for images that have no `curl`."""

from __future__ import annotations

from http.client import HTTPConnection, HTTPException
from typing import NoReturn

import typer

from mediasweep.rules.text import message

WITHIN_S = 5.0
SELF = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  what a daemon may listen on


def check_liveness(host: str, port: int) -> None:
    """Ask /livez of a daemon that listens there, and exit with 1 unless it is well."""
    connection = HTTPConnection(SELF.get(host, host), port, timeout=WITHIN_S)
    try:
        connection.request("GET", "/livez")
        answer = connection.getresponse()
    except (OSError, HTTPException) as error:
        _dead(connection, message(error))
    finally:
        connection.close()
    if answer.status != 200:  # noqa: PLR2004  OK
        _dead(connection, f"it answers {answer.status}")
    typer.echo("alive")


def _dead(asked: HTTPConnection, why: str) -> NoReturn:
    address = f"{asked.host}:{asked.port}"
    typer.echo(
        f"mediasweep: no daemon is alive at {address}, MEDIASWEEP_HTTP_BIND: {why}", err=True
    )
    raise typer.Exit(1)
