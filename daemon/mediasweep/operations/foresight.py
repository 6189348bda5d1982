"""What a claim would keep if it came now: assets in use or protected, as far as can be known.

Nothing is locked, so a claim may find it otherwise. A guard that cannot answer is told, as `error`;
nothing would be sent then.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import asyncpg

from mediasweep.postgres.operator_queue import OperatorQueue
from mediasweep.postgres.pool import PASSING, SLOW

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from mediasweep.postgres.pool import Connection, Pool

STEP = 1000
MOST = 10_000  # rows that are asked about: more would keep a person waiting


@dataclass(frozen=True, slots=True)
class Foresight:
    """Of the first `looked` rows, those that would be kept, each with the reason."""

    looked: int = 0
    kept: Mapping[UUID, str] = field(default_factory=dict)
    error: str | None = None


async def foresee(connection: Pool | Connection, ids: Sequence[UUID]) -> Foresight:
    """Return which of these rows a claim would keep now, looking at the first ten thousand."""
    queue = OperatorQueue(connection)
    kept: dict[UUID, str] = {}
    asked = ids[:MOST]
    for first in range(0, len(asked), STEP):
        try:
            kept |= await queue.kept(asked[first : first + STEP])
        except SLOW as error:
            return Foresight(first, kept, str(error) or "it takes too long")
        except PASSING:
            raise
        except asyncpg.PostgresError as error:
            return Foresight(first, kept, str(error))
    return Foresight(len(asked), kept)
