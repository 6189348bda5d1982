"""One cloud: its credentials and switches, what it holds, what was asked of it, who waits for it.

Everything happens on one event loop, so that no lock is needed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from mediasweep.emulator.assets import Store
from mediasweep.emulator.calls import CallLog
from mediasweep.emulator.faults import Faults
from mediasweep.emulator.limits import Quota, Turnstile


@dataclass(slots=True)
class Switches:
    """What the documentation leaves open, or an account can set. The defaults are the likeliest.

    revoked: no key works. concurrency: how many destroys may be at work at once, 0 for any number;
    the surplus is answered `concurrency_status`, with Retry-After if `retry_after_s` is not 0.
    asset_id_road: POST /asset/destroy exists. asset_id_in_destroy: so does `asset_id` in place of
    `public_id`. overwrite_keeps_asset_id: by a new upload to an old public id. stale_status: of a
    request older than an hour. not_found_status: 200 with a result, or 404 with an error.
    destroy_tells_folder: its answer has `asset_folder`. case_sensitive: public ids are.
    sha256_only: signatures have to be. backup: what is uploaded from now on is kept when destroyed,
    unless the upload says otherwise. placeholders: such an asset is still told of, with no bytes.
    restore_there: what becomes of a restore where an asset is: nothing, and it is told as it is
    ("asset"), "overwrite", or another text, which is the error. restore_tells_public_ids: the
    answer to a restore by asset ids has public ids as its keys. admin_limit: calls to the Admin API
    in `admin_window_s`, which is an hour.
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
    backup: bool = False
    placeholders: bool = True
    restore_there: str = "asset"
    restore_tells_public_ids: bool = False
    admin_limit: int = 500
    admin_window_s: int = 3600


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
    admin: Quota = field(default_factory=Quota)
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
