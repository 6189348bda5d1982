"""What clients of the origin send as its design shows it, key by key."""

from __future__ import annotations

from tests.http.visits import visit

SCHEDULER = "/api/cloudinary/scheduler"
CONFIG = {
    "enabled": True,
    "interval_minutes": 5,
    "batch_size": 10,
    "max_retries": 3,
    "auto_start": True,
    "health_check_interval": 60,
}


async def test_the_scheduler_takes_the_whole_configuration(database: str) -> None:
    """All six keys, by PUT and by the action, are in force then."""
    async with visit(database) as client:
        by_action = {"action": "configure", "config": CONFIG | {"auto_start": False}}
        for answer, auto_start in (
            (await client.put(SCHEDULER, json=CONFIG), True),
            (await client.post(SCHEDULER, json=by_action), False),
        ):
            assert answer.status_code == 200, answer.text
            told = answer.json()["config"]
            assert {name: told[name] for name in CONFIG} == CONFIG | {"auto_start": auto_start}
