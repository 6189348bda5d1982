"""What Cloudinary's documentation leaves open, looked at on the configured account: one asset under
a name that nobody can guess, and what the account says of it.

The name is queued before it is used, as that of an upload is, so that a probe that is killed cleans
itself up. What cannot be seen with one asset is named with the reason. It changes nothing else.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mediasweep.operations.refusal import RefusedError
from mediasweep.operations.upload import LATER
from mediasweep.postgres import clock
from mediasweep.postgres.selftest import Traces
from mediasweep.postgres.upload import Uploads
from mediasweep.rules.asset import Asset
from mediasweep.rules.outcome import Answer
from mediasweep.rules.selftest import FOLDER, GIF, Seen
from mediasweep.rules.upload import Part, UploadOptions

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from mediasweep.cloudinary import Account
    from mediasweep.postgres.pool import Connection, Pool

TYPES = ("image", "upload")
IDS_MOST = 100
STALE_S = 2 * 3600
LOOK_S = 0.2
NOT_ASKED = (
    Seen("status of too many deletions at once", "not asked: it would slow down who works here"),
    Seen("deletions that one notification names", "not asked: only one asset is deleted here"),
    Seen("keys in the answer to a deletion in bulk", "not asked: nothing is deleted in bulk"),
    Seen("signatures of the scheme eddsa_v2", "not asked: no key for them is published"),
    Seen("whether a long listing is of one moment", "not asked: one asset does not show it"),
    Seen("how long polled notifications are kept", "not asked: nothing is polled"),
)


@dataclass(slots=True)
class AccountProbe:
    """One probe: its asset, and where notifications come in."""

    connection: Pool | Connection
    account: Account
    within_s: float
    public_id: str
    since: datetime
    asset_id: str = ""

    async def look(self) -> list[Seen]:
        """Ask one thing after the other."""
        asked: dict[str, Callable[[], Awaitable[str]]] = {
            "an upload over an asset keeps its asset id": self._overwrite,
            "an upload with overwrite off leaves an asset as it is": self._existing,
            "public ids that differ in case are two": self._case,
            f"a call that names more than {IDS_MOST} ids": self._many,
            "a request that was signed two hours ago": self._stale,
            "deletion by asset id": self._by_asset_id,
            "a deleted asset with a backup, asked for by its public id": self._placeholder,
            "a deleted asset with a backup, in a listing": self._listed,
            "a restore is told as": self._restored,
        }
        return [Seen(what, await ask()) for what, ask in asked.items()] + [*NOT_ASKED]

    async def _store(self, **more: object) -> Answer:
        part = Part("", "probe.gif", 0, GIF, is_last=True)
        named = {"public_id": self.public_id, "resource_type": "image", "type": "upload"}
        return await self.account.store(part, named | {"backup": True} | more, lambda: None)

    async def _told(self, *public_ids: str) -> tuple[Answer, list[Mapping[str, Any]]]:
        answer, _ = await self.account.told(public_ids, TYPES)
        return answer, list((answer.response or {}).get("resources") or ())

    async def _overwrite(self) -> str:
        first, second = await self._store(overwrite=True), await self._store(overwrite=True)
        if not second.ok:
            return _said(second)
        ids = {(one.response or {}).get("asset_id") for one in (first, second)}
        return "yes" if len(ids) == 1 else "no"

    async def _existing(self) -> str:
        answer = await self._store(overwrite=False)
        return "yes" if (answer.response or {}).get("existing") else f"no: {_said(answer)}"

    async def _case(self) -> str:
        answer, found = await self._told(self.public_id.swapcase())
        return _said(answer) if not answer.ok else "no" if found else "yes"

    async def _many(self) -> str:
        answer, _ = await self._told(*(f"{self.public_id}-{n}" for n in range(IDS_MOST + 1)))
        return _said(answer)

    async def _stale(self) -> str:
        return _said(await self._store(timestamp=int(time.time()) - STALE_S))

    async def _by_asset_id(self) -> str:
        _, found = await self._told(self.public_id)
        self.asset_id = str(found[0]["asset_id"]) if found else ""
        asset = Asset(self.public_id, *TYPES, self.asset_id or None)
        answer = await self.account.destroy(asset, lambda: None)
        if answer.ok and not answer.by_asset_id:
            return "does not work: it was deleted by public id"
        return "works" if answer.ok else _said(answer)

    async def _placeholder(self) -> str:
        answer, found = await self._told(self.public_id)
        return _shown(found) if answer.ok else _said(answer)

    async def _listed(self) -> str:
        answer, _ = await self.account.listed("image", None)
        listed = (answer.response or {}).get("resources") or []
        found = [one for one in listed if one.get("public_id") == self.public_id]
        return _shown(found) if answer.ok else _said(answer)

    async def _restored(self) -> str:
        await self._told_as("delete", self.since)  # or it would be taken for that of the restore
        since = await clock.now(self.connection)
        answer = await self.account.restore([self.public_id], TYPES)
        told = (answer.response or {}).get(self.public_id) or {}
        if not answer.ok or told.get("error"):
            return told.get("error") or _said(answer)
        types = await self._told_as("", since)
        return ", ".join(types) or f"nothing that came in {self.within_s:g} s"

    async def _told_as(self, type_: str, since: datetime) -> list[str]:
        """Wait until the asset was told of, in this way or in any; returns in which it was."""
        until_s = time.monotonic() + self.within_s
        while True:
            types = await Traces(self.connection).told_as(self.asset_id, since)
            if type_ in types or (types and not type_) or time.monotonic() > until_s:
                return types
            await asyncio.sleep(LOOK_S)


async def probe(
    connection: Pool | Connection, account: Account, *, who: str, within: timedelta
) -> list[Seen]:
    """Return what was seen, one line a question; raises RefusedError where there is no library."""
    uploads = Uploads(connection)
    public_id = f"{FOLDER}/{secrets.token_hex(8)}/Probe"
    wanted = UploadOptions("probe.gif", resource_type="image")
    row, refused = await uploads.begin(public_id, wanted, LATER, who)
    if row is None:
        raise RefusedError(refused or "refused")
    since = await clock.now(connection)
    asking = AccountProbe(connection, account, within.total_seconds(), public_id, since)
    try:
        return await asking.look()
    finally:
        await uploads.hold(row, 0 * LATER)
        # what was told of it may have been listed, or will be: it is let go of as by a self-test
        made = [(public_id, *TYPES, asking.asset_id or None)]
        await Traces(connection).clean(public_id, made)


def _shown(found: list[Mapping[str, Any]]) -> str:
    if not found:
        return "is not there"
    return "is a placeholder" if found[0].get("placeholder") else "is there as before"


def _said(answer: Answer) -> str:
    if answer.ok:
        return "is taken"
    return f"HTTP {answer.status}: {answer.detail}" if answer.status else str(answer.detail)
