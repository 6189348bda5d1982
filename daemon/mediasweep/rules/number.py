"""Numbers as people read them: one way in pages, commands, and what the database says
(`schema/functions/counted.sql`). A comma sets thousands apart, which every terminal and every
encoding of a database has.
"""

from __future__ import annotations


def number(count: float) -> str:
    """Return a whole number with its thousands set apart: 1,500."""
    return f"{count:,.0f}"


def counted(count: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun: 1 row, 1,500 rows."""
    return f"{number(count)} {one if count == 1 else many or f'{one}s'}"
