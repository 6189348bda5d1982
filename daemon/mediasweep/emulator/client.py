"""Starting an emulator, and steering its clouds. Synchronous: in asyncio, call it from a thread.

A control request that is refused raises ValueError with the emulator's reason, a wait in vain
TimeoutError, an emulator that is gone OSError.
"""

from __future__ import annotations

import http.client
import json
import secrets
import subprocess
import sys
from base64 import b64encode
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

REQUEST_TIMEOUT_S = 630.0  # longer than the longest wait
STOP_TIMEOUT_S = 5.0


class Emulator:
    """One emulator process.

    It dies with the thread that made it, so make it in a thread that lives as long as it is needed.
    """

    def __init__(self) -> None:
        """Start it and wait until it answers."""
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "mediasweep.emulator", "--die-with-parent"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        line = self._process.stdout.readline() if self._process.stdout else b""
        if not line:
            self.stop()
            raise RuntimeError(f"the emulator ended with {self._process.returncode}")
        self.url = str(json.loads(line)["url"])

    @classmethod
    def start(cls) -> Self:
        """Start one; as a context manager it is stopped at the end."""
        return cls()

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
        self.stop()

    def stop(self) -> int:
        """Stop the process, if it still runs, and return its exit code."""
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        return self._process.returncode

    def cloud(self, name: str | None = None) -> Cloud:
        """Make a cloud of its own."""
        return Cloud(self.url, name or f"cloud{secrets.token_hex(4)}")


