"""What people call by name: a source, a reason; what there is not is refused, never empty."""

from __future__ import annotations

import pytest

from mediasweep.operations import named
from mediasweep.postgres.operator_queue import OperatorQueue
from mediasweep.postgres.pool import Connection as Db
from mediasweep.rules.filter import FilterError
from tests.schema.queue import enqueue


async def test_every_reason_that_a_row_has_can_be_meant(db: Db) -> None:
    """Whoever queues a row may give a reason of their own; it is found in queue and journal."""
    await enqueue(db, "a")
    await db.execute("UPDATE mediasweep.cloudinary_cleanup_queue SET deletion_reason = 'spring'")
    await db.execute("INSERT INTO mediasweep.journal (event, reason) VALUES ('completed', 'gdpr')")
    queue = OperatorQueue(db)
    assert set(await queue.reasons()) == {"spring", "gdpr"}
    assert [await named.reason(queue, one) for one in ("gdpr", "manual")] == [*("gdpr", "manual")]
    assert await named.reason(queue, None) is None
    with pytest.raises(FilterError, match="table_truncated, manual, gdpr, spring"):
        await named.reason(queue, "winter")


async def test_a_source_is_found_by_name_or_number(db: Db) -> None:
    """The database is asked what there is, and also for a number that only a row has."""
    await enqueue(db, "a", source=77)
    queue = OperatorQueue(db)
    found = [await named.source(queue, one) for one in ("media_assets", "1", "manual", "77", None)]
    assert found == [1, 1, 0, 77, None]
    with pytest.raises(FilterError, match="no source has the number 78"):
        await named.source(queue, "78")
