"""The brake in an operator's hands: show what it holds, and release exactly that.

Whoever acknowledges has seen a list; the digest of that list is what they say. A list that is not
to the row what is held now is refused, with RefusedError; what is no digest is a DigestError.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from mediasweep.operations import foresight
from mediasweep.operations.refusal import RefusedError
from mediasweep.postgres.brake import Brake

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mediasweep.operations.foresight import Foresight
    from mediasweep.postgres.pool import Connection, Pool

DIGEST = re.compile(r"\d{1,9}-\d{1,18}-[0-9a-f]{32}-\d{1,19}-\d{1,19}(-[\d.]+)?", re.ASCII)
AGAIN = "nothing was released; look again with `mediasweep brake show`"


class DigestError(ValueError):
    """A text is no digest; the message says where to get one."""


async def show(connection: Pool | Connection) -> list[Mapping[str, Any]]:
    """Return each closed brake: why, and what it holds by count, bytes, user and reason; digest."""
    return await Brake(connection).closed()


async def look(connection: Pool | Connection, digest: str, *, who: str) -> Mapping[str, Any]:
    """Return what a digest would release, without doing it; raises as `acknowledge` does."""
    brake = Brake(connection)
    await _acknowledge(brake, digest, who, really=False)
    held = await brake.held(digest)
    if held is None:
        raise RefusedError(f"this brake has just been opened: {AGAIN}")
    return held


async def foresee(connection: Pool | Connection, digest: str) -> Foresight:
    """Return which rows of a digest that was looked at would be kept all the same."""
    ids = await Brake(connection).first_held(digest, foresight.MOST)
    return await foresight.foresee(connection, ids)


async def acknowledge(connection: Pool | Connection, digest: str, *, who: str) -> int:
    """Release what a digest names, and open the brake; returns how many rows that is.

    Raises RefusedError if the rows are not exactly those, DigestError if that is no digest. All
    daemons go on at once.
    """
    return await _acknowledge(Brake(connection), digest, who, really=True)


async def _acknowledge(brake: Brake, digest: str, who: str, *, really: bool) -> int:
    if not DIGEST.fullmatch(digest):
        raise DigestError(
            f"{digest!r} is no digest: copy the whole one, as `mediasweep brake show` prints it in"
            " its last line"
        )
    rows, refused = await brake.acknowledge(digest, who, really=really)
    if refused is not None or rows is None:
        raise RefusedError(f"{refused}: {AGAIN}")
    return rows
