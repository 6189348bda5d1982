"""A supervisor that only listens: the socket of NOTIFY_SOCKET, and what is said to it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tests.daemons import WITHIN_S

Said = dict[str, str]


class Listening:
    """A bound datagram socket; `address` is a path, or @ and a name without a file."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)

    def __enter__(self) -> Self:
        """Bind it."""
        self._socket.bind(self.address.replace("@", "\0"))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self._socket.close()

    async def next(self, within_s: float = WITHIN_S) -> Said:
        """Return the next message, or raise TimeoutError: who is silent for so long is killed."""
        async with asyncio.timeout(within_s):
            text = await asyncio.get_running_loop().sock_recv(self._socket, 4096)
        return dict(line.split("=", 1) for line in text.decode().splitlines())

    async def until(self, fits: Callable[[Said], bool], within_s: float = WITHIN_S) -> list[Said]:
        """Return the messages up to the first that fits, none later than `within_s` after the one
        before it.
        """
        heard = [await self.next(within_s)]
        while not fits(heard[-1]):
            heard.append(await self.next(within_s))
        return heard
