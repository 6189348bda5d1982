"""The state table of SPEC and docs/architecture.md, written down once more, to judge by.

Pure. The journal says which move was made; `moved` says where it leads, or that there is no such
move. It knows nothing of the SQL that makes the moves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

POISON = 20
UNFINISHED = {"pending", "processing"}
KEPT_IN_DOUBT = {"reused_in_doubt", "protected_in_doubt"}


class NoSuchMoveError(Exception):
    """The table has no such move, and why."""


@dataclass(frozen=True, slots=True)
class State:
    """Of a queue row, what its moves depend on; `leased`: a claim on it has not been recorded."""

    status: str = "pending"
    claim_no: int = 0
    in_doubt: bool = False
    attempts: int = 0
    handovers: int = 0
    leased: bool = False

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> State:
        """Return the state of a row of the queue."""
        return cls(
            row["status"],
            row["claim_no"],
            row["in_doubt"],
            row["processing_attempts"],
            row["handovers"],
            row["lease_until"] is not None,
        )


def moved(state: State, entry: Mapping[str, Any], limit: int) -> State:
    """Return the state after the move of a journal row; `limit`: the attempts that a row has.

    Raises NoSuchMoveError for a move that the table does not have.
    """
    event, outcome = entry["event"], entry["outcome"]
    match event:
        case "claimed":
            new = _claimed(state, limit)
        case "handed_over":
            _only(state.leased, "nothing to take over")
            _only(state.handovers < POISON, "handed over too often")
            new = replace(
                state, claim_no=state.claim_no + 1, in_doubt=True, handovers=state.handovers + 1
            )
        case "skipped":
            _only(state.status == "pending" and not state.in_doubt, "skipped, in doubt or claimed")
            new = replace(state, status="skipped")
        case "failed" if outcome != "rejected":
            new = _given_up(state, outcome, limit)
        case "completed" | "failed" | "refused" | "unknown":
            _only(state.leased, "an answer without a claim")
            _only(entry["claim_no"] == state.claim_no, "an answer to a claim that was taken over")
            new = _answered(replace(state, leased=False, handovers=0), event)
        case "retried":
            _only(state.status in {"failed", "skipped"}, "retried, but not failed or skipped")
            new = replace(state, status="pending", attempts=0, handovers=0)
        case "cancelled":
            _only(
                state.status == "pending" and not state.in_doubt, "cancelled, in doubt or claimed"
            )
            new = replace(state, status="skipped")
        case _:
            raise NoSuchMoveError(f"no such event: {event}")
    _only(entry["status"] == new.status, f"journalled as {entry['status']}, which leads elsewhere")
    _only(entry["claim_no"] == new.claim_no, f"journalled with claim {entry['claim_no']}")
    return new


def _only(holds: bool, otherwise: str) -> None:
    if not holds:
        raise NoSuchMoveError(otherwise)


def _claimed(state: State, limit: int) -> State:
    again = state.status == "processing"
    _only(not state.leased, "claimed over a claim")
    _only(state.status == "pending" or (again and state.in_doubt), f"claimed out of {state.status}")
    _only(state.attempts < limit, f"claimed for an attempt beyond {limit}")
    return State(
        "processing",
        state.claim_no + 1,
        state.in_doubt or again,
        state.attempts + 1,
        state.handovers,
        leased=True,
    )


def _given_up(state: State, outcome: str, limit: int) -> State:
    """Return what a claim leaves that fails the row instead of sending it."""
    _only(state.status in UNFINISHED, "failed after it was finished")
    doubtful = state.in_doubt or state.status == "processing"
    if outcome in KEPT_IN_DOUBT:
        _only(doubtful, "failed as in doubt, which it was not")
    elif outcome == "attempts_spent":
        _only(not state.leased and state.attempts >= limit, "failed with attempts left")
    else:
        _only(outcome == "poison" and state.handovers >= POISON, f"failed as {outcome}")
    handovers = state.handovers + state.leased
    return replace(state, status="failed", in_doubt=doubtful, handovers=handovers, leased=False)


def _answered(state: State, event: str) -> State:
    match event:
        case "refused":
            status = "processing" if state.in_doubt else "pending"
            return replace(state, status=status, attempts=state.attempts - 1)
        case "unknown":
            return replace(state, status="processing", in_doubt=True)
        case _:
            return replace(state, status=event)
