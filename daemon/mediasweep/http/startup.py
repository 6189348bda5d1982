"""What the socket answers before the daemon does: this process lives, and is not ready.

A daemon waits for its database, however long. Whoever asks meanwhile whether it is alive is not
left without an answer, or a supervisor would kill it for what another restart does not mend.
"""

from __future__ import annotations

import asyncio
import json
import socket
from asyncio import StreamReader, StreamWriter

WITHIN_S = 5.0
LIVEZ = {"status": "ok"}
READYZ = {"status": "unready", "checks": {"running": "waiting for the database or for Cloudinary"}}


async def answer(sock: socket.socket) -> asyncio.Server:
    """Answer on this socket until closed; the socket stays open for whoever serves it next."""
    return await asyncio.start_server(_answer, sock=sock.dup())


async def _answer(reader: StreamReader, writer: StreamWriter) -> None:
    try:
        async with asyncio.timeout(WITHIN_S):
            request = await reader.readuntil(b"\r\n\r\n")
            alive = request.startswith((b"GET /livez ", b"HEAD /livez "))
            body = json.dumps(LIVEZ if alive else READYZ)
            status = "200 OK" if alive else "503 Service Unavailable"
            head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close"
            sent = "" if request.startswith(b"HEAD ") else body
            writer.write(f"{head}\r\nContent-Length: {len(body)}\r\n\r\n{sent}".encode())
            await writer.drain()
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        pass  # who asks so gets no answer
    finally:
        writer.close()
