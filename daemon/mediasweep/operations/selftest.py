"""The self-test: six checks of the configured database and account, with throw-away assets.

A check that fails says in a sentence what to look at; no other one is left out for it. What was
made is let go of at the end, whatever stops the run; of one that was killed, the next run cleans up
what its uploads had finished, and the queue cleans up the rest. It needs a daemon that runs. Of the
database it raises what asyncpg raised.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mediasweep.operations import fleet, queue, scheduler
from mediasweep.operations.media import LIBRARY
from mediasweep.operations.refusal import RefusedError
from mediasweep.operations.upload import Uploaded, UploadError, of_bytes, upload
from mediasweep.operations.webhooks import shown
from mediasweep.postgres import clock
from mediasweep.postgres.doctor import ask
from mediasweep.postgres.fleet import Fleet
from mediasweep.postgres.selftest import Traces
from mediasweep.postgres.upload import Uploads
from mediasweep.rules.diagnosis import capture
from mediasweep.rules.drift import is_there
from mediasweep.rules.gate import NONE_DELETES
from mediasweep.rules.notification import UPLOAD
from mediasweep.rules.outcome import Outcome
from mediasweep.rules.selftest import FOLDER, GIF, CheckResult, SelftestReport
from mediasweep.rules.upload import UploadOptions

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from uuid import UUID

    from mediasweep.cloudinary import Account
    from mediasweep.postgres.pool import Connection, Pool

LOOK_S = 0.1
NO_DAEMON = "no daemon is at work: start `mediasweep run`, and look at its log"
IDLE = f"{NONE_DELETES}; start one without MEDIASWEEP_DRY_RUN and with MEDIASWEEP_ENABLED=true"
OURS = {None, LIBRARY, "manual"}  # the sources of what is let go of here


class _FailedError(Exception):
    """A check has failed; the message says what to look at."""


async def run(
    connection: Pool | Connection,
    account: Account,
    *,
    who: str,
    within: timedelta,
    say: Callable[[CheckResult], None] = lambda _: None,
) -> SelftestReport:
    """Run all checks, each of which may wait so long; `say` hears of each.

    Raises RefusedError where there is no library.
    """
    test = Selftest(connection, account, who, within.total_seconds())
    refused, _ = await Uploads(connection).look(test.folder, UploadOptions(""))
    if refused:
        raise RefusedError(refused)
    report = SelftestReport()
    checks = (
        *(test.upload_and_sync, test.ui_deletion_sync, test.database_trigger_sync),
        *(test.cleanup_queue_processing, test.scheduler_functionality),
        test.integrity_verification,
    )
    try:
        for check in checks:
            report.results.append(await _one(check.__name__, check))
            say(report.results[-1])
    finally:
        await test.clean()
    return report


async def _one(name: str, check: Callable[[], Awaitable[str]]) -> CheckResult:
    began_s = time.monotonic()
    try:
        said, passed = await check(), True
    except (_FailedError, RefusedError, UploadError) as error:
        said, passed = str(error), False
    return CheckResult(name, passed, round(1000 * (time.monotonic() - began_s)), said)


@dataclass(slots=True)
class Selftest:
    """One run: what it has made, and where."""

    connection: Pool | Connection
    account: Account
    who: str
    within_s: float
    folder: str = field(default_factory=lambda: f"{FOLDER}/{secrets.token_hex(8)}")
    made: list[Uploaded] = field(default_factory=list)

    @property
    def _traces(self) -> Traces:
        return Traces(self.connection)

    async def upload_and_sync(self) -> str:
        """A file that is uploaded is at Cloudinary and in the library, and was told of."""
        since = await clock.now(self.connection)
        made = await self._upload()
        row = await self._traces.row(made.row)
        if (row.get("asset_id"), row.get("file_size")) != (made.asset_id, len(GIF)):
            raise _FailedError(f"the row of {made.public_id} is not what was uploaded: {row}")
        if not await self._is_there(made):
            raise _FailedError(f"Cloudinary took {made.public_id}, and does not know it now")
        await self._told(made, since)
        return "uploaded, listed, and told of by a notification"

    async def ui_deletion_sync(self) -> str:
        """A row that is deleted softly takes its asset along."""
        return await self._let_go(softly=True)

    async def database_trigger_sync(self) -> str:
        """So does one that is deleted by plain SQL."""
        return await self._let_go(softly=False)

    async def cleanup_queue_processing(self) -> str:
        """What is queued by hand is done, and what is in use is kept."""
        used = await self._upload()
        by_hand = await self._queue(used)
        kept = await self._ends(by_hand)
        if kept["status"] != "skipped" or not await self._is_there(used):
            raise _FailedError(
                f"{used.public_id} is in use, and its row of the queue ended as {kept['status']}: "
                f"{kept['why']}; `mediasweep pause` until it is known why the guard let it pass"
            )
        await self._ends(used.queued)
        await self._traces.delete(used.row, softly=False)
        row = await self._traces.captured(used.asset_id)
        done = await self._ends(await self._queue(used) if row is None or row == by_hand else row)
        if done["status"] != "completed":
            raise _FailedError(f"a row of the queue ended as {done['status']}: {done['why']}")
        return f"kept what was in use, and deleted what was not after {done['seconds']:.2f} s"

    async def scheduler_functionality(self) -> str:
        """Daemons are at work, and no gate is closed."""
        if trouble := await self._obstacle():
            raise _FailedError(trouble)
        state = await scheduler.status(self.connection)
        return f"{state['daemons']} at work for {state['uptime_minutes']:.0f} min"

    async def integrity_verification(self) -> str:
        """Of all that was made nothing is left, and the guard has its index."""
        await self.clean()
        left: Mapping[str, Any] = {}
        async for _ in self._looks():
            left = await self._traces.left(self.folder + "/")
            if not left["unfinished"] or await self._obstacle():
                break
        if left["listed"] or left["unfinished"] or left["failed"]:
            why = await self._obstacle() or f"`mediasweep queue list --public-id '{self.folder}/*'`"
            raise _FailedError(
                f"{left['listed']} rows of the library, {left['unfinished']} unfinished and "
                f"{left['failed']} failed rows of the queue are left: {why}"
            )
        if there := [one.public_id for one in self.made if await self._is_there(one)]:
            raise _FailedError(f"still at Cloudinary, though the queue is empty: {there}")
        if missing := await self._traces.unindexed():
            raise _FailedError(
                f"the guard has to read the whole library before each deletion: {missing[0]}"
            )
        return f"nothing is left of {len(self.made)} assets"

    async def clean(self) -> None:
        """Let go of all that was made."""
        made = [_identity(one) for one in self.made]
        await self._traces.clean(self.folder + "/", made)

    async def _upload(self) -> Uploaded:
        wanted = UploadOptions("selftest.gif", folder=self.folder, resource_type="image")
        try:
            made = await upload(self.connection, self.account, of_bytes(GIF), wanted, who=self.who)
        except UploadError as error:
            if error.answer and error.answer.outcome is Outcome.AUTH_REFUSED:
                why = "copy CLOUDINARY_URL anew from Settings, API Keys"
                raise _FailedError(f"Cloudinary refuses key and secret: {error}; {why}") from error
            raise
        self.made.append(made)
        return made

    async def _queue(self, made: Uploaded) -> UUID:
        return await self._traces.queue(*_identity(made))

    async def _let_go(self, *, softly: bool) -> str:
        """Delete a row, and wait until its asset is gone."""
        made = await self._upload()
        await self._ends(made.queued)  # or both rows would be sent
        await self._traces.delete(made.row, softly=softly)
        row = await self._traces.captured(made.asset_id)
        if row is None:
            found = capture.uncovered(await ask(self.connection, "uncovered"))
            trouble = [f"{one.what}: {one.remedy}" for one in found]
            trouble = trouble or await Fleet(self.connection).capture_trouble()
            raise _FailedError(
                "nothing was queued when the row was deleted: "
                + ("; ".join(trouble) or "look at `mediasweep attach --list`, and at triggers")
            )
        ended = await self._ends(row)
        if ended["status"] != "completed" or await self._is_there(made):
            raise _FailedError(f"its row of the queue ended as {ended['status']}: {ended['why']}")
        return f"queued by the trigger, and gone after {ended['seconds']:.2f} s"

    async def _ends(self, row: UUID) -> Mapping[str, Any]:
        """Wait until a row of the queue is finished; where that cannot be, say why at once."""
        async for _ in self._looks():
            if ended := await self._traces.finished(row):
                return ended
            if trouble := await self._obstacle():
                raise _FailedError(trouble)
        shown = await queue.show(self.connection, row) or {}
        raise _FailedError(
            f"its row of the queue was not finished in {self.within_s:g} s: {shown.get('why')}"
        )

    async def _obstacle(self) -> str | None:
        """Return why nothing is deleted just now, and what there is to do about it."""
        for gate in await fleet.still_closed(self.connection):
            if gate["source"] in OURS:
                return (
                    f"the gate {gate['name']} is closed by {gate['closed_by']}: {gate['reason']}; "
                    f"it is opened by {gate['opened_by']}"
                )
        alive = await self._alive()
        return None if any(one["works"] for one in alive) else IDLE if alive else NO_DAEMON

    async def _alive(self) -> list[Mapping[str, Any]]:
        return [one for one in await Fleet(self.connection).daemons() if one["alive"]]

    async def _looks(self) -> AsyncIterator[None]:
        """Yield now, and now and then, as long as a check may wait."""
        until_s = time.monotonic() + self.within_s
        yield
        while time.monotonic() < until_s:
            await asyncio.sleep(LOOK_S)
            yield

    async def _told(self, made: Uploaded, since: datetime) -> None:
        """Wait until Cloudinary has told of an upload."""
        answer = await self.account.triggers()
        triggers = (answer.response or {}).get("triggers") or []
        if answer.ok and not triggers:
            raise _FailedError(
                "Cloudinary tells nobody: `mediasweep webhook register` with a daemon's address"
            )
        if not await self._alive():
            raise _FailedError(NO_DAEMON)
        async for _ in self._looks():
            if UPLOAD in await self._traces.told_as(made.asset_id, since):
                return
        where = ", ".join(shown(str(one.get("uri"))) for one in triggers)
        raise _FailedError(
            f"no notification of the upload came in {self.within_s:g} s; Cloudinary tells {where}: "
            "`mediasweep webhook test` with that address shows whether it leads here, and "
            "`notification_received` in the log of the daemons whether its secret is another one "
            "(MEDIASWEEP_WEBHOOK_SECRETS)"
        )

    async def _is_there(self, made: Uploaded) -> bool:
        answer, _ = await self.account.told(
            [made.public_id], (made.resource_type, made.delivery_type)
        )
        if not answer.ok:
            why = answer.detail or answer.outcome
            raise _FailedError(f"Cloudinary could not be asked for {made.public_id}: {why}")
        found = (answer.response or {}).get("resources") or []
        return any(is_there(one) for one in found)


def _identity(made: Uploaded) -> tuple[str, str, str, str]:
    return made.public_id, made.resource_type, made.delivery_type, made.asset_id
