"""Ports for what has to be told where to listen, or where nobody does, before it runs."""

from __future__ import annotations

import socket

_held: list[socket.socket] = []  # until the process ends


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody else is given, where nobody listens.

    A socket holds it that does not listen itself. Whatever we start there sets SO_REUSEADDR, and
    may.
    """
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", 0))
    _held.append(sock)
    return int(sock.getsockname()[1])
