"""Twenty-six ways in which real schemas name Cloudinary assets, and what each statement lets go of.

A step is a statement, the assets that it lets go of, and those that are in use after it.
The table is called as in the schema it was found in; its first row is there when the steps begin.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

URL = "https://res.cloudinary.com/demo/image/upload/v1700000000"
LAYERED = URL.replace("/v", "/l_a,g_north/w_9/u_video:zz/v") + "/d.jpg"


@dataclass(frozen=True, slots=True)
class Step:
    """A statement, what it lets go of, and what is in use after it."""

    sql: str
    lost: str = ""
    used: str = ""


@dataclass(frozen=True, slots=True)
class Shape:
    """A table, the options under which it is attached, its first row with its assets, and steps."""

    name: str
    table: str
    columns: str
    options: dict[str, Any]
    row: str
    used: str
    steps: tuple[Step, ...] = field(default=())

    @property
    def attach(self) -> tuple[str, str, str]:
        """Statements that make the table, attach it, and fill it."""
        options = json.dumps(self.options).replace("'", "''")
        return (
            f"CREATE TABLE {self.table} ({self.columns})",
            f"SELECT mediasweep.attach('{self.table}', '{options}')",
            f"INSERT INTO {self.table} VALUES ({self.row})",
        )


def plain(column: str, **more: object) -> dict[str, Any]:
    """Options of a column that holds a public id."""
    return {"public_id": column, **more}
