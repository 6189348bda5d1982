"""/library/delete: what a deletion comes to, before and after; /library/deleted: what is gone."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request, Response

from mediasweep.http.models import QueryModel, Text
from mediasweep.http.pages.frame import Frame
from mediasweep.http.pages.library import PATH
from mediasweep.http.selection import PlanQuery
from mediasweep.operations import plan, undelete
from mediasweep.operations.plan import Becomes
from mediasweep.operations.refusal import RefusedError
from mediasweep.rules.selection import Selection
from mediasweep.rules.thumbnail import thumbnail

PER_PAGE = 50
STAY = {Becomes.KEPT, Becomes.UNCLEAR}


class DeletedPageQuery(QueryModel):
    """Which page."""

    search: Text = ""
    after: Text = ""


def add_deletion(frame: Frame) -> None:
    """Add the pages, before the one of an asset, whose path would take them."""
    backend = frame.backend

    @frame.router.get(f"{PATH}/delete")
    async def delete_page(request: Request, asked: Annotated[PlanQuery, Query()]) -> Response:
        """Tell what a deletion would come to; and once it was made, how far it has come."""
        chosen = asked.meant() if asked.ids or asked.public_ids else Selection()
        found = await plan.plan(backend.pool, chosen)
        live = [one for one in found.items if not one.done]
        return frame.show(
            request,
            "delete.html",
            plan=found,
            live=[str(one.row["id"]) for one in live],
            free=[str(one.row["id"]) for one in live if one.becomes not in STAY],
            pictures={
                one.row["id"]: thumbnail(
                    one.row["secure_url"],
                    one.row["resource_type"],
                    one.row["delivery_type"],
                    one.row["secure_url"].rpartition(".")[2],
                    backend.delivery,
                )
                for one in live
            },
        )

    @frame.router.get(f"{PATH}/deleted")
    async def deleted_page(
        request: Request, asked: Annotated[DeletedPageQuery, Query()]
    ) -> Response:
        """List what was deleted, and what became of it."""
        try:
            found = await undelete.deleted(
                backend.pool, asked.search or None, after=asked.after or None, limit=PER_PAGE
            )
        except RefusedError:  # there is no library
            return frame.show(request, "deleted.html", asked=asked, items=None, next=None)
        items = [plan.became(row) for row in found.rows]
        return frame.show(request, "deleted.html", asked=asked, items=items, next=found.next)
