"""A claimed queue row, and the moves that it can make. This is the state table of the product.

    pending ──claim──► processing ──ok / not found──► completed
       │                 │  ▲   │
       │ in use          │  │   ├─ known to have done nothing, never in doubt ──► pending (refunded)
       ▼                 │  │   ├─ known to have done nothing, in doubt ──► processing (refunded)
    skipped ◄── never ───┘  │   ├─ nobody knows what happened ──► processing, in doubt
       │    once in doubt   │   └─ 400 for this row ──► failed
       │                    │
       └─ retry ─► pending  └─ claim again: lease passed, or in doubt and due (hand-over);
    failed ─ retry ─► pending  in use by then, or attempts spent ──► failed

The database makes the moves (`schema/functions/mark.sql`, `record.sql`, `operator.sql`), each a
compare-and-set on (id, status, claim_no). An operator skips only what is pending and not in doubt.
The owner of a claim never fails a row because it does not know what happened: only the next claim
may, after its guard.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from datetime import timedelta

    from mediasweep.rules.asset import Asset


class Status(StrEnum):
    """The states of a queue row."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"


UNFINISHED = (Status.PENDING, Status.PROCESSING)


class Move(StrEnum):
    """What the owner of a claim may say about it."""

    COMPLETED = "completed"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    FAILED = "failed"


class ByHand(StrEnum):
    """The moves that an operator makes."""

    RETRY = "retry"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Job:
    """A queue row under a claim; (id, claim_no) is the claim, and claim_no never goes down."""

    id: UUID
    claim_no: int
    asset: Asset
    attempt: int
    max_attempts: int
    in_doubt: bool
    waited: timedelta
