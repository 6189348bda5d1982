"""One cloud: its credentials and switches, what it holds, what was asked of it, who waits for it.

Everything happens on one event loop, so that no lock is needed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from mediasweep.emulator.assets import Store
from mediasweep.emulator.calls import CallLog
from mediasweep.emulator.faults import Faults


@dataclass(slots=True)
class Switches:
    """What the documentation leaves open, or an account can set. The defaults are the likeliest.

    revoked: no key works. concurrency: how many destroys may be at work at once, 0 for any number;
    the surplus is answered `concurrency_status`, with Retry-After if `retry_after_s` is not 0.
    asset_id_road: POST /asset/destroy exists. asset_id_in_destroy: so does `asset_id` in place of
    `public_id`. overwrite_keeps_asset_id: by a new upload to an old public id. stale_status: of a
    request older than an hour. not_found_status: 200 with a result, or 404 with an error.
    destroy_tells_folder: its answer has `asset_folder`. case_sensitive: public ids are.
    sha256_only: signatures have to be.
    """

    revoked: bool = False
    concurrency: int = 0
    concurrency_status: int = 420
    retry_after_s: int = 0
    asset_id_road: bool = True
    asset_id_in_destroy: bool = True
    overwrite_keeps_asset_id: bool = True
    stale_status: int = 400
    not_found_status: int = 200
    destroy_tells_folder: bool = False
    case_sensitive: bool = True
    sha256_only: bool = False


@dataclass(slots=True)
class Turnstile:
    """Counts who is inside. `most` is the peak of all who came, the refused included."""

    inside: int = 0
    admitted: int = 0
    most: int = 0

    @contextmanager
    def enter(self, limit: int) -> Iterator[bool]:
        """Stay inside for as long as the block lasts; gives whether one was admitted."""
        # decided on arrival: who was let in is not thrown out because others came later
        admitted = limit <= 0 or self.admitted < limit
        self.inside += 1
        self.admitted += admitted
        self.most = max(self.most, self.inside)
        try:
            yield admitted
        finally:
            self.inside -= 1
            self.admitted -= admitted


@dataclass(slots=True)
class Cloud:
    """One account."""

    name: str
    key: str
    secret: str
    switches: Switches = field(default_factory=Switches)
    faults: Faults = field(default_factory=Faults)
    store: Store = field(default_factory=Store)
    calls: CallLog = field(default_factory=CallLog)
    destroys: Turnstile = field(default_factory=Turnstile)
    _waiting: dict[asyncio.Event, Callable[[], bool]] = field(default_factory=dict)

    def changed(self) -> None:
        """Wake those who wait for what is now the case."""
        for event, holds in self._waiting.items():
            if holds():
                event.set()

    async def wait(self, holds: Callable[[], bool], timeout_s: float) -> bool:
        """Return True as soon as the condition holds, or False when the time is up."""
        if holds():
            return True
        event = asyncio.Event()
        self._waiting[event] = holds
        try:
            async with asyncio.timeout(timeout_s):
                await event.wait()
            return True
        except TimeoutError:
            return False
        finally:
            del self._waiting[event]
