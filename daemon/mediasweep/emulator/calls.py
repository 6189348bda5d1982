"""The log of the calls to one cloud: each of the newest ones, and counts of all of them.

Bounded: beyond `CALLS_KEPT` the oldest calls are dropped; sequence numbers and counts go on.
"""

from __future__ import annotations

import secrets
from collections import Counter, deque
from dataclasses import dataclass, field
from itertools import islice

CALLS_KEPT = 200_000


@dataclass(slots=True)
class Call:
    """One request, as it was received and answered.

    `received_ns`: nanoseconds since 1970; `monotonic_ns`: on the machine's monotonic clock; both
    are taken at the request's first byte. `status`: 0 until, or unless, it was answered. `result`:
    what Cloudinary found (`ok`, `not found`), whatever it answered. `acted`: something was changed.
    `ids`: what a call for several assets names. `key`: the API key it came with, if it was right.
    """

    seq: int
    received_ns: int
    monotonic_ns: int
    action: str
    request_id: str
    resource_type: str = ""
    type: str = ""
    public_id: str = ""
    asset_id: str = ""
    status: int = 0
    result: str = ""
    acted: bool = False
    fault: str = ""
    ids: tuple[str, ...] = ()
    key: str = ""


@dataclass(slots=True)
class CallLog:
    """The calls of a cloud; `kept` are the newest.

    `received` and `answered` count by action, `by_status` by action and status.
    """

    seq: int = 0
    received: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)
    by_status: Counter[str] = field(default_factory=Counter)
    kept: deque[Call] = field(default_factory=lambda: deque(maxlen=CALLS_KEPT))

    def receive(self, action: str, received_ns: int, monotonic_ns: int) -> Call:
        """Log a call that has come in."""
        self.seq += 1
        call = Call(self.seq, received_ns, monotonic_ns, action, secrets.token_hex(16))
        self.kept.append(call)
        self.received[action] += 1
        return call

    def answer(self, call: Call, status: int) -> None:
        """Log that a call is over; status 0: without an answer."""
        call.status = status
        self.answered[call.action] += 1
        self.by_status[f"{call.action} {status}"] += 1

    def after(self, seq: int, action: str | None, limit: int) -> list[Call]:
        """Return at most `limit` calls that came after that one, oldest first."""
        # the numbers in the log have no gaps, so where to begin can be reckoned
        begin = max(0, seq - (self.seq - len(self.kept)))
        later = islice(self.kept, begin, None)
        return list(islice((c for c in later if action in {None, c.action}), limit))
