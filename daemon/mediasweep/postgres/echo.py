"""The proof that LISTEN works: a notification sent over another connection is heard on this one.

Nothing less proves it. Through a transaction pooler LISTEN succeeds, its channels are listed, and a
notification that is sent on the same connection even arrives; one from elsewhere never does.
"""

from __future__ import annotations

import asyncio
import secrets

from mediasweep.postgres.pool import Connection, Pool, is_pooled, statements

SQL = statements(__file__)


async def hears(listener: Connection, other: Pool | Connection, patience_s: float) -> bool:
    """Tell whether `listener` hears what `other` sends, within `patience_s`."""
    channel = f"mediasweep_{secrets.token_hex(6)}"
    heard = asyncio.Event()

    def on_notification(*_: object) -> None:
        heard.set()

    await listener.add_listener(channel, on_notification)
    try:
        await other.execute(SQL["notify"], channel, "", timeout=patience_s)
        async with asyncio.timeout(patience_s):
            await heard.wait()
    except TimeoutError:
        return False
    finally:
        if not listener.is_closed():
            await listener.remove_listener(channel, on_notification)
    return True


async def is_a_session(listener: Connection, other: Pool | Connection, patience_s: float) -> bool:
    """Tell whether a connection is one session of the server: direct, or by a session pooler."""
    return not await is_pooled(listener) or await hears(listener, other, patience_s)
