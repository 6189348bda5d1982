"""What can come of one call: the emulator's faults, and which of them a game draws how often."""

from __future__ import annotations

from typing import Any

STALE = "Stale request - reported time is 2024-01-01 00:00:00 +0000 which is more than 1 hour ago"
DONE = {"act": True}
FAULTS: dict[str, dict[str, Any] | None] = {
    "well": None,
    "throttled": {"status": 420},
    "busy": {"status": 429},
    "refused key": {"status": 401},
    "forbidden": {"status": 403},
    "locked": {"status": 423},
    "wrong clock": {"status": 400, "message": STALE},
    "rejected": {"status": 400},
    "unreachable": None,  # no fault of the cloud's: the call does not get there
    "500, done": {"status": 500} | DONE,
    "503, not done": {"status": 503},
    "gateway page, done": {"effect": "html"} | DONE,
    "garbage, done": {"effect": "garbage"} | DONE,
    "empty, not done": {"effect": "empty"},
    "lie, not done": {"effect": "lie"},
    "truncated, done": {"effect": "truncated"} | DONE,
    "reset, done": {"effect": "reset"} | DONE,
    "reset, not done": {"effect": "reset"},
    "timeout, done": {"effect": "hang"} | DONE,
    "timeout, not done": {"effect": "hang"},
}
SLOW = ("timeout, done", "timeout, not done")  # each takes a second
QUICK = tuple(name for name in FAULTS if name not in SLOW)
# which a game draws from: mostly well, often lost, rarely slow
OFTEN = (*["well"] * 16, *["reset, not done"] * 6, *QUICK)
DRAWN = (*OFTEN * 3, *SLOW)
