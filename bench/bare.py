"""The least that a queue worker can do: be notified, claim a batch in one statement, have it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time

import asyncpg

CLAIM = """
UPDATE bare SET taken = true WHERE id IN (
  SELECT id FROM bare WHERE NOT taken ORDER BY id LIMIT 10 FOR UPDATE SKIP LOCKED)
RETURNING id
"""


async def main() -> None:
    """Claim until told to stop, then write down what was claimed when."""
    noted: list[tuple[str, int]] = []
    stop, heard = asyncio.Event(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    listener = await asyncpg.connect(os.environ["DATABASE_URL"])
    worker = await asyncpg.connect(os.environ["DATABASE_URL"])
    await listener.add_listener("bare", lambda *_: heard.set())

    async def work() -> None:
        while True:
            await heard.wait()
            heard.clear()
            while rows := await worker.fetch(CLAIM):
                now = time.time_ns()
                noted.extend((row["id"], now) for row in rows)

    working = asyncio.create_task(work())
    await stop.wait()
    working.cancel()
    sys.stdout.write("".join(f"{id_} {ns}\n" for id_, ns in noted))
    await worker.close()
    await listener.close()


if __name__ == "__main__":
    asyncio.run(main())
