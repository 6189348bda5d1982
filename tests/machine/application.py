"""The application of a game: it uses assets, lets go of them, and keeps transactions open.

Nothing here ever waits for a lock: what an open transaction has touched is left alone by everybody
else until it has ended, so a change that would wait is not made.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import asyncpg

from tests.machine.uses import Key, Writer
from tests.machine.watch import Watch
from tests.machine.world import World

CITE = "INSERT INTO public.articles (cover) VALUES ($1)"
READ = """
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint
  FROM (SELECT count(*) FROM public.articles) counted
"""
USE = """
INSERT INTO public.media_assets
  (cloudinary_public_id, resource_type, cloudinary_asset_id, file_size, mime_type, secure_url, url)
VALUES ($1, $2, $3, 5, 'image/png', 'u', 'u')
"""
MOVE = """
UPDATE public.media_assets
   SET cloudinary_public_id = $2, resource_type = $3, cloudinary_asset_id = $4
 WHERE id = $1
"""
LIBRARY = {
    "delete": "DELETE FROM public.media_assets WHERE id = $1",
    "soft delete": "UPDATE public.media_assets SET deleted_at = now() WHERE id = $1",
    "undelete": "UPDATE public.media_assets SET deleted_at = NULL WHERE id = $1",
    "move": MOVE,
}
ARTICLES = {
    "uncite": "DELETE FROM public.articles WHERE id = $1",
    "recite": "UPDATE public.articles SET cover = $2 WHERE id = $1",
}
ARTICLES_MOST = 2  # or hardly an asset would ever be let go of
CHANGES = ("use", "use video", "cite", *LIBRARY, *ARTICLES)
TYPES = {"use": "image", "use video": "video"}


@dataclass(frozen=True, slots=True)
class Change:
    """A statement, and what it locks until its transaction ends: unique keys, and rows."""

    sql: str
    values: tuple[Any, ...]
    keys: set[Key] = field(default_factory=set)
    rows: set[tuple[str, object]] = field(default_factory=set)

    def would_wait_for(self, writer: Writer) -> bool:
        """Tell whether an open transaction has locked some of it."""
        return bool(self.keys & writer.keys or self.rows & writer.rows)


class Application:
    """The application's tables, as `watch` has seen them last, and up to two transactions."""

    def __init__(self, world: World, watch: Watch) -> None:
        self._world = world
        self._watch = watch
        self.open: dict[int, Writer] = {}

    async def begin(self, slot: int, *, repeatable: bool) -> bool:
        """Open the transaction of a slot; False if one is open."""
        if slot in self.open:
            return False
        isolation = "REPEATABLE READ" if repeatable else "READ COMMITTED"
        connection = self._world.others[slot]
        await connection.execute(f"BEGIN ISOLATION LEVEL {isolation}")
        xmin = await connection.fetchval(READ)
        kept = xmin if repeatable else None
        self.open[slot] = Writer(self._watch.step, self._watch.now_at, kept)
        return True

    async def end(self, slot: int, *, commit: bool) -> bool:
        """End the transaction of a slot; False if none is open."""
        if self.open.pop(slot, None) is None:
            return False
        await self._world.others[slot].execute("COMMIT" if commit else "ROLLBACK")
        return True

    async def change(self, what: str, public_id: str, nth: int, slot: int | None) -> bool:
        """Make a change; False if there is nothing to change, or it would have to wait."""
        if slot is not None and slot not in self.open:
            return False
        change = self._change(what, public_id, nth)
        if change is None or any(change.would_wait_for(open_) for open_ in self.open.values()):
            return False
        if slot is None:
            await self._world.db.execute(change.sql, *change.values)
        else:
            self.open[slot].keys |= change.keys
            self.open[slot].rows |= change.rows
            await self._write(slot, self.open[slot], change)
        return True

    async def _write(self, slot: int, writer: Writer, change: Change) -> None:
        connection = self._world.others[slot]
        try:
            await connection.execute(change.sql, *change.values)
        except asyncpg.SerializationError:  # changed since the snapshot: the transaction is over
            await self.end(slot, commit=False)
            return
        xid = await connection.fetchval("SELECT pg_current_xact_id_if_assigned()::text::bigint")
        if xid is not None:
            writer.xid = xid
            self._watch.writers[xid] = writer

    def _change(self, what: str, public_id: str, nth: int) -> Change | None:
        articles = self._watch.told["articles"]
        if what in TYPES:
            return self._use((TYPES[what], public_id))
        if what == "cite":
            return Change(CITE, (public_id,)) if len(articles) < ARTICLES_MOST else None
        if what not in ARTICLES:
            return self._library(what, public_id, nth)
        if not articles:
            return None
        id_ = articles[nth % len(articles)]["id"]
        values = (id_, public_id) if what == "recite" else (id_,)
        return Change(ARTICLES[what], values, rows={("articles", id_)})

    def _use(self, key: Key) -> Change | None:
        if key in self._live():
            return None
        return Change(USE, (key[1], key[0], self._asset_id(key)), {key})

    def _library(self, what: str, public_id: str, nth: int) -> Change | None:
        live = what != "undelete"
        rows = [row for row in self._watch.told["library"] if row["live"] is live]
        if not rows:
            return None
        row = rows[nth % len(rows)]
        old, new = (row["type"], row["public_id"]), (row["type"], public_id)
        if {"undelete": old, "move": new}.get(what) in self._live():
            return None
        values: tuple[Any, ...] = (row["id"],)
        if what == "move":
            values = (row["id"], public_id, row["type"], self._asset_id(new))
        return Change(LIBRARY[what], values, {old, new}, {("library", row["id"])})

    def _live(self) -> set[Key]:
        rows = self._watch.told["library"]
        return {(row["type"], row["public_id"]) for row in rows if row["live"]}

    def _asset_id(self, key: Key) -> str | None:
        file = self._watch.files.get(key)
        return file.asset_id if file else None
