"""What Cloudinary's answer to one deletion means, and when to try again.

Total: every answer has exactly one outcome, and an answer of a kind never seen before is UNCLEAR,
which never completes and never fails a row by itself. Success is only a parsed, expected result.
Status codes and texts: Cloudinary documentation, "Upload API reference", "Error handling".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from mediasweep.rules.job import Move

if TYPE_CHECKING:
    from collections.abc import Mapping

# A key may be allowed to delete some assets and not others. The row steps back, so that another one
# tests the gate: else the first that is not allowed would keep it closed for all.
_NOT_ALLOWED = 403
_TRY_AGAIN = re.compile(r"Try again on (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC")


class Outcome(StrEnum):
    """The kinds of answer; the value is the label in journal, logs and metrics.

    They are named for a deletion. Of every other call DELETED says that it worked: `Answer.ok`.
    """

    DELETED = "deleted"
    ABSENT = "absent"
    THROTTLED = "throttled"
    AUTH_REFUSED = "auth_refused"
    LOCKED = "locked"
    CLOCK_SKEWED = "clock_skewed"
    UNREACHABLE = "unreachable"
    UNSENT = "unsent"
    UNCLEAR = "unclear"
    REJECTED = "rejected"

    @property
    def move(self) -> Move:
        """The move that the owner of the claim makes on it."""
        return _MOVES[self]


_MOVES = {
    Outcome.DELETED: Move.COMPLETED,
    Outcome.ABSENT: Move.COMPLETED,
    Outcome.THROTTLED: Move.REFUSED,
    Outcome.AUTH_REFUSED: Move.REFUSED,
    Outcome.LOCKED: Move.REFUSED,
    Outcome.CLOCK_SKEWED: Move.REFUSED,
    Outcome.UNREACHABLE: Move.REFUSED,
    Outcome.UNSENT: Move.REFUSED,
    Outcome.UNCLEAR: Move.UNKNOWN,
    Outcome.REJECTED: Move.FAILED,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """An outcome with its evidence: `detail` for people, `response` as Cloudinary gave it."""

    outcome: Outcome
    detail: str | None = None
    response: Mapping[str, Any] | None = None
    request_id: str | None = None
    status: int | None = None
    resource_type: str | None = None
    delivery_type: str | None = None
    by_asset_id: bool = False
    calls: int = 1
    until: datetime | None = None

    @property
    def ok(self) -> bool:
        """Tell whether Cloudinary did what it was asked, whatever that was."""
        return self.outcome is Outcome.DELETED


def read_result(body: object) -> Answer:
    """Read a parsed answer without an error: `ok`, `not found`, or anything else (unclear)."""
    result = body.get("result") if isinstance(body, dict) else None
    if result == "ok":
        return Answer(Outcome.DELETED, response=body, status=200)  # type: ignore[arg-type]  # is a dict here
    if result == "not found":
        return Answer(Outcome.ABSENT, response=body, status=200)  # type: ignore[arg-type]  # is a dict here
    shown = body if isinstance(body, dict) else {"body": repr(body)[:500]}
    return Answer(Outcome.UNCLEAR, f"not an answer to a deletion: {str(body)[:200]}", shown)


def read_error(status: int, message: str, *, request_id: str | None = None) -> Answer:
    """Read an error that Cloudinary itself reported, by HTTP status and message."""
    text = message.lower()
    if status in {400, 401} and "stale request" in text:
        outcome = Outcome.CLOCK_SKEWED
    elif status in {420, 429} and "active subscription" not in text:
        outcome = Outcome.THROTTLED
    elif status in {400, 420, 429}:
        outcome = Outcome.REJECTED
    elif status in {401, 403}:
        outcome = Outcome.AUTH_REFUSED
    elif status == 423:  # noqa: PLR2004  "Locked": the asset is still being processed
        outcome = Outcome.LOCKED
    else:
        outcome = Outcome.UNCLEAR
    response = {"error": {"message": message[:2000], "http_code": status}}
    return Answer(outcome, message[:500], response, request_id, status, until=read_until(message))


def read_until(message: str) -> datetime | None:
    """Return the time that a rate-limit message names, which is the only place it is told."""
    found = _TRY_AGAIN.search(message)
    if not found:
        return None
    try:
        return datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:  # digits that are no time
        return None


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long a row waits: capped exponential with full jitter, and never below `settle` at last.

    `settle` is the time after which a request that was given up can no longer take effect.
    """

    base: timedelta
    cap: timedelta
    settle: timedelta

    def wait(self, answer: Answer, attempt: int, max_attempts: int, jitter: float) -> timedelta:
        """Return the wait before the next claim; `attempt` counts from 1, `jitter` is in [0, 1)."""
        if answer.outcome is Outcome.LOCKED:
            return self.base * jitter
        if answer.outcome is Outcome.AUTH_REFUSED and answer.status == _NOT_ALLOWED:
            return self.cap * (1 + jitter) / 2
        if answer.outcome.move is not Move.UNKNOWN:
            return timedelta(0)
        factor = 4 ** min(attempt - 1, 16)
        longest = self.cap if self.base > self.cap / factor else self.base * factor
        wait = longest * jitter
        return max(wait, self.settle) if attempt >= max_attempts else wait
