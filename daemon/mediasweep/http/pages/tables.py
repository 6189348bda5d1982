"""/tables: what is attached, whether all of it is captured, whether the guard has its indexes."""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import Query, Request, Response

from mediasweep.http.models import QueryModel
from mediasweep.http.pages.frame import Frame
from mediasweep.operations import attach

REFERENCES = {"refuse": "refuses", "wait": "waits"}


class TablesQuery(QueryModel):
    """`suggest`: look for tables that are not attached, too, which reads some rows of each."""

    suggest: bool = False


def add_tables(frame: Frame) -> None:
    """Add the page."""

    @frame.router.get("/tables")
    async def tables_page(request: Request, asked: Annotated[TablesQuery, Query()]) -> Response:
        """List the attached tables, what is missing on them, and what to do about it."""
        pool = frame.backend.pool
        found = await attach.listing(pool)
        return frame.show(
            request,
            "tables.html",
            tables=[one | {"options": json.dumps(one["options"], indent=2)} for one in found],
            looks={
                one["source"]: REFERENCES.get(one["options"].get("references"), "off")
                for one in found
            },
            strays=await attach.strays(pool),
            suggested=await attach.suggestions(pool) if asked.suggest else None,
        )
