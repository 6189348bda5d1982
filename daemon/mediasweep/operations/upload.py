"""Upload: a file becomes an asset and a row of the library, or neither.

The name is queued for an hour later before anything is sent, and put off by another hour before
each part; what comes of the upload is listed, and the guard keeps it then. Whatever stops in
between, the daemons clean up when the hour is over. RefusedError: a safeguard forbids the name;
UploadError: it did not come to an asset. Of the database it raises what asyncpg raised.
"""

from __future__ import annotations

import asyncio
import io
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import asyncpg

from mediasweep.cloudinary import PART_S
from mediasweep.loops.boot_clock import boot_s
from mediasweep.operations.refusal import RefusedError, stay_home
from mediasweep.postgres.fleet import Fleet
from mediasweep.postgres.upload import Uploads
from mediasweep.rules.asset import RESOURCE_TYPES
from mediasweep.rules.drift import is_there
from mediasweep.rules.notification import UPLOAD, Notification
from mediasweep.rules.outcome import Answer, Outcome
from mediasweep.rules.upload import PART, Part, UploadOptions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from uuid import UUID

    from mediasweep.cloudinary import Account
    from mediasweep.postgres.pool import Connection, Pool
    from mediasweep.rules.notification import Change

LATER = timedelta(hours=1)
# a part that was allowed must be answered, or given up, well before the row falls due
HELD_S = LATER.total_seconds() - 3 * PART_S
PAUSES_S = (1.0, 4.0)  # after a part that could not be sent
LISTING_TRIES = 20
LISTING_WAIT_S = 0.5
# answers after which it is certain that nothing was stored
NOTHING_STORED = {
    *(Outcome.REJECTED, Outcome.AUTH_REFUSED, Outcome.THROTTLED, Outcome.CLOCK_SKEWED),
    *(Outcome.UNREACHABLE, Outcome.UNSENT),
}


class UploadError(Exception):
    """A file did not become an asset; the message says why, and what becomes of what was sent."""

    def __init__(self, message: str, answer: Answer | None = None) -> None:
        """Keep what Cloudinary answered, if it did."""
        super().__init__(message)
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Uploaded:
    """An asset and its row of the library; `response` is what Cloudinary told of it.

    `queued`: the row of the queue that was for the case that it had been broken off.
    """

    row: UUID
    queued: UUID
    public_id: str
    resource_type: str
    delivery_type: str
    asset_id: str
    response: Mapping[str, Any]


def of_bytes(data: bytes) -> Callable[[int], Awaitable[bytes]]:
    """Return what reads a file that is in memory as a whole."""
    file = io.BytesIO(data)

    async def read(most: int) -> bytes:
        return file.read(most)

    return read


async def upload(
    connection: Pool | Connection,
    account: Account,
    read: Callable[[int], Awaitable[bytes]],
    wanted: UploadOptions,
    *,
    who: str,
) -> Uploaded:
    """Upload what `read` yields, in parts if it is large.

    Never more than two parts are in memory; `read` has to give as many bytes as are asked for,
    until there are no more. Raises UploadNameError for a name that cannot be had, and what `read`
    raises.
    """
    uploads = Uploads(connection)
    installed = await Fleet(connection).installation()
    stay_home(installed.get("cloud_name"), account.credentials.cloud_name)
    public_id = wanted.public_id(secrets.token_urlsafe(16).replace("-", "x").replace("_", "y"))
    if wanted.name is not None:
        await _see_that_it_is_free(uploads, account, public_id, wanted)
    row, refused = await uploads.begin(public_id, wanted, LATER, who)
    if row is None:
        raise RefusedError(refused or "refused")
    answer = await _send(uploads, account, row, read, wanted.options(public_id), wanted)
    if not answer.ok:
        detail = answer.detail or answer.outcome
        if answer.outcome in NOTHING_STORED:
            await uploads.drop(row, who, f"nothing was stored: {detail}")
            raise UploadError(f"nothing was stored: {detail}", answer)
        raise UploadError(
            f"whether it was stored is not known: {detail}; if it was, it is deleted in an hour",
            answer,
        )
    told = dict(answer.response or {})
    if told.get("existing"):  # it came between the look and the upload, and nothing was changed
        await uploads.drop(row, who, "the name is another asset's")
        raise RefusedError(f"{public_id} is there already, and was left as it is")
    return await _list(uploads, row, told, wanted)


