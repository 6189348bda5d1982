"""Starting an emulator, and steering its clouds. Synchronous: in asyncio, call it from a thread."""

from __future__ import annotations

import http.client
import json
import secrets
import subprocess
import sys
from contextlib import closing
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

REQUEST_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 5.0


class Emulator:
    """One emulator process, which dies with this one."""

    def __init__(self) -> None:
        """Start it and wait until it answers."""
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "mediasweep.emulator", "--die-with-parent"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        if self._process.stdout is None:
            raise RuntimeError("the emulator has no output")
        self.url = str(json.loads(self._process.stdout.readline())["url"])

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the process."""
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def cloud(self, name: str | None = None) -> Cloud:
        """Make a cloud of its own."""
        return Cloud(self.url, name or f"cloud{secrets.token_hex(4)}")


class Cloud:
    """One cloud in a running emulator."""

    def __init__(self, url: str, name: str) -> None:
        """Make the cloud."""
        self.name = name
        self.key = str(secrets.randbelow(10**15))
        self.secret = secrets.token_urlsafe(20)
        self.api = url
        self._address = urlsplit(url)
        self.ask("PUT", "", {"key": self.key, "secret": self.secret})

    @property
    def url(self) -> str:
        """Return the value of CLOUDINARY_URL for it."""
        return f"cloudinary://{self.key}:{self.secret}@{self.name}?upload_prefix={self.api}"

    def options(self) -> dict[str, str]:
        """Return the options that make an SDK call go to it."""
        return {
            "cloud_name": self.name,
            "api_key": self.key,
            "api_secret": self.secret,
            "upload_prefix": self.api,
        }

    def ask(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401  JSON
        """Send a request to the cloud's controls and return the answer; raises on an error."""
        host, port = self._address.hostname or "", self._address.port
        text = None if body is None else json.dumps(body)
        with closing(
            http.client.HTTPConnection(host, port, timeout=REQUEST_TIMEOUT_S)
        ) as connection:
            connection.request(method, f"/_emulator/clouds/{self.name}{path}", text)
            answer = connection.getresponse()
            told = json.loads(answer.read())
        if answer.status == http.HTTPStatus.REQUEST_TIMEOUT:
            raise TimeoutError(f"the emulator waited in vain: {told}")
        if answer.status != http.HTTPStatus.OK:
            raise ValueError(str(told))
        return told

    def state(self) -> dict[str, Any]:
        """Return counters: assets, calls by action, by_status, deleted, destroying_most …"""
        told: dict[str, Any] = self.ask("GET", "")
        return told

    def switch(self, **switches: object) -> None:
        """Turn switches."""
        self.ask("PATCH", "", switches)

    def faults(self, *faults: dict[str, Any]) -> None:
        """Install these faults and no others; none: all is well."""
        self.ask("PUT", "/faults", list(faults))

    def calls(self, action: str = "destroy", after: int = 0) -> list[dict[str, Any]]:
        """Return the calls of one action, oldest first."""
        told: list[dict[str, Any]] = self.ask("GET", f"/calls?action={action}&after={after}")
        return told

    def assets(self) -> set[tuple[str, str, str]]:
        """Return what is there, as (resource type, delivery type, public id)."""
        return {(rt, dt, public_id) for rt, dt, public_id in self.ask("GET", "/assets")}

    def fill(self, prefix: str, count: int, resource_type: str = "image") -> None:
        """Make many small assets, `prefix` and a number each."""
        given = {"prefix": prefix, "count": count, "resource_type": resource_type}
        self.ask("POST", "/assets", given)

    def wait_assets(self, left: int, timeout_s: float = 30.0) -> None:
        """Return when at most `left` assets are left; raises TimeoutError."""
        self.ask("GET", f"/wait?assets={left}&timeout={timeout_s}")

    def wait_calls(self, calls: int, action: str = "destroy", timeout_s: float = 30.0) -> None:
        """Return when so many calls have come in; raises TimeoutError."""
        self.ask("GET", f"/wait?calls={calls}&action={action}&timeout={timeout_s}")
