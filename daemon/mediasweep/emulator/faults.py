"""Faults on demand: which calls go wrong, and how. Decides only; `answers.py` carries it out."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, get_args, get_type_hints

EFFECTS = ("status", "html", "garbage", "empty", "lie", "truncated", "reset", "hang", "none")
ACTIONS = (
    *("destroy", "upload", "rename", "explicit", "tags", "context", "metadata"),
    *("ping", "config", "usage", "resource_types", "resources", "resource", "update", "restore"),
    *("drop_backup", "delete_resources", "delete_derived", "folders", "metadata_fields"),
    *("presets", "triggers", "*"),
)
COUNTED = ("matched", "since", "chance", "begun", "met")  # kept by the fault itself, not given
MESSAGES = {
    400: "Missing required parameter - public_id",
    401: "Invalid api_key",
    403: "Forbidden",
    404: "Resource not found",
    420: "Rate Limit Exceeded. Limit of 500 api operations reached. Try again on {until} UTC",
    423: "Resource is being processed",
    429: "Too many requests",
    500: "General Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}
LONGEST_S = 3600.0
WINDOWS_MOST = 10_000


@dataclass(slots=True)
class Fault:
    """One rule: a call of that action on a public id that fits the glob goes wrong.

    effect: status (a JSON error), html (a gateway's page, 502 unless `status` says otherwise),
    garbage (200, no JSON), empty (200, `{}`), lie (200, `body`), truncated (200, less than
    announced, then the end), reset (RST instead of an answer), hang (no answer until the client
    goes), none (only late). `act`: what was asked is done first; otherwise it is not done.
    `latency_s` comes before anything else. Bounds: the first `skip` matches pass, `times` matches
    after them, `seconds` since it was installed, `probability` by a generator of its own from
    `seed`. `until` stands in the message of a 420: `YYYY-MM-DD HH:MM:SS`, in UTC.

    `windows`: a rate limit that is reached, with a reset every `window_s` whole seconds. For so
    many windows calls are answered 420, with the next reset in the message; `met` counts them,
    window by window. The first is longer by what the present second has left: resets are told in
    whole seconds.
    """

    effect: str = "status"
    action: str = "destroy"
    public_id: str = "*"
    status: int | None = None
    message: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = field(default_factory=lambda: {"status": "ok"})
    until: str = "2024-10-04 14:00:00"
    act: bool = False
    latency_s: float = 0.0
    times: int | None = None
    seconds: float | None = None
    skip: int = 0
    probability: float = 1.0
    seed: int = 0
    windows: int | None = None
    window_s: int = 60
    matched: int = 0
    since: float = field(default_factory=time.monotonic)
    chance: random.Random = field(default_factory=random.Random)
    begun: int = field(default_factory=lambda: int(time.time()) + 1)
    met: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance.seed(self.seed)
        self.met = [0] * (self.windows or 0)

    def text(self, status: int) -> str:
        """Return the error message."""
        message, until = self.message or MESSAGES.get(status, "Error"), self.until
        if self.windows:
            reset = self.begun + (self._window() + 1) * self.window_s
            until = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(reset))
        return message.replace("{until}", until)

    def _window(self) -> int:
        return max(0, int(time.time() - self.begun) // self.window_s)

    def hits(self, action: str, public_ids: Sequence[str]) -> bool:
        """Tell whether this call meets the fault, and count it."""
        fits = any(fnmatchcase(public_id, self.public_id) for public_id in public_ids or ("",))
        if self.action not in {action, "*"} or not fits:
            return False
        window = self._window()
        if self.windows is not None and window >= self.windows:
            return False
        if self.seconds is not None and time.monotonic() - self.since > self.seconds:
            return False
        if self.times is not None and self.matched - self.skip >= self.times:
            return False
        if self.probability < 1 and self.chance.random() >= self.probability:
            return False
        self.matched += 1
        if self.windows and self.matched > self.skip:
            self.met[window] += 1
        return self.matched > self.skip


def read_fault(given: object) -> Fault:
    """Make a fault of what the control API was given; raises ValueError for what is no fault.

    `latency_s` without an effect or a status is a call that is late and otherwise goes well.
    """
    if not isinstance(given, dict):
        raise ValueError("a fault is an object")  # noqa: TRY004  all that is wrong is a ValueError
    known = {k: v for k, v in get_type_hints(Fault).items() if k not in COUNTED}
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise ValueError(f"no such thing in a fault: {', '.join(unknown)}")
    for name, value in given.items():
        if not _fits(value, known[name]):
            raise ValueError(f"{name} cannot be {value!r}")
    late = "latency_s" in given and "status" not in given
    limited = {"status": 420} if "windows" in given else {}
    fault = Fault(**{"effect": "none" if late else "status", **limited, **given})
    if fault.effect not in EFFECTS or fault.action not in ACTIONS:
        raise ValueError(f"effect is one of {EFFECTS}, action one of {ACTIONS}")
    if not 0 <= fault.latency_s <= LONGEST_S:
        raise ValueError(f"latency_s is at most {LONGEST_S:.0f}")
    windows = 1 if fault.windows is None else fault.windows
    if not (1 <= fault.window_s <= LONGEST_S and 1 <= windows <= WINDOWS_MOST):
        raise ValueError(f"window_s is 1 to {LONGEST_S:.0f}, windows are 1 to {WINDOWS_MOST}")
    return fault


def _fits(value: object, hint: Any) -> bool:  # noqa: ANN401  a type hint has no type
    if hint is Any:
        return True
    if hint == dict[str, str]:
        return isinstance(value, dict) and all(isinstance(v, str) for v in value.values())
    kinds = get_args(hint) or (hint,)
    if isinstance(value, bool):  # which is an int to Python, but not to a reader
        return bool in kinds
    return isinstance(value, kinds) or (isinstance(value, int) and float in kinds)


@dataclass(slots=True)
class Faults:
    """The rules of a cloud; the first that matches counts."""

    rules: list[Fault] = field(default_factory=list)

    def meet(self, action: str, public_ids: Sequence[str]) -> Fault | None:
        """Return the fault that this call meets."""
        return next((fault for fault in self.rules if fault.hits(action, public_ids)), None)
