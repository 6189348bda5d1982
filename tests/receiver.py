"""A web server that takes what is posted to it, remembers it, and answers as it is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SOON_S = 10.0


@dataclass(frozen=True, slots=True)
class Post:
    """One request: its path, the headers by lower-case name, and the body as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """What was posted, in order. `answers`: the next statuses; when none is left, 200.

    `says`: the body of every answer.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.got: list[Post] = []
        self.answers: list[int] = []
        self.says = b""

    def take(self, post: Post) -> int:
        """Remember a request and return the status of its answer."""
        self.got.append(post)
        return self.answers.pop(0) if self.answers else 200


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Run one while the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status = receiver.take(Post(self.path, headers, body))
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", f"{receiver.url}/elsewhere")
            self.end_headers()
            self.wfile.write(receiver.says)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver = Receiver(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join(SOON_S)
