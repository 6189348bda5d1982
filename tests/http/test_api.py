"""Requests and answers of the API, by their keys, on a queue at which no daemon works."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest

from mediasweep.operations import queue
from mediasweep.postgres.pool import Connection as Db
from tests.daemons import INSERT_ASSETS
from tests.http.routes import NOBODY
from tests.http.visits import visit

CLEANUP, SCHEDULER = "/api/cloudinary/cleanup", "/api/cloudinary/scheduler"
STATS = {"total", "pending", "processing", "completed", "failed", "skipped"}
ROW = {
    *("id", "status", "cloudinary_public_id", "resource_type", "delivery_type", "source", "app"),
    *("deletion_reason", "queued_at", "processed_at", "due_at", "processing_attempts", "actor"),
    *("max_attempts", "in_doubt", "error_message", "original_filename"),
}
STATE = {
    *("is_running", "last_run", "next_run", "total_processed", "total_failed", "success_rate"),
    *(
        "queue_size",
        "uptime_minutes",
        "daemons",
        "only_looking",
        "config",
        "set_for_all",
        "queue_stats",
    ),
}
JSON = {"Content-Type": "application/json"}
FINISH = """
WITH failed AS (
  UPDATE mediasweep.cloudinary_cleanup_queue
     SET status = 'failed', processed_at = clock_timestamp(), error_message = 'gave up'
   WHERE cloudinary_public_id = ANY ($1) RETURNING id)