class Cloud:
    """One cloud in a running emulator. May be used by several threads at once."""

    def __init__(self, url: str, name: str) -> None:
        """Make the cloud."""
        self.name = name
        self.key = str(secrets.randbelow(10**15))
        self.secret = secrets.token_urlsafe(20)
        self.api = url
        self._address = urlsplit(url)
        self.reset()

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
        """Send a request to the cloud's controls and return the answer."""
        # a connection each: none is left open for a test to trip over or shared by threads
        connection = http.client.HTTPConnection(
            self._address.hostname or "", self._address.port, timeout=REQUEST_TIMEOUT_S
        )
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, f"/_emulator/clouds/{self.name}{path}", text)
            answer = connection.getresponse()
            told = json.loads(answer.read())
        finally:
            connection.close()
        if answer.status == http.HTTPStatus.REQUEST_TIMEOUT:
            raise TimeoutError(f"the emulator waited in vain: {told}")
        if answer.status != http.HTTPStatus.OK:
            raise ValueError(str(told))
        return told

    def reset(self) -> None:
        """Make the cloud anew: empty, without faults, all switches as they were at first."""
        self.ask("PUT", "", {"key": self.key, "secret": self.secret})

    def forget(self) -> None:
        """Let the emulator forget the cloud."""
        self.ask("DELETE", "")

    def state(self) -> dict[str, Any]:
        """Return counters.

        assets, seq (of the newest call), calls and answered by action, by_status ("destroy 200"),
        deleted, deleted_twice (public ids), restored, restored_twice, backups, destroying (now) and
        destroying_most, uploading (unfinished, in chunks), hooks (seq of the newest notification),
        hooks_held, hooks_under_way, delivered (notifications), windows (calls that met each fault
        with windows, window by window), switches.
        """
        told: dict[str, Any] = self.ask("GET", "")
        return told

    def switch(self, **switches: object) -> None:
        """Turn switches (`switches.Switches`), or change `key` or `secret`, not the handle's."""
        self.ask("PATCH", "", switches)

    def faults(self, *faults: dict[str, Any]) -> None:
        """Install these faults (`faults.Fault`) and no others; none: all is well."""
        self.ask("PUT", "/faults", list(faults))

    def add_faults(self, *faults: dict[str, Any]) -> None:
        """Install these faults after those there are."""
        self.ask("POST", "/faults", list(faults))

    def calls(
        self, action: str = "destroy", after: int = 0, limit: int = 200_000
    ) -> list[dict[str, Any]]:
        """Return calls (`calls.Call`) of one action, or of all if it is empty, oldest first."""
        query = f"?action={action}&after={after}&limit={limit}"
        told: list[dict[str, Any]] = self.ask("GET", f"/calls{query}")
        return told

    def assets(self) -> set[tuple[str, str, str]]:
        """Return what is there, as (resource type, delivery type, public id)."""
        return {(rt, dt, public_id) for rt, dt, public_id in self.ask("GET", "/assets")}

    def fill(
        self, prefix: str, count: int, resource_type: str = "image", *, backup: bool = False
    ) -> None:
        """Make many tiny assets, `prefix` and a number from 0 each; `backup`: each is kept when it
        is destroyed.
        """
        given: dict[str, object] = {"prefix": prefix, "count": count, "backup": backup}
        given["resource_type"] = resource_type
        self.ask("POST", "/assets", given)

    def plant(
        self,
        prefix: str,
        count: int,
        resource_type: str = "image",
        *,
        age_s: int = 0,
        missing: Sequence[int] = (),
        data: bytes | None = None,
    ) -> None:
        """Let many assets be there that take no memory (`planting.Planting`): `prefix` and a number
        with leading zeros each, the newest `age_s` seconds old, a second apart.

        More of them than a database knows are orphans; `missing`, the numbers of those that are not
        there, are ghosts. `data`: the file that each of them is, instead of a word.
        """
        given: dict[str, object] = {"prefix": prefix, "count": count, "age_s": age_s}
        given |= {"resource_type": resource_type, "missing": list(missing)}
        file = {} if data is None else {"data": b64encode(data).decode()}
        self.ask("POST", "/plantings", given | file)

    def hooks(self, after: int = 0) -> list[dict[str, Any]]:
        """Return notifications (`hooks.Delivery`), oldest first."""
        told: list[dict[str, Any]] = self.ask("GET", f"/hooks?after={after}")
        return told

    def mishaps(self, **mishaps: object) -> None:
        """Let these mishaps (`hooks.Mishaps`) happen to notifications and no others; none: all are
        sent as they come.
        """
        self.ask("PUT", "/hooks", mishaps)

    def release(self, order: str = "sent") -> int:
        """Send what mishaps hold back: as it was sent, reversed or shuffled; returns how many."""
        return int(self.ask("POST", "/hooks", {"release": order})["sent"])

    def again(self, *seqs: int, old: bool = False) -> None:
        """Send notifications once more, signed anew, or as they were signed at first (`old`)."""
        self.ask("POST", "/hooks", {"again": seqs, "old": old})

    def wait_assets(self, left: int, timeout_s: float = 30.0) -> None:
        """Return when at most `left` assets are left; raises TimeoutError."""
        self.ask("GET", f"/wait?assets={left}&timeout={timeout_s}")

    def wait_calls(self, calls: int, action: str = "destroy", timeout_s: float = 30.0) -> None:
        """Return when so many calls have come in; raises TimeoutError."""
        self.ask("GET", f"/wait?calls={calls}&action={action}&timeout={timeout_s}")

    def wait_answered(self, calls: int, action: str = "destroy", timeout_s: float = 30.0) -> None:
        """Return when so many calls are over, with or without an answer; raises TimeoutError."""
        self.ask("GET", f"/wait?answered={calls}&action={action}&timeout={timeout_s}")

    def wait_hooks(self, left: int = 0, timeout_s: float = 30.0) -> None:
        """Return when at most so many notifications are under way; raises TimeoutError."""
        self.ask("GET", f"/wait?hooks={left}&timeout={timeout_s}")

    def wait_delivered(self, count: int, timeout_s: float = 30.0) -> None:
        """Return when so many notifications have been delivered in all; raises TimeoutError."""
        self.ask("GET", f"/wait?delivered={count}&timeout={timeout_s}")
