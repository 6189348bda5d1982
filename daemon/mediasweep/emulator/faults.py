"""Faults on demand: which calls go wrong, and how."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, get_args, get_type_hints

EFFECTS = ("status", "html", "garbage", "empty", "lie", "truncated", "reset", "hang", "none")
MESSAGES = {
    400: "Missing required parameter - public_id",
    401: "Invalid api_key",
    403: "Forbidden",
    404: "Resource not found",
    420: "Rate Limit Exceeded. Limit of 500 api operations reached. Try again on {until} UTC",
    423: "Resource is being processed",
    429: "Too many requests",
    500: "General Error",
    503: "Service Unavailable",
}


@dataclass(slots=True)
class Fault:
    """One rule. `act`: do what was asked first, then misbehave. `times` and `seconds` bound it.

    effect: status (JSON error), html (a gateway's page), garbage (200, no JSON), empty (200, `{}`),
    lie (200, `body`, nothing done), truncated (less than announced), reset (RST), hang (no answer),
    none (only `latency_s`).
    """

    effect: str = "status"
    action: str = "destroy"
    public_id: str = "*"
    status: int = 500
    message: str = ""
    body: Any = None
    until: str = "2024-10-04 14:00:00"
    act: bool = False
    latency_s: float = 0.0
    times: int | None = None
    seconds: float | None = None
    skip: int = 0
    probability: float = 1.0
    matched: int = 0
    since: float = field(default_factory=time.monotonic)

    def text(self) -> str:
        """Return the error message."""
        message = self.message or MESSAGES.get(self.status, "Error")
        return message.replace("{until}", self.until)

    def hits(self, action: str, public_id: str) -> bool:
        """Tell whether this call meets the fault, and count it."""
        if self.action not in {action, "*"} or not fnmatchcase(public_id, self.public_id):
            return False
        if self.seconds is not None and time.monotonic() - self.since > self.seconds:
            return False
        if self.times is not None and self.matched - self.skip >= self.times:
            return False
        if self.probability < 1 and random.random() >= self.probability:
            return False
        self.matched += 1
        return self.matched > self.skip


def read_fault(given: dict[str, Any]) -> Fault:
    """Make a fault of what the control API was given; raises ValueError for what is no fault."""
    known = get_type_hints(Fault)
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise ValueError(f"no such thing in a fault: {', '.join(unknown)}")
    if given.get("effect", "status") not in EFFECTS:
        raise ValueError(f"effect must be one of {', '.join(EFFECTS)}")
    for name, value in given.items():
        kinds = get_args(known[name]) or (known[name],)
        if float in kinds and isinstance(value, int):
            continue
        if Any not in kinds and not isinstance(value, tuple(k for k in kinds if k is not Any)):
            raise ValueError(f"{name} cannot be {value!r}")
    return Fault(**given)


@dataclass(slots=True)
class Faults:
    """The rules of a cloud; the first that matches counts."""

    rules: list[Fault] = field(default_factory=list)

    def meet(self, action: str, public_id: str) -> Fault | None:
        """Return the fault that this call meets."""
        return next((fault for fault in self.rules if fault.hits(action, public_id)), None)