INSERT INTO mediasweep.failed (id) SELECT f.id FROM failed f
"""


async def good(answer: httpx.Response) -> dict[str, Any]:
    """Return an answer that went well, without what all of them say."""
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    assert said.pop("success") is True
    assert said.pop("timestamp")
    return said


async def _let_go(db: Db, number: int) -> None:
    await db.execute(INSERT_ASSETS, "a/", number)
    await db.execute("DELETE FROM public.media_assets")


async def test_the_cleanup_tells_how_the_queue_stands_and_works_it(database: str, db: Db) -> None:
    """Stats, newest rows; and what is asked for is told row by row, also where nobody works."""
    async with visit(database) as client:
        assert await good(await client.post(CLEANUP)) == {
            "message": "nothing is due",
            "processed": 0,
            "failed": 0,
            "success_rate": 100.0,
            "items": [],
        }
        await _let_go(db, 3)
        said = (await client.get(CLEANUP)).json()
        assert set(said["stats"]) == STATS
        assert (said["stats"]["total"], said["stats"]["pending"], said["has_pending"]) == (
            3,
            3,
            True,
        )
        assert [set(item) for item in said["recent_items"]] == [ROW] * 3
        told = (await client.post(CLEANUP, json={"limit": 2})).json()
        assert "2 go on: no daemon that deletes is at work" in told["message"]
        assert [set(item) for item in told["items"]] == [
            {"id", "public_id", "status", "error", "cloudinary_response"}
        ] * 2
        await db.execute(FINISH, ["a/0"])
        id_ = next(i["id"] for i in said["recent_items"] if i["cloudinary_public_id"] == "a/0")
        one = {"specific_id": id_}
        told = (await client.post(CLEANUP, json=one)).json()
        assert (told["failed"], told["success_rate"], told["items"][0]["error"]) == (
            1,
            0,
            "gave up",
        )
        told = (await client.post(CLEANUP, json=one | {"force_retry": True})).json()
        assert told["items"][0]["status"] == "pending"
        await client.delete(SCHEDULER)
        assert (await client.post(CLEANUP, json=one)).status_code == 409
        unknown = {"specific_id": str(uuid4())}
        assert (await client.post(CLEANUP, json=unknown)).status_code == 404
        for content, says in (("{", "not JSON"), ("[1]", "JSON object")):
            told = await client.post(CLEANUP, content=content, headers=JSON)
            assert (told.status_code, says in told.json()["detail"]) == (400, True)
        for wrong in ({"limit": 0}, {"limit": 101}, {"specific_id": "x"}, {"force": True}):
            assert (await client.post(CLEANUP, json=wrong)).status_code == 400


async def test_what_is_wrong_is_said_by_its_name(database: str) -> None:
    """As it was sent, with what is expected there, in the detail and under `errors`."""
    async with visit(database) as client:
        for method, path, body, says in (
            ("GET", "/api/queue?limit=0", None, "limit has to be 1 or more"),
            ("GET", "/api/queue?limit=x", None, "limit has to be a whole number"),
            (
                "GET",
                "/api/cloudinary/media?resource_type=x",
                None,
                "resource_type has to be 'image'",
            ),
            ("GET", "/api/status?_=2", None, "_ is not known here; no parameter is"),
            ("POST", CLEANUP, {"specific_id": 1}, "specific_id has to look like"),
            ("POST", CLEANUP, {"limit": True}, "limit has to be a whole number"),
            ("POST", CLEANUP, {"force": True}, "force is not known here"),
            ("POST", SCHEDULER, {}, "action is missing"),
            ("POST", SCHEDULER, {"action": "stop", "config": 5}, "config has to be an object"),
            ("PUT", SCHEDULER, {}, "the body is empty: give what is to be set"),
            ("PUT", SCHEDULER, {"interval_minutes": "x"}, "interval_minutes has to be a number"),
            ("POST", "/api/queue/retry", {"ids": [NOBODY, 5]}, "ids[1] has to look like"),
            (
                "POST",
                "/api/queue/retry",
                {"filter": {"app": "\0"}},
                "filter.app contains characters",
            ),
            ("POST", "/api/queue/retry", {"ids": "x"}, "ids has to be a list"),
            ("POST", "/api/brake/ack", None, "the body is missing"),
            ("POST", "/api/cloudinary/sync", {"owned": [""]}, "owned[0] may not be empty"),
            ("POST", "/api/session", {"token": "x" * 2000}, "token may not be longer than 1000"),
        ):
            told = await client.request(method, path, json=body)
            assert told.status_code == 400, path
            said = told.json()
            assert says in said["detail"]
            assert "{at} {says}".format(**said["errors"][0]) in said["detail"]


async def test_the_scheduler_does_what_it_is_told(database: str) -> None:
    """Every action answers a sentence, the state and the configuration."""
    async with visit(database) as client:
        assert set((await good(await client.get(SCHEDULER)))["scheduler"]) == STATE
        for action, message in (
            ("stop", "stopped"),
            ("status", "nothing was changed"),
            ("force_cleanup", "0 rows may go now"),
            ("start", "started"),
            ("start", "was not stopped"),
            ("restart", "restarted"),
        ):
            told = await good(await client.post(SCHEDULER, json={"action": action}))
            assert (set(told), told["message"]) == ({"message", "stats", "config"}, message)
        body = {"action": "configure", "config": {"batch_size": 20}}
        told = await good(await client.post(SCHEDULER, json=body))
        assert told["config"]["batch_size"] == 20
        told = await good(await client.put(SCHEDULER, json={"batch_size": None, "enabled": False}))
        assert told["stats"]["set_for_all"] == []
        assert told["config"]["enabled"] is False
        told = await good(await client.put(SCHEDULER, json={"batch_size": 5, "enabled": None}))
        assert (told["message"], told["config"]["enabled"]) == (
            "set: batch_size; taken back: enabled",
            True,
        )
        assert (await good(await client.delete(SCHEDULER)))["message"] == "stopped"
        ignored = {"action": "start", "config": {"batch_size": 1}}
        assert (await client.post(SCHEDULER, json=ignored)).status_code == 400
        for wrong in ({}, {"auto_start": "yes"}, {"batch_size": "many"}):
            assert (await client.put(SCHEDULER, json=wrong)).status_code == 400


async def test_the_queue_is_listed_page_by_page(database: str, db: Db) -> None:
    """Pages follow each other without gap or repetition, also where rows have one time."""
    await _let_go(db, 7)
    await db.execute(FINISH, ["a/1", "a/4"])
    await db.execute(
        "INSERT INTO mediasweep.cloudinary_cleanup_queue (cloudinary_public_id, source_id,"
        " queued_at) SELECT 'odd', 7, min(queued_at) FROM mediasweep.cloudinary_cleanup_queue"
    )
    async with visit(database) as client:
        seen: list[str] = []
        asked: dict[str, Any] = {"limit": 3}
        while True:
            said = (await client.get("/api/queue", params=asked)).json()
            assert all(set(item) == ROW for item in said["items"])
            seen += [item["cloudinary_public_id"] for item in said["items"]]
            if said["next"] is None:
                break
            asked["after"] = said["next"]
        assert sorted(seen) == [*(f"a/{n}" for n in range(7)), "odd"]
        for params, number in (
            ({"status": "failed"}, 2),
            ({"status": ["failed", "pending"], "source": "media_assets"}, 7),
            ({"public_id": "a/?", "since": "1h", "in_doubt": "false"}, 7),
            ({"source": "manual"}, 0),
            ({"own": "false", "filename": "*"}, 0),
        ):
            said = (await client.get("/api/queue", params=params)).json()
            assert len(said["items"]) == number, params
        for wrong in ({"source": "nothing"}, {"since": "x"}, {"after": "x"}, {"actor": "\0"}):
            assert (await client.get("/api/queue", params=wrong)).status_code == 400


async def test_a_filter_that_matches_little_looks_at_a_part_of_the_queue(
    database: str, db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages that are short or empty lead on, and all that match are found once."""
    monkeypatch.setattr(queue, "LOOKED_AT", 2)
    await _let_go(db, 9)
    await db.execute(FINISH, ["a/1", "a/4"])
    async with visit(database) as client:
        for pattern, expected in (("a/*", 9), ("a/0", 1), ("none", 0)):
            seen: list[str] = []
            asked: dict[str, Any] = {"public_id": pattern, "limit": 3}
            pages = 0
            while pages == 0 or asked["after"]:
                said = (await client.get("/api/queue", params=asked)).json()
                seen += [item["cloudinary_public_id"] for item in said["items"]]
                asked["after"] = said["next"]
                pages += 1
            assert (len(set(seen)), len(seen)) == (expected, expected)
            assert pages > 2


