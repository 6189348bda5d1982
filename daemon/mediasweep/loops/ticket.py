"""What a sweep carries about: a claimed job on its way, the terms of the work, and its tally.

Times are those of the boot clock.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from mediasweep.rules.job import Job
from mediasweep.rules.outcome import Answer, Backoff

RECORD_MOST = 500


@dataclass(frozen=True, slots=True)
class SweepPolicy:
    """How a sweep works.

    `concurrency` is the fleet's limit of calls at a time, of which this daemon gets a share;
    `reserve` is the end of a lease in which nothing is sent.
    """

    concurrency: int
    lease: timedelta
    reserve: timedelta
    backoff: Backoff


@dataclass(frozen=True, slots=True)
class Ticket:
    """A job on its way: sent only before `send_before_s`.

    `probe`: it tests a gate; `forced`: it goes through a pause.
    """

    job: Job
    claimed_s: float
    send_before_s: float
    probe: bool
    forced: bool = False


def come_back(
    outbox: asyncio.Queue[tuple[Ticket, Answer]], first: tuple[Ticket, Answer]
) -> dict[UUID, tuple[Ticket, Answer]]:
    """Return, by row, the first answer and those that have come back beside it."""
    batch = {first[0].job.id: first}
    while not outbox.empty() and len(batch) < RECORD_MOST:
        another = outbox.get_nowait()
        if batch.setdefault(another[0].job.id, another) is not another:
            outbox.put_nowait(another)  # a claim that was lost, beside its row's next
            break
    return batch


@dataclass(slots=True)
class Tally:
    """What this daemon has done since it started; read by the beat and by /readyz.

    `memory` is what its last claim handed on.
    """

    completed: int = 0
    failed: int = 0
    swept_s: float | None = None
    memory: str | None = None
