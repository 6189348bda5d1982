"""The beat: every few seconds one statement that says "alive", and proves the listener.

It updates the registry and sends a canary from the working pool, which the listener, another
connection, must hear. A beat that cannot be sent means the database is away; one that is not heard
means the listener is deaf, and it is thrown away. Ends only with the daemon, and takes its row
along.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from mediasweep.loops.sweep import Sweep
from mediasweep.loops.ticket import boot_s
from mediasweep.postgres.fleet import Beat, Fleet
from mediasweep.postgres.pool import PASSING

if TYPE_CHECKING:
    from uuid import UUID

    from mediasweep.cloudinary import Account
    from mediasweep.postgres.wake import Wake

PERIOD = timedelta(seconds=5)
PATIENCE = timedelta(seconds=3)


@dataclass(slots=True)
class Heartbeat:
    """The beat of one daemon; `beat_s` is the boot-clock time of the last good one."""

    daemon: UUID
    version: str
    fleet: Fleet
    wake: Wake
    sweep: Sweep
    account: Account
    beat_s: float | None = None
    _proven: bool = field(default=False)

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            await self.once()
            await asyncio.sleep(PERIOD.total_seconds())

    async def once(self) -> None:
        """Beat once, and wait for the echo while the listener says that it is up."""
        token = secrets.token_hex(8)
        echo = self.wake.expect(token) if self.wake.up else None
        swept_s = self.sweep.tally.swept_s
        beat = Beat(
            version=self.version,
            concurrency=self.sweep.policy.concurrency,
            listening=self.wake.up,
            completed=self.sweep.tally.completed,
            failed=self.sweep.tally.failed,
            swept_ago=None if swept_s is None else timedelta(seconds=boot_s() - swept_s),
        )
        try:
            await self.fleet.beat(
                self.daemon, beat, channel=self.wake.channel, token=token, patience=PATIENCE
            )
            if self.account.asset_id_proven and not self._proven:
                await self.fleet.prove_asset_id(self.account.credentials.cloud_name)
                self._proven = True
        except PASSING as error:
            self.wake.give_up(f"no beat: {error or type(error).__name__}")
            return
        self.beat_s = boot_s()
        if echo is None:
            return
        try:
            async with asyncio.timeout(PATIENCE.total_seconds()):
                await echo
        except TimeoutError:
            self.wake.give_up("a canary sent over another connection was not heard")
