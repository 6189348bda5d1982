"""What people call by name, a source or a reason: asked of the database as far as it has to be.

What there is not is a FilterError, whose text says what there is; never a filter that is silently
empty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mediasweep.rules.filter import REASONS, check_reason, source_number, written_number

if TYPE_CHECKING:
    from mediasweep.postgres.operator_queue import OperatorQueue


async def source(queue: OperatorQueue, text: str | None) -> int | None:
    """Return the number of the source that is meant; None: any."""
    if text is None:
        return None
    return source_number(text, await queue.sources(written_number(text)))


async def reason(queue: OperatorQueue, text: str | None) -> str | None:
    """Return the reason that is meant, having found that there is one like this; None: any."""
    if text is not None and text not in REASONS:
        check_reason(text, await queue.reasons())
    return text
