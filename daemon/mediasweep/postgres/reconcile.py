"""Reconciliations, as Python values. The rules are in the database's functions.

Each method is one transaction, and one that names a run and its holder changes nothing for anybody
else. On failure it raises what asyncpg raised.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mediasweep.postgres.media import Media
from mediasweep.postgres.pool import patient, statements
from mediasweep.rules.asset import RESOURCE_TYPES
from mediasweep.rules.drift import ReconcileFinding
from mediasweep.rules.text import storable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta
    from uuid import UUID

    import asyncpg

    from mediasweep.postgres.pool import Connection, Pool
    from mediasweep.rules.notification import Change

SQL = statements(__file__)
PATIENCE_S = 3600.0  # that a comparison may take
NAMED_MOST = 1000


@dataclass(frozen=True, slots=True)
class ListingPlace:
    """Where the listing of a type stands."""

    resource_type: str
    cursor: str | None
    listed: int


@dataclass(frozen=True, slots=True)
class Run:
    """A reconciliation; `state` is listing, looking, done, refused or failed."""

    id: int
    state: str
    cloud_name: str
    asked_by: str
    holder: UUID
    heard_at: datetime
    started_at: datetime
    finished_at: datetime | None
    age_floor: timedelta
    places: Mapping[str, Any] = field(repr=False)
    calls: int
    counts: Mapping[str, int]
    reason: str | None

    @classmethod
    def read(cls, row: asyncpg.Record) -> Run:
        """Read a row."""
        return cls(**{**row, **{name: json.loads(row[name]) for name in ("places", "counts")}})

    @property
    def next_place(self) -> ListingPlace | None:
        """Return where to list on; None: all is listed."""
        for kind in RESOURCE_TYPES:
            place = self.places[kind]
            if not place["done"]:
                return ListingPlace(kind, place["cursor"], place["listed"])
        return None

    @property
    def listed(self) -> int:
        """Return how many are listed so far."""
        return sum(place["listed"] for place in self.places.values())


class Reconciliations:
    """The reconciliations of one database, worked on by one holder."""

    def __init__(self, given: Pool | Connection, holder: UUID) -> None:
        """Keep what to ask, and for whom."""
        self._given = given
        self.holder = holder

    async def begin(
        self,
        cloud: str,
        asked_by: str,
        age_floor: timedelta,
        patience: timedelta,
        *,
        shrunken: bool,
    ) -> Run:
        """Return the run to work on, or one that another holder is at work on."""
        given = (cloud, asked_by, self.holder, age_floor, patience, shrunken)
        return Run.read((await self._given.fetch(SQL["begin"], *given))[0])

    async def get(self, run: int) -> Run:
        """Return a run as it is now."""
        return Run.read((await self._given.fetch(SQL["run"], run))[0])

    async def last(self, cloud: str) -> list[Run]:
        """Return the newest run that has ended, and the newest complete one if it is another."""
        return [Run.read(row) for row in await self._given.fetch(SQL["last"], cloud)]

    async def newest(self, cloud: str) -> Run | None:
        """Return the newest run, at its end or not; None: there was none."""
        found = await self._given.fetch(SQL["newest"], cloud)
        return Run.read(found[0]) if found else None

    async def under_way(self, cloud: str, patience: timedelta) -> bool:
        """Tell whether somebody is at work on one, who was heard of within `patience`."""
        return bool(await self._given.fetchval(SQL["under_way"], cloud, patience))

    async def acted(self, run: int) -> dict[str, int]:
        """Return on how many findings of a run each action was taken."""
        return {row["action"]: row["rows"] for row in await self._given.fetch(SQL["acted"], run)}

    async def left(self, run: int) -> dict[str, int]:
        """Return about how many findings of a run nothing was done, by their kinds."""
        return {row["kind"]: row["rows"] for row in await self._given.fetch(SQL["left"], run)}

    async def due(self, cloud: str, every: timedelta) -> bool:
        """Tell whether no run that has ended began since, and this is the right cloud."""
        return bool(await self._given.fetchval(SQL["due"], cloud, every))

    async def beat(self, run: int, *, leaves: bool = False) -> bool:
        """Say that the holder is there, or leaves; tells whether it still was the holder."""
        return bool(await self._given.fetchval(SQL["beat"], run, self.holder, leaves))

    async def keep(
        self, run: int, place: ListingPlace, following: str | None, assets: Sequence[Any] | None
    ) -> bool:
        """Keep a page, and where the next one begins; no assets: the type begins anew."""
        told = None if assets is None else json.dumps(assets)
        given = (run, self.holder, place.resource_type, place.cursor, following, told)
        return bool(await self._given.fetchval(SQL["page"], *given))

    async def compare(self, run: int, *, shrunken: bool, adopting: bool) -> str | None:
        """Compare; returns the state of the run then, None if it is not ours any more."""
        given = (run, self.holder, shrunken, adopting)
        async with patient(self._given, PATIENCE_S) as connection:
            state: str | None = await connection.fetchval(
                SQL["compare"], *given, timeout=PATIENCE_S
            )
        return state

    async def name_rows(self, run: int) -> None:
        """Name a row for each ghost and mismatch, and drop the ghosts that no row uses any more."""
        after: int | None = 0
        while after is not None:
            async with patient(self._given, PATIENCE_S) as connection:
                given = (run, self.holder, after, NAMED_MOST)
                after = await connection.fetchval(SQL["name_rows"], *given, timeout=PATIENCE_S)

    async def unseen(self, run: int, most: int) -> list[ReconcileFinding]:
        """Return ghosts about which Cloudinary was not asked by itself."""
        return [
            ReconcileFinding(**row) for row in await self._given.fetch(SQL["unseen"], run, most)
        ]

    async def looked(self, run: int, ids: Sequence[int], there: Sequence[int], calls: int) -> bool:
        """Keep which of these ghosts are there after all; tells whether the run is still ours."""
        given = (run, self.holder, ids, there, calls)
        return bool(await self._given.fetchval(SQL["looked"], *given))

    async def finish(self, run: int, failed: str | None = None) -> None:
        """End the run: it is complete, or has failed."""
        async with patient(self._given, PATIENCE_S) as connection:
            given = (run, self.holder, storable(failed) if failed else None)
            await connection.execute(SQL["finish"], *given, timeout=PATIENCE_S)

    async def chosen(
        self,
        run: int,
        most: int,
        owned: Sequence[str] | None,
        *,
        sighted: bool,
        only: str | None = None,
    ) -> list[ReconcileFinding]:
        """Return findings about which nothing was done yet; `owned`: under these prefixes; `only`:
        of this resource type.

        `sighted`: orphans that were sighted before; else all that a library can adopt.
        """
        rows = await self._given.fetch(SQL["chosen"], run, owned, sighted, most, only)
        return [ReconcileFinding(**row) for row in rows]

    async def count_chosen(
        self, run: int, owned: Sequence[str] | None, *, sighted: bool, only: str | None = None
    ) -> tuple[int, int]:
        """Return how many of these there are, and their bytes."""
        row = (await self._given.fetch(SQL["count_chosen"], run, owned, sighted, only))[0]
        return row["assets"], row["bytes"]

    async def count_ghosts(self, run: int) -> int:
        """Return how many of the library's ghosts could be marked."""
        return int(await self._given.fetchval(SQL["count_ghosts"], run))

    async def passed_over(self, run: int, owned: Sequence[str]) -> Mapping[str, int]:
        """Return how many orphans may not be deleted, by why."""
        return dict((await self._given.fetch(SQL["passed_over"], run, owned))[0])

    async def first(self, run: int, most: int, *, acted: bool) -> list[dict[str, Any]]:
        """Return the first findings of each kind; `acted`: about which something was done."""
        return [_read(row) for row in await self._given.fetch(SQL["first"], run, most, acted)]

    async def findings(
        self, run: int, after: int, most: int, kind: str | None = None
    ) -> list[dict[str, Any]]:
        """Return the findings of a run after this one, all or those of one kind."""
        rows = await self._given.fetch(SQL["findings"], run, after, most, kind)
        return [_read(row) for row in rows]

    async def delete(self, run: int, ids: Sequence[int], owned: Sequence[str], who: str) -> int:
        """Queue orphans for deletion; returns how many."""
        return int(await self._given.fetchval(SQL["delete_orphans"], run, ids, owned, who))

    async def adopt(self, run: int, ids: Sequence[int], changes: Sequence[Change]) -> int:
        """Bring the library in line with what is said of these findings; returns how many are."""
        said = json.dumps([change.as_json() for change in changes])
        return int(await self._given.fetchval(SQL["adopt_findings"], run, ids, said))

    async def leave(self, run: int, ids: Sequence[int]) -> None:
        """Leave findings alone whose assets are not what they were."""
        await self._given.execute(SQL["leave_findings"], run, ids)

    async def library_ghosts(
        self, run: int, most: int, only: str | None = None
    ) -> list[ReconcileFinding]:
        """Return ghosts of the library about which nothing was done yet; `only`: of this type."""
        rows = await self._given.fetch(SQL["library_ghosts"], run, most, only)
        return [ReconcileFinding(**row) for row in rows]

    async def mark(self, run: int, ids: Sequence[int]) -> int:
        """Mark these ghosts in the library; returns how many rows."""
        return int(await self._given.fetchval(SQL["mark_ghosts"], run, ids))

    async def unmark(self, run: int) -> None:
        """Take the mark back from the rows of which this run does not say it."""
        while await self._given.fetchval(SQL["unmark_ghosts"], run, NAMED_MOST):
            pass

    async def away(self) -> str | None:
        """Return why this may not be the database that it was; None: it is."""
        reason: str | None = await self._given.fetchval(SQL["away"])
        return reason

    async def has_library(self) -> bool:
        """Tell whether there is a library of ours."""
        return await Media(self._given).is_there()


def _read(finding: asyncpg.Record) -> dict[str, Any]:
    detail = finding["detail"]
    return {**finding, "detail": None if detail is None else json.loads(detail)}
