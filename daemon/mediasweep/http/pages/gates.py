"""/gates: the scheduler, and why nothing is being sent; /gates/brake: what the brake holds."""

from __future__ import annotations

from fastapi import Request, Response

from mediasweep.http.pages.frame import Frame
from mediasweep.operations import brake, fleet
from mediasweep.operations.foresight import Foresight
from mediasweep.rules.gate import PAUSE_MINUTES
from mediasweep.rules.settable import LIMITS

# each gate, and when it is closed
GATES = {
    "pause": "somebody has stopped the fleet",
    "auth": "Cloudinary does not accept the key",
    "rate_limit": "Cloudinary has asked for a rest",
    "breaker": "Cloudinary does not answer, or not well",
    "brake": "more was let go of at once than is usual",
    "environment": "this is another server, database or cloud than the installation's",
    "failover": "the database server was replaced by its standby",
}
TESTED = {"auth", "rate_limit", "breaker"}  # by themselves, and at once by a restart


def add_gates(frame: Frame) -> None:
    """Add the pages."""

    @frame.router.get("/gates")
    async def gates_page(request: Request) -> Response:
        """Tell what is closed, by whom and until when, and steer the fleet."""
        pool = frame.backend.pool
        closed = await fleet.still_closed(pool)
        return frame.show(
            request,
            "gates.html",
            closed=closed,
            open_=[name for name in GATES if name not in {gate["name"] for gate in closed}],
            about=GATES,
            tested=TESTED,
            scheduler=await frame.backend.scheduler.get(),
            limits=LIMITS,
            pause_minutes=PAUSE_MINUTES,
        )

    @frame.router.get("/gates/brake")
    async def brake_page(request: Request) -> Response:
        """Show exactly what each closed brake holds, and what of it would be kept all the same."""
        held = await brake.show(frame.backend.pool)
        seen: dict[str, Foresight] = {
            one["digest"]: await brake.foresee(frame.backend.pool, one["digest"]) for one in held
        }
        return frame.show(request, "brake.html", held=held, seen=seen)
