"""Comparisons and the self-test over HTTP: begun by a request, told of by all others."""

from __future__ import annotations

from asyncio import to_thread
from typing import Any
from uuid import uuid4

import httpx

from mediasweep.emulator.client import Cloud
from mediasweep.operations import webhooks
from mediasweep.postgres.pool import Connection as Db
from mediasweep.postgres.reconcile import Reconciliations
from tests.daemons import environment, running
from tests.http.visits import visit
from tests.reconcile.sides import AGO, DAY_S, HOUR, in_library
from tests.schema.roles import staffed
from tests.upload.uploads import opened

SYNC, VERIFY, TEST = "/api/cloudinary/sync", "/api/sync/verify", "/api/test-bidirectional-sync"
RUN = {
    *("under_way", "says", "id", "state", "asked_by", "started_at", "finished_at", "listed"),
    *("calls", "reason", "acted"),
}
REPORT = {"verification", "summary", "processing_time_ms", "report", "run", "next"}
# all that the origin's clients may send
ORIGINS: dict[str, Any] = {
    "force": False,
    "batch_size": 100,
    "max_retries": 3,
    "include_deleted": False,
    "folder_filter": "",
    "resource_type_filter": None,
    "single_asset": None,
}
REFUSED = """
INSERT INTO mediasweep.reconcile_run
       (state, cloud_name, asked_by, holder, finished_at, age_floor, places, reason)
SELECT 'refused', r.cloud_name, r.asked_by, r.holder, now(), r.age_floor, r.places, 'less'
  FROM mediasweep.reconcile_run r ORDER BY r.id DESC LIMIT 1
"""
LIBRARY = """
SELECT m.cloudinary_public_id::text, m.sync_status::text FROM public.media_assets m
 WHERE m.deleted_at IS NULL ORDER BY 1
"""


async def good(answer: httpx.Response) -> dict[str, Any]:
    """Return an answer that went well, without what all of them say."""
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    assert said.pop("success") is True, said
    assert said.pop("timestamp")
    return said


async def test_a_comparison_is_begun_told_of_and_acted_upon(
    database: str, db: Db, cloud: Cloud
) -> None:
    """What differs is told by kind, page by page, mended where that is asked for, and counted."""
    await to_thread(cloud.plant, "own/", 3, age_s=3 * DAY_S)
    await in_library(db, "own/0", "gone")
    async with visit(database, cloud) as client:
        nothing = await good(await client.get(VERIFY))
        assert (nothing["report"], nothing["run"]["says"]) == (None, "nothing was compared yet")
        told = await good(await client.post(VERIFY))
        assert set(told) == REPORT | {"fixes_applied", "fix_results"}
        assert set(told["run"]) == RUN
        assert (told["run"]["under_way"], told["run"]["state"]) == (False, "done")
        assert told["summary"] == {
            "total_cloudinary_assets": 3,
            "total_database_assets": 2,
            "missing_in_database": 2,
            "missing_in_cloudinary": 1,
            "sync_conflicts": told["summary"]["sync_conflicts"],
            "is_perfectly_synced": False,
        }
        assert len(told["verification"]["recommendations"]) >= 2
        assert [tuple(row) for row in await db.fetch(LIBRARY)] == [
            ("gone", "synced"),
            ("own/0", "synced"),
        ]

        seen: list[str] = []
        asked: dict[str, Any] = {"limit": 2}
        while True:
            page = await good(await client.get(VERIFY, params=asked))
            assert set(page) == REPORT
            seen += [one["public_id"] for one in page["verification"]["missing_in_database"]]
            if page["next"] is None:
                break
            asked["after"] = page["next"]
        assert sorted(seen) == ["own/1", "own/2"]

        told = await good(await client.post(VERIFY, json={"auto_fix": True}))
        assert told["fix_results"] == {
            "fixed_missing_in_database": 2,
            "fixed_conflicts": 1,
            "fix_errors": [],
        }
        assert [tuple(row) for row in await db.fetch(LIBRARY)] == [
            ("gone", "error"),
            ("own/0", "synced"),
            ("own/1", "synced"),
            ("own/2", "synced"),
        ]
        state = await good(await client.get(SYNC))
        assert set(state) == {"sync_status", "stats", "run"}
        assert set(state["sync_status"]) == {
            *("last_sync", "is_synced", "pending_operations", "sync_in_progress", "total_assets"),
            *("synced_assets", "error_assets", "last_error"),
        }
        assert (state["sync_status"]["total_assets"], state["sync_status"]["error_assets"]) == (
            4,
            1,
        )


