"""Opening a connection: what passes by itself, and what somebody has to mend."""

from __future__ import annotations

import errno
import socket
from asyncio import get_running_loop
from pathlib import Path
from typing import NoReturn

import pytest

from mediasweep.postgres.pool import DatabaseError, connect

DSN = "postgresql://user@database.example/name"


@pytest.mark.parametrize(
    ("number", "raised"),
    [(socket.EAI_AGAIN, ConnectionError), (socket.EAI_NONAME, DatabaseError)],
    ids=["no name server", "no such name"],
)
async def test_a_name_server_that_is_away_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    raised: type[Exception],
) -> None:
    """A host that boots has none yet, and twenty refused starts would be the last; a name that does
    not exist is refused.
    """

    def getaddrinfo(*_: object, **__: object) -> None:
        raise socket.gaierror(number, "told by the resolver")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(raised, match="told by the resolver"):
        await connect(DSN, name="mediasweep")


async def test_what_the_network_says_is_told_apart_from_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A way that is not there is a lost connection, so that any other OSError is none."""

    def create_connection(*_: object, **__: object) -> NoReturn:
        raise OSError(errno.ENETUNREACH, "no way there")

    with pytest.raises(ConnectionError, match="listens at the socket"):
        await connect(f"postgresql:///name?host={tmp_path}", name="mediasweep")
    monkeypatch.setattr(get_running_loop(), "create_connection", create_connection)
    with pytest.raises(ConnectionError, match="no way there"):
        await connect("postgresql://user@127.0.0.1/name", name="mediasweep")
