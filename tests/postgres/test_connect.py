"""Opening a connection: what passes by itself, and what somebody has to mend."""

from __future__ import annotations

import socket

import pytest

from mediasweep.postgres.pool import PASSING, DatabaseError, connect

DSN = "postgresql://user@database.example/name"


@pytest.mark.parametrize(
    ("errno", "raised"),
    [(socket.EAI_AGAIN, PASSING), (socket.EAI_NONAME, DatabaseError)],
    ids=["no name server", "no such name"],
)
async def test_a_name_server_that_is_away_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
    errno: int,
    raised: type[Exception] | tuple[type[Exception], ...],
) -> None:
    """A host that boots has none yet, and twenty refused starts would be the last; a name that does
    not exist is refused.
    """

    def getaddrinfo(*_: object, **__: object) -> None:
        raise socket.gaierror(errno, "told by the resolver")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(raised, match="told by the resolver"):
        await connect(DSN, name="mediasweep")
