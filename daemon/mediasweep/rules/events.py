"""Everything that can happen in the daemon. Said once; logs, metrics and tests all listen.

`docs/watching.md` names each event as it appears in the log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Self

from mediasweep.rules.drift import ReconcileEvent
from mediasweep.rules.gate import Closing
from mediasweep.rules.job import Job
from mediasweep.rules.outcome import Answer
from mediasweep.rules.quota import Quota
from mediasweep.rules.webhook import WebhookEvent


@dataclass(frozen=True, slots=True)
class DaemonStarted:
    """All parts are up. `daemon`: its id in the registry; `enabled`: it deletes; or `dry_run`."""

    daemon: str
    version: str
    cloud_name: str
    http: str
    enabled: bool
    dry_run: bool


@dataclass(frozen=True, slots=True)
class AccountUnchecked:
    """Cloudinary could not be asked whether key and secret are good; work begins all the same."""

    detail: str


@dataclass(frozen=True, slots=True)
class DaemonStopping:
    """A signal came: nothing more is claimed; what was sent is finished and recorded."""

    reason: str


@dataclass(frozen=True, slots=True)
class DaemonStopped:
    """The last thing the daemon says."""

    in_flight_left: int


@dataclass(frozen=True, slots=True)
class Swept:
    """A claim brought something: rows to delete, rows skipped (`kept`: by why), rows given up.

    `handed_over`: of how many of them nobody said what came of their last claim; `since_notified`:
    seconds from the notification that led to the claim to its commit, if one did.
    """

    claimed: int
    skipped: int
    failed: int
    in_doubt: int
    seconds: float
    woken_by: str
    handed_over: int = 0
    since_notified: float | None = None
    kept: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ClaimedNothing:
    """A claim brought nothing: nothing is due (`empty`), what is due is `held` by a gate or an open
    transaction, or the call or its guard `failed`.
    """

    result: str
    seconds: float
    woken_by: str


@dataclass(frozen=True, slots=True)
class CloudinaryCalled:
    """A call to an API, `upload` or `admin`, is over; `status` None: no whole answer came."""

    api: str
    status: int | None
    seconds: float
    quota: Quota | None


@dataclass(frozen=True, slots=True)
class Answered:
    """Cloudinary was asked to delete one asset, and this is what came of it."""

    job: Job
    answer: Answer
    seconds: float


@dataclass(frozen=True, slots=True)
class Recorded:
    """The answer stands in the database; `gone_after` runs from the capture in the user's
    transaction.
    """

    job: Job
    answer: Answer
    gone_after: timedelta


@dataclass(frozen=True, slots=True)
class ClaimLost:
    """The answer came too late: another claim had taken the row over, and nothing was changed."""

    job: Job
    answer: Answer


@dataclass(frozen=True, slots=True)
class GuardFailed:
    """The guard could not answer, so the rows stay and wait. Somebody has to look."""

    error: str


@dataclass(frozen=True, slots=True)
class GateClosed:
    """Nothing is sent until the gate opens."""

    closing: Closing


@dataclass(frozen=True, slots=True)
class BrakeClosed:
    """Too much of one source was let go of: `rows` of it wait until a person acknowledges them."""

    source: str
    rows: int
    limit: int
    reason: str

    @classmethod
    def told(cls, stopped: Mapping[str, Any]) -> Self:
        """Read what the database tells of it."""
        return cls(stopped["source"], stopped["rows"], stopped["limit"], stopped["reason"])


@dataclass(frozen=True, slots=True)
class GateOpened:
    """A test went through, or their time has passed, and these gates are open."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """Nothing is claimed while these gates are closed; said when it begins or changes."""

    reason: str


@dataclass(frozen=True, slots=True)
class Released:
    """The gates that held everything are open."""


@dataclass(frozen=True, slots=True)
class Configured:
    """An operator has set this for all daemons; what is not named is each one's own setting."""

    config: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ShareChanged:
    """This daemon may now have `calls` out at a time; 0: the others have them all."""

    calls: int


@dataclass(frozen=True, slots=True)
class Pruned:
    """Finished rows, journal entries and notifications older than the retention are gone."""

    queue_rows: int
    journal_rows: int
    notifications: int


@dataclass(frozen=True, slots=True)
class WouldDelete:
    """A dry run would ask Cloudinary to delete this asset now."""

    job: Job


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What a dry run would have done since it last said so: `size` in bytes, where known."""

    would_delete: int
    would_keep: int
    size: int


@dataclass(frozen=True, slots=True)
class Recalled:
    """The database has lost deletions that it had confirmed; they are in the journal again."""

    deletions: int


@dataclass(frozen=True, slots=True)
class LookedAgain:
    """The second look after a failover: `looked` deletions, and assets of them in use again."""

    looked: int
    found: int
    assets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ListenerUp:
    """LISTEN is proven: a notification sent over another connection was heard."""


@dataclass(frozen=True, slots=True)
class ListenerDown:
    """Notifications are not heard; until they are, the queue is looked at every two seconds."""

    reason: str


@dataclass(frozen=True, slots=True)
class DatabaseLost:
    """A database call failed; it is tried again."""

    doing: str
    error: str


@dataclass(frozen=True, slots=True)
class DatabaseBack:
    """The database answers again."""

    after: timedelta


@dataclass(frozen=True, slots=True)
class FallbackRefilled:
    """Captures that could not be queued in the user's transaction are queued now."""

    rows: int


@dataclass(frozen=True, slots=True)
class QueueUnhealthy:
    """The health check found more than is usual: many due rows, many failures, an old row."""

    problems: tuple[str, ...]


Event = (
    DaemonStarted
    | AccountUnchecked
    | DaemonStopping
    | DaemonStopped
    | Swept
    | ClaimedNothing
    | CloudinaryCalled
    | Answered
    | Recorded
    | ClaimLost
    | GuardFailed
    | GateClosed
    | BrakeClosed
    | GateOpened
    | Held
    | Released
    | Configured
    | ShareChanged
    | Pruned
    | WouldDelete
    | Rehearsed
    | Recalled
    | LookedAgain
    | ListenerUp
    | ListenerDown
    | DatabaseLost
    | DatabaseBack
    | FallbackRefilled
    | QueueUnhealthy
    | WebhookEvent
    | ReconcileEvent
)
Emit = Callable[[Event], None]