async def test_rows_are_shown_and_moved(database: str, db: Db) -> None:
    """One row says why it waits; a move tells what it moved, what not and why."""
    await _let_go(db, 3)
    await db.execute(FINISH, ["a/0"])
    async with visit(database) as client:
        await client.delete(SCHEDULER)
        items = (await client.get("/api/queue")).json()["items"]
        ids = {item["cloudinary_public_id"]: item["id"] for item in items}
        shown = await good(await client.get(f"/api/queue/{ids['a/1']}"))
        assert set(shown) == {"why", "reasons", "row", "timeline"}
        assert set(shown["reasons"][0]) == {
            *("reason", "about", "rows", "detail", "lasts", "ends_in", "says")
        }
        (lasts,) = (why["lasts"] for why in shown["reasons"] if why["about"] == "pause")
        assert 0 <= lasts < 3600
        assert (await client.get(f"/api/queue/{database[-12:]:0>32}")).status_code in {400, 404}
        moved = {"move", "dry_run", "moved", "refused", "left", "kept", "cancelled", "guard"}
        told = await good(await client.post("/api/queue/retry", json={"ids": list(ids.values())}))
        assert set(told) == moved
        assert told["moved"] == [ids["a/0"]]
        assert {one["id"] for one in told["refused"]} == {ids["a/1"], ids["a/2"]}
        body = {"filter": {"public_id": "a/*"}, "limit": 2, "dry_run": True}
        told = await good(await client.post("/api/queue/cancel", json=body))
        assert (len(told["moved"]), told["left"]) == (2, 1)
        told = await good(await client.post("/api/queue/cancel", json=body | {"dry_run": False}))
        assert len(told["moved"]) == 2
        again = {"ids": told["moved"], "dry_run": True}
        told = await good(await client.post("/api/queue/retry", json=again))
        assert [one["id"] for one in told["cancelled"]] == told["moved"]
        assert told["cancelled"][0]["why"].startswith("cancelled by ")
        wrong: dict[str, Any]
        for wrong in ({}, {"filter": {}}, {"ids": [ids["a/1"]], "filter": {"app": "x"}}):
            assert (await client.post("/api/queue/retry", json=wrong)).status_code == 400


async def test_all_is_told_in_one_look(database: str, db: Db) -> None:
    """Status, attached tables, and the journal page by page."""
    await _let_go(db, 2)
    async with visit(database) as client:
        assert set(await good(await client.get("/api/status"))) == {
            *("environment", "capture", "strays", "rows", "due", "waiting", "protected"),
            *("gates", "daemons"),
        }
        tables = await good(await client.get("/api/tables"))
        assert set(tables) == {"tables", "strays"}
        assert tables["tables"][0]["table"].endswith("media_assets")
        for _ in range(2):
            await client.post(SCHEDULER, json={"action": "stop"})
        first = await good(await client.get("/api/activity", params={"limit": 1}))
        assert set(first) == {"items", "next"}
        assert set(first["items"][0]) == {
            *("id", "at", "event", "queue_id", "public_id", "resource_type", "status", "outcome"),
            *("detail", "actor", "app", "source"),
        }
        assert first["items"][0]["actor"].startswith("api@")
        params = {"before": first["next"]}
        second = await good(await client.get("/api/activity", params=params))
        assert second["items"][0]["id"] < first["items"][0]["id"]


async def test_the_brake_is_shown_and_lets_go_what_was_seen(database: str, db: Db) -> None:
    """What no list of it names is refused, and so is what is no digest."""
    async with visit(database) as client:
        assert (await good(await client.get("/api/brake"))) == {"brakes": []}
        digest = f"1-2-{'0' * 32}-1-2"
        for wrong, status in (("x", 400), (digest, 409)):
            assert (await client.get(f"/api/brake/{wrong}")).status_code == status
            told = await client.post("/api/brake/ack", json={"digest": wrong})
            assert told.status_code == status
    assert await db.fetchval("SELECT count(*) FROM mediasweep.acknowledgement") == 0