async def _see_that_it_is_free(
    uploads: Uploads, account: Account, public_id: str, wanted: UploadOptions
) -> None:
    """Raise RefusedError if an asset might be there that no row of the library keeps.

    What is queued under its name would delete it, if the upload were broken off.
    """
    refused, listed = await uploads.look(public_id, wanted)
    if refused:
        raise RefusedError(refused)
    for resource_type in [wanted.resource_type] if wanted.resource_type else RESOURCE_TYPES:
        if listed:
            break
        answer, _ = await account.told([public_id], (resource_type, wanted.delivery_type))
        found = (answer.response or {}).get("resources")
        if not answer.ok or not isinstance(found, list):
            why = answer.detail or answer.outcome
            raise UploadError(f"whether {public_id} is free could not be asked: {why}", answer)
        if any(is_there(one) for one in found):
            raise RefusedError(
                f"{public_id} is there already ({resource_type}), and in no row of the library: "
                "choose another name"
            )


async def _send(
    uploads: Uploads,
    account: Account,
    row: UUID,
    read: Callable[[int], Awaitable[bytes]],
    options: Mapping[str, object],
    wanted: UploadOptions,
) -> Answer:
    """Send part after part; returns the last answer, good or not."""
    answer = Answer(Outcome.UNSENT, "there is nothing in the file")
    async for part in _parts(read, wanted.filename):
        until_s = boot_s() + HELD_S  # from before the row is put off: never later than that is
        if not await uploads.hold(row, LATER):
            return Answer(Outcome.UNSENT, "it was given up: it took longer than it was held for")

        def too_late(until_s: float = until_s) -> str | None:
            return "this process was stopped for too long" if boot_s() > until_s else None

        answer = await _store(account, part, options, too_late)
        if not answer.ok:
            break
    return answer


async def _store(
    account: Account,
    part: Part,
    options: Mapping[str, object],
    may_not: Callable[[], str | None],
) -> Answer:
    """Send a part, again where that does no harm: a part replaces itself, the last one does not."""
    for pause_s in PAUSES_S:
        answer = await account.store(part, options, may_not)
        unclear = answer.outcome is Outcome.UNCLEAR and not part.is_last
        if not unclear and answer.outcome not in {Outcome.THROTTLED, Outcome.UNREACHABLE}:
            return answer
        await asyncio.sleep(pause_s)
    return await account.store(part, options, may_not)


async def _parts(read: Callable[[int], Awaitable[bytes]], filename: str) -> AsyncIterator[Part]:
    """Yield the parts of a file; one is read ahead, to know which is the last."""
    upload_id = secrets.token_hex(16)
    first, data = 0, await read(PART)
    while data:
        following = await read(PART)
        yield Part(upload_id, filename, first, data, is_last=not following)
        first, data = first + len(data), following


async def _list(
    uploads: Uploads, row: UUID, told: dict[str, Any], wanted: UploadOptions
) -> Uploaded:
    """Bring what was uploaded into the library, as a notification of it would."""
    told["original_filename"] = wanted.filename
    # its version is the second in which it was uploaded, and is never later than that
    uploaded_at = datetime.fromtimestamp(int(told.get("version") or 0), UTC)
    changes = Notification(UPLOAD, told).changes(uploaded_at)
    if not changes or "upload" not in changes[0].said:
        raise UploadError("Cloudinary did not tell what it stored; it is deleted in an hour")
    listed, lost = await _finish(uploads, row, changes[0], wanted)
    if lost:
        raise UploadError("it took longer than it was held for, so what was stored is deleted")
    if listed is None:
        raise UploadError("its row was deleted while it was uploaded, so it is deleted, too")
    named = changes[0].said["name"]
    return Uploaded(
        listed,
        row,
        named["public_id"],
        named["resource_type"],
        named["type"],
        changes[0].asset_id,
        told,
    )


async def _finish(
    uploads: Uploads, row: UUID, change: Change, wanted: UploadOptions
) -> tuple[UUID | None, bool]:
    """Finish, again as long as somebody locks the row of the asset."""
    for _ in range(LISTING_TRIES - 1):
        try:
            return await uploads.finish(row, change, wanted.owner)
        except asyncpg.LockNotAvailableError:
            await asyncio.sleep(LISTING_WAIT_S)
    return await uploads.finish(row, change, wanted.owner)
