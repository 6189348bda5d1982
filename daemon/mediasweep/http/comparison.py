"""How a comparison of account and rows stands, as both of its routes tell it."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel

from mediasweep.operations.reconcile_runner import ReconcileState

WITHIN_S = 5.0  # that a request waits for the end of what it began


class ReconcileCounts(BaseModel):
    """What was done about the findings of the newest complete comparison; `left`: they changed."""

    queued: int = 0
    adopted: int = 0
    marked: int = 0
    left: int = 0


class Comparison(BaseModel):
    """The newest comparison; `reason`: why it came to nothing, `says`: how far it is."""

    under_way: bool
    says: str
    id: int | None = None
    state: str | None = None
    asked_by: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    listed: int = 0
    calls: int = 0
    reason: str | None = None
    acted: ReconcileCounts = ReconcileCounts()


def comparison(compared: ReconcileState) -> Comparison:
    """Return it as it is told."""
    run, done = compared.newest, compared.acted
    acted = ReconcileCounts(
        **{name: done.get(name, 0) for name in ("queued", "adopted", "marked")},
        left=done.get("changed", 0) + done.get("let go", 0),
    )
    said = Comparison(under_way=compared.under_way, says=compared.says, acted=acted)
    if run is None:
        return said.model_copy(update={"reason": compared.trouble})
    names = ("id", "state", "asked_by", "started_at", "finished_at", "listed", "calls")
    told = {name: getattr(run, name) for name in names}
    return said.model_copy(update=told | {"reason": compared.trouble or run.reason})
