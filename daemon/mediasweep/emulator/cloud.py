"""One cloud: its credentials and switches, what it holds, what was asked of it, who waits for it.

Everything happens on one event loop, so that no lock is needed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mediasweep.emulator.calls import CallLog
from mediasweep.emulator.chunks import Chunks
from mediasweep.emulator.faults import Faults
from mediasweep.emulator.hooks import Hooks
from mediasweep.emulator.limits import Quota, Turnstile
from mediasweep.emulator.store import Store
from mediasweep.emulator.switches import Switches
from mediasweep.emulator.triggers import Triggers


@dataclass(slots=True)
class Cloud:
    """One account. `fields`, `presets`: metadata fields and upload presets, by id or name."""

    name: str
    key: str
    secret: str
    switches: Switches = field(default_factory=Switches)
    faults: Faults = field(default_factory=Faults)
    store: Store = field(default_factory=Store)
    calls: CallLog = field(default_factory=CallLog)
    destroys: Turnstile = field(default_factory=Turnstile)
    admin: Quota = field(default_factory=Quota)
    chunks: Chunks = field(default_factory=Chunks)
    triggers: Triggers = field(default_factory=Triggers)
    fields: dict[str, dict[str, Any]] = field(default_factory=dict)
    presets: dict[str, dict[str, Any]] = field(default_factory=dict)
    hooks: Hooks = field(init=False)
    _waiting: dict[asyncio.Event, Callable[[], bool]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Let what happens here be told to who wants to know."""
        self.hooks = Hooks(self.switches, self.triggers, self.signer, self.changed)

    def secret_of(self, key: str) -> str | None:
        """Return the secret of a key that works, or None."""
        if self.switches.revoked or not key:
            return None
        others = {self.switches.other_key: self.switches.other_secret}
        return {**others, self.key: self.secret}.get(key)

    def signer(self) -> tuple[str, str]:
        """Return the key and the secret that notifications are signed with."""
        if self.switches.hook_key:
            return self.switches.hook_key, self.switches.hook_secret
        return self.key, self.secret

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
