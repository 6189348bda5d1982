"""The probe: what it says of an account is what that account does."""

from __future__ import annotations

from asyncio import to_thread
from datetime import timedelta

import pytest

from mediasweep.emulator.client import Cloud
from mediasweep.operations import webhooks
from mediasweep.operations.account_probe import probe
from mediasweep.postgres.pool import Connection as Db
from tests.daemons import environment, finished, running
from tests.inbox.library import hear_all
from tests.upload.uploads import opened

# switches of the account, and what is to be seen then
ACCOUNTS: list[tuple[dict[str, object], dict[str, str]]] = [
    (
        {},
        {
            "an upload over an asset keeps its asset id": "yes",
            "an upload with overwrite off leaves an asset as it is": "yes",
            "public ids that differ in case are two": "yes",
            "deletion by asset id": "works",
            "a deleted asset with a backup, asked for by its public id": "is not there",
            "a deleted asset with a backup, in a listing": "is not there",
            "a restore is told as": "upload",
        },
    ),
    (
        {
            "overwrite_keeps_asset_id": False,
            "asset_id_road": False,
            "placeholders_listed": True,
            "stale_status": 401,
            "many_ids_status": 420,
            "restore_event": "",
        },
        {
            "an upload over an asset keeps its asset id": "no",
            "deletion by asset id": "does not work: it was deleted by public id",
            "a deleted asset with a backup, in a listing": "is a placeholder",
            "a restore is told as": "nothing that came in 1 s",
        },
    ),
]


@pytest.mark.parametrize(("switches", "expected"), ACCOUNTS, ids=["likely", "unlikely"])
async def test_what_is_seen_is_what_the_account_does(
    database: str, db: Db, cloud: Cloud, switches: dict[str, object], expected: dict[str, str]
) -> None:
    """Each switch of the emulator is seen, and the asset is gone afterwards."""
    await to_thread(cloud.switch, **switches)
    account = opened(cloud)
    # waited for to its end only where nothing is to come
    within = timedelta(seconds=1 if switches.get("restore_event") == "" else 20)
    async with running(environment(database, cloud.url)) as daemon:
        await webhooks.register(account, daemon.address)
        told = await probe(db, account, who="test", within=within)
        seen = {one.question: one.seen for one in told}
        assert seen | expected == seen
        status = switches.get("stale_status", 400)
        assert seen["a request that was signed two hours ago"].startswith(f"HTTP {status}: Stale")
        many = switches.get("many_ids_status", 400)
        assert seen["a call that names more than 100 ids"].startswith(f"HTTP {many}: ")
        await finished(db)
        told_of = [row["body"] for row in await db.fetch("SELECT body FROM mediasweep.inbox")]
        assert await hear_all(db, told_of) == []  # nor is it listed by what comes late
    assert await to_thread(cloud.assets) == set()
