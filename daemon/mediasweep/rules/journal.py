"""What the journal tells, and which of it is meant."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Entry(StrEnum):
    """Everything that is written down: first of rows, and from `gate_closed` on of all."""

    CLAIMED = "claimed"
    HANDED_OVER = "handed_over"
    COMPLETED = "completed"
    SKIPPED = "skipped"
    FAILED = "failed"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    RETRIED = "retried"
    CANCELLED = "cancelled"
    RESTORED = "restored"
    RESTORE_FAILED = "restore_failed"
    RECALLED = "recalled"
    USED_AFTER_DELETION = "used_after_deletion"
    TAKEN_OVER = "taken_over"
    GATE_CLOSED = "gate_closed"
    GATE_OPENED = "gate_opened"
    GATE_HURRIED = "gate_hurried"
    BRAKE_ACKNOWLEDGED = "brake_acknowledged"
    BRAKE_CONFIRMED = "brake_confirmed"
    CONFIGURED = "configured"
    CLEANUP_FORCED = "cleanup_forced"
    PROTECTED = "protected"
    UNPROTECTED = "unprotected"
    MOVED = "moved"
    ADOPTED = "adopted"


@dataclass(frozen=True, slots=True)
class Entries:
    """Entries with all of these; None: any. `own`: of uploads and self-tests, or of the rest."""

    event: Entry | None = None
    actor: str | None = None
    own: bool | None = None

    @property
    def selects(self) -> bool:
        """Tell whether entries have to be looked for, and not only taken in their order."""
        return self != Entries()
