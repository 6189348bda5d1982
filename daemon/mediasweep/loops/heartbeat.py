"""The beat: every few seconds one statement that says "alive", and proves the listener.

It updates the registry, brings back this daemon's share of the fleet's calls, and sends a canary
from the working pool, which the listener, another connection, must hear. A beat that cannot be sent
means the database is away; one that is not heard means the listener is deaf, and it is thrown away.
Ends only with the daemon, and takes its row along.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from mediasweep.loops.boot_clock import boot_s
from mediasweep.loops.sweep import Sweep
from mediasweep.postgres.fleet import Beat, Fleet
from mediasweep.postgres.pool import WAITED_OUT
from mediasweep.rules.events import ShareChanged
from mediasweep.rules.text import message

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from mediasweep.cloudinary import Account
    from mediasweep.loops.slots import Slots
    from mediasweep.postgres.fleet import Share
    from mediasweep.postgres.wake import Wake
    from mediasweep.rules.events import Emit

PERIOD = timedelta(seconds=5)
SOON = timedelta(seconds=1)
PATIENCE = timedelta(seconds=3)


@dataclass(slots=True)
class Heartbeat:
    """The beat of one daemon; `beat_s` is the boot-clock time of the last good one, and `reached`
    whether the last one was good.
    """

    daemon: UUID
    version: str
    fleet: Fleet
    wake: Wake
    sweep: Sweep
    account: Account
    config: Mapping[str, Any]
    emit: Emit
    beat_s: float | None = None
    reached: bool = False
    _proven: bool = field(default=False)

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            settled = await self.once()
            await asyncio.sleep((PERIOD if settled else SOON).total_seconds())

    async def once(self) -> bool:
        """Beat once, and wait for the echo while the listener says that it is up.

        Tells whether this daemon has its fair share of the calls, and so need not ask again soon.
        """
        token = secrets.token_hex(8)
        echo = self.wake.expect(token) if self.wake.up else None
        swept_s = self.sweep.tally.swept_s
        slots = self.sweep.slots
        beat = Beat(
            version=self.version,
            limit=self.sweep.policy.concurrency,
            held=max(slots.limit, slots.busy),
            listening=self.wake.up,
            completed=self.sweep.tally.completed,
            failed=self.sweep.tally.failed,
            swept_s_ago=None if swept_s is None else boot_s() - swept_s,
            config={**self.config, "horizon": horizon(self.sweep.tally.memory)},
        )
        try:
            share = await self.fleet.beat(
                self.daemon, beat, channel=self.wake.channel, token=token, patience=PATIENCE
            )
            if self.account.asset_id_proven and not self._proven:
                await self.fleet.prove_asset_id(self.account.credentials.cloud_name)
                self._proven = True
        except WAITED_OUT as error:
            self.reached = False
            self.wake.give_up(f"no beat: {message(error)}")
            return True
        self.reached, self.beat_s = True, boot_s()
        settled = self._take(share, slots)
        if echo is None:
            return settled
        try:
            async with asyncio.timeout(PATIENCE.total_seconds()):
                await echo
        except TimeoutError:
            self.wake.give_up("a canary sent over another connection was not heard")
        return settled

    def _take(self, share: Share, slots: Slots) -> bool:
        before = slots.limit
        slots.set(share.calls)
        if share.calls != before:
            self.emit(ShareChanged(share.calls))
            return False  # what is given up is free for others only once a beat has said so
        return share.calls == share.fair


def horizon(memory: str | None) -> dict[str, Any]:
    """Return the barriers of a claim's memory: whoever asks why a row waits has to know them."""
    known = {} if memory is None else json.loads(memory)
    return {name: known[name] for name in ("server", "free", "clear") if name in known}