async def test_orphans_are_deleted_where_the_report_that_was_seen_says_so(
    database: str, db: Db, cloud: Cloud
) -> None:
    """Only under an owned prefix, only by the newest report, and first only counted."""
    await to_thread(cloud.plant, "own/", 3, age_s=3 * DAY_S)
    await in_library(db, "own/0")
    report = {"orphans": "report", "ghosts": "report"}
    async with visit(database, cloud) as client:
        first = (await good(await client.post(SYNC, json=report)))["run"]["id"]
        await db.execute(AGO, 2 * HOUR)
        told = await good(await client.post(SYNC, json=report | {"force": True}))
        assert set(told) == {"message", "data", "database_setup", "run", "would"}
        assert set(told["data"]) == {
            *("synced_items", "updated_items", "deleted_items", "duration_ms", "errors"),
            "error_count",
        }
        delete = {"orphans": "delete", "folder_filter": "own", "run": told["run"]["id"]}
        for wrong, status in (
            ({"orphans": "delete"}, 409),
            (delete | {"run": first}, 409),
            ({"orphans": "destroy"}, 400),
            ({"single_asset": "own/1"}, 400),
            ({"owned": [""]}, 400),
        ):
            assert (await client.post(SYNC, json=wrong)).status_code == status, wrong
        unowned = (await client.post(SYNC, json={"orphans": "delete"})).json()["detail"]
        assert ("say in `owned`" in unowned, "--owned" in unowned) == (True, False)
        would = await good(await client.post(SYNC, json=delete | {"dry_run": True}))
        assert would["would"]["assets"] == 2
        assert await db.fetchval("SELECT count(*) FROM mediasweep.cloudinary_cleanup_queue") == 0
        await db.execute(REFUSED)  # which is no failure of what is done upon the report
        done = await good(await client.post(SYNC, json=delete))
        assert (done["data"]["deleted_items"], done["run"]["acted"]["queued"]) == (2, 2)
        assert done["message"] == "2 queued"


async def test_only_what_is_of_a_type_is_acted_upon(database: str, db: Db, cloud: Cloud) -> None:
    """The origin's filter by type, and all else that its clients send, is understood."""
    await to_thread(cloud.plant, "own/", 1, age_s=3 * DAY_S)
    await in_library(db, "gone")
    async with visit(database, cloud) as client:
        for asked, acted in (
            ({"resource_type_filter": "video"}, (0, 0)),
            ({"resource_type_filter": "all", "dry_run": True}, (0, 0)),
            ({"resource_type_filter": "image"}, (1, 1)),
        ):
            told = await good(await client.post(SYNC, json=ORIGINS | asked))
            assert (told["data"]["synced_items"], told["data"]["updated_items"]) == acted, asked
            assert told["would"] is None or told["would"]["assets"] == 1
        told = (await client.post(SYNC, json={"single_asset": ["own/0"]})).json()
        assert "single_asset names one asset, and a comparison looks at all" in told["detail"]


async def test_one_that_is_under_way_is_told_of_by_everybody(
    database: str, db: Db, cloud: Cloud
) -> None:
    """Another daemon's is told of as well, and no second one is begun beside it."""
    await in_library(db, "a")
    runs = Reconciliations(db, uuid4())
    run = await runs.begin(cloud.name, "a daemon", HOUR, HOUR, shrunken=False)
    async with visit(database, cloud) as client:
        told = await good(await client.get(SYNC))
        assert (told["run"]["under_way"], told["run"]["asked_by"]) == (True, "a daemon")
        assert "0 assets listed" in told["run"]["says"]
        refused = await client.post(SYNC)
        assert (refused.status_code, "a daemon is at it" in refused.json()["detail"]) == (409, True)
        await runs.beat(run.id, leaves=True)
        told = await good(await client.get(SYNC))
        assert (told["run"]["under_way"], "it was left" in told["run"]["says"]) == (False, True)
        empty = await client.post(SYNC)
        assert (empty.status_code, "nothing at all" in empty.json()["detail"]) == (409, True)
        told = await good(await client.get(SYNC))
        assert (told["run"]["state"], "nothing at all" in told["run"]["reason"]) == (
            "refused",
            True,
        )
        await to_thread(cloud.switch, revoked=True)
        away = await client.post(VERIFY)
        assert (away.status_code, "Cloudinary" in away.json()["detail"]) == (503, True)
        told = await good(await client.get(SYNC))
        assert told["sync_status"]["last_error"] == told["run"]["reason"] is not None


async def test_a_daemon_tests_and_syncs_with_its_own_role(
    database: str, db: Db, cloud: Cloud
) -> None:
    """All six checks pass over HTTP, and a comparison, with no more than the daemon's role."""
    async with (
        staffed(database) as staff,
        running(environment(staff.daemon.dsn, cloud.url)) as daemon,
        httpx.AsyncClient(base_url=daemon.address, timeout=60) as client,
    ):
        await webhooks.register(opened(cloud), daemon.address)
        assert (await good(await client.get(TEST)))["started_at"] is None
        told = await good(await client.post(TEST))
        assert set(told) == {"summary", "test_results", "running", "started_at", "error"}
        assert (told["summary"]["passed"], told["running"]) == (6, False)
        assert set(told["test_results"][0]) == {"test", "passed", "duration_ms", "message"}
        assert await good(await client.get(TEST)) == told
        await in_library(db, "kept")
        await to_thread(cloud.plant, "own/", 2, age_s=3 * DAY_S)
        synced = await good(await client.post(SYNC))
        assert (synced["data"]["synced_items"], synced["data"]["updated_items"]) == (2, 1)
        assert synced["message"] == "2 orphans, 1 ghost, 0 mismatches; 2 adopted, 1 marked"
