"""Numbers as people read them: one way in pages, commands, and what the database says
(`schema/functions/counted.sql`). A comma sets thousands apart, which every terminal and every
encoding of a database has. Sizes go by thousands, as the limits of Cloudinary and of uploads do.
"""

from __future__ import annotations

from itertools import count as powers

UNITS = ("B", "KB", "MB", "GB", "TB")
NEXT_FROM = 999.5  # what would be rounded to a thousand is one of the next unit
WHOLE_FROM = 9.95  # from which on a size needs no decimal
STEPS = 5  # of a scale, at the most


def number(count: float) -> str:
    """Return a whole number with its thousands set apart: 1,500."""
    return f"{count:,.0f}"


def counted(count: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun: 1 row, 1,500 rows."""
    return f"{number(count)} {one if count == 1 else many or f'{one}s'}"


def size(count: float) -> str:
    """Return bytes in the unit that fits: 640 B, 1.5 KB, 12 MB."""
    unit = 0
    while count >= NEXT_FROM and unit < len(UNITS) - 1:
        count, unit = count / 1000, unit + 1
    return f"{count:,.{int(unit > 0 and count < WHOLE_FROM)}f} {UNITS[unit]}"


def scale(most: int) -> range:
    """Return the marks of a scale for counts up to this: round numbers from 0, few enough to read,
    of which the last is not below it.
    """
    round_ = (step * 10**power for power in powers() for step in (1, 2, 5))
    step = next(step for step in round_ if step * STEPS >= most)
    return range(0, most + step, step)
