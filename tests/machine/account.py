"""The account, as all workers of a game share it: the real one, telling what it sends and when.

What a daemon knows of its account is each worker's own and is lent to it for a call. The clock of
the game goes on with each call that is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import cloudinary.uploader
from cloudinary.utils import now

from mediasweep.cloudinary import Account, Credentials
from mediasweep.emulator.client import Cloud
from mediasweep.rules.asset import Asset, Road
from mediasweep.rules.outcome import Answer

if TYPE_CHECKING:
    from tests.machine.world import Clock

TIMEOUT = timedelta(seconds=1)
NOBODY = "http://127.0.0.1:9"  # the discard port: nothing listens there


@dataclass(slots=True)
class Known:
    """What one daemon has found out about the account."""

    asset_id_proven: bool = False
    ruled_out: dict[Asset, tuple[float, set[Road]]] = field(default_factory=dict)


class SharedAccount(Account):
    """One account for all workers; `sent` are the times of the calls of the last deletion."""

    def __init__(self, cloud: Cloud, clock: Clock) -> None:
        self.cloud = cloud
        own = Credentials(cloud.name, cloud.key, cloud.secret, cloud.api)
        super().__init__(own, threads=1, timeout=TIMEOUT)
        self._clock = clock
        self._here = own
        self._away = replace(own, upload_prefix=NOBODY)
        self.sent: list[float] = []
        self.call_s = 0.0

    def begin(self) -> None:
        """Forget the last game."""
        self.sent, self.call_s = [], 0.0
        self.reachable(yes=True)

    def reachable(self, *, yes: bool) -> None:
        """Let calls reach the cloud, or nobody."""
        self.credentials = self._here if yes else self._away

    def lend(self, known: Known) -> None:
        """Know what this worker knows, from now on; what is found out is written there."""
        self.asset_id_proven, self._ruled_out = known.asset_id_proven, known.ruled_out

    async def destroy(self, asset: Asset, may_not: Callable[[], str | None]) -> Answer:
        """Delete one asset as the product does, each call taking `call_s` of the game's time."""
        self.sent = []

        def asked() -> str | None:
            reason = may_not()
            if reason is None:
                self.sent.append(self._clock.now_s)
                self._clock.now_s += self.call_s
            return reason

        return await super().destroy(asset, asked)

    def again(self, call: Mapping[str, Any]) -> None:
        """Let a request come in that was sent before, as the cloud has logged it."""
        named = {name: call[name] for name in ("public_id", "asset_id") if call[name]}
        cloudinary.uploader.call_api(
            "destroy",
            {**named, "type": call["type"], "timestamp": now()},
            resource_type=call["resource_type"],
            return_error=True,
            **self.cloud.options(),
        )

    def upload(self, public_id: str, resource_type: str) -> str:
        """Upload a file under an id; returns its asset id."""
        told = cloudinary.uploader.upload(
            b"small",
            public_id=public_id,
            resource_type=resource_type,
            filename="small.bin",
            **self.cloud.options(),
        )
        return str(told["asset_id"])
