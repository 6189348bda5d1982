"""The queue in an operator's hands: list, show why a row is where it is, retry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mediasweep.postgres.fleet import Fleet
from mediasweep.postgres.gates import Gates
from mediasweep.postgres.queue import Ledger
from mediasweep.rules.job import Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from mediasweep.postgres.pool import Connection, Pool

RETRYABLE = (Status.FAILED, Status.SKIPPED)


async def rows(
    connection: Pool | Connection, *, statuses: Sequence[str] | None, limit: int
) -> list[Mapping[str, Any]]:
    """Return the newest rows, of these statuses or of all."""
    return await Ledger(connection).rows(statuses, limit)


async def show(connection: Pool | Connection, id_: UUID) -> dict[str, Any] | None:
    """Return a row, its timeline, and in words why it is where it is; None: no such row."""
    found = await Ledger(connection).show(id_)
    if found is None:
        return None
    row, timeline = found
    return {"why": why(row, await _held_by(connection)), "row": dict(row), "timeline": timeline}


async def _held_by(connection: Pool | Connection) -> str | None:
    """Return what keeps every row, if anything does."""
    gates = await Gates(connection).list()
    if gates:
        said = (f"the gate {gate['name']} is closed ({gate['reason']})" for gate in gates)
        return "; ".join(said)
    daemons = await Fleet(connection).daemons()
    return None if any(daemon["alive"] for daemon in daemons) else "no daemon is alive"


def why(row: Mapping[str, Any], held_by: str | None) -> str:
    """Say why a row is in its state; `held_by` is what keeps all rows, if anything does."""
    detail = row["error_message"]
    if row["detached"] and row["processed_at"] is None:
        return "waits for its table to be attached again: the guard cannot ask a detached one"
    match row["status"]:
        case Status.PENDING:
            return f"waits{': ' + held_by if held_by else ' to be claimed'}{_because(detail)}"
        case Status.PROCESSING if row["in_doubt"]:
            return f"was sent, what happened is unknown; it will be sent again{_because(detail)}"
        case Status.PROCESSING:
            return "is being deleted"
        case Status.COMPLETED if row["cloudinary_response"] and "not found" in str(
            row["cloudinary_response"]
        ):
            return "Cloudinary had no such asset (a wrong resource type looks the same)"
        case Status.COMPLETED:
            return "was deleted"
        case Status.SKIPPED:
            return f"was kept: {detail}"
        case _:
            return f"failed: {detail}"


def _because(detail: str | None) -> str:
    return f" ({detail})" if detail else ""


async def retry(
    connection: Pool | Connection,
    *,
    ids: Sequence[UUID] | None,
    statuses: Sequence[str],
    limit: int,
    who: str,
) -> list[UUID]:
    """Put rows back through guard and gates: these ids, or the oldest of these statuses."""
    ledger = Ledger(connection)
    chosen = list(ids) if ids is not None else await ledger.matching(statuses, limit)
    return await ledger.retry(chosen, who)
