"""The watch over a game: what the database shows after each step, what the cloud holds, and the
invariants that hold whatever was done.

It keeps the history that the database forgets: since when an asset is used, and by whom, what lay
in the cloud, under which claim it went. What does not hold raises Broken.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from tests.machine.states import NoSuchMoveError, State, moved
from tests.machine.uses import NEWER, Broken, Claimed, File, Gone, Key, Row, Use, Writer, judged

XIDS = 1 << 32
KEPT = {"protected", "cancelled"}
FINISHED = {"completed", "failed", "skipped"}


@dataclass(frozen=True, slots=True)
class LetGo:
    """A use that ended in step `step`, and the rows that were queued for it."""

    use: Use
    step: int
    rows: tuple[str, ...]


@dataclass(slots=True)
class Watch:
    """All that is known of one game. `limit`: the attempts that a row has."""

    limit: int
    step: int = 0
    told: dict[str, Any] = field(default_factory=dict)
    rows: dict[str, Row] = field(default_factory=dict)
    uses: dict[tuple[object, ...], Use] = field(default_factory=dict)
    events: list[Mapping[str, Any]] = field(default_factory=list)
    outcomes: dict[str, str | None] = field(default_factory=dict)
    captured: dict[str, int] = field(default_factory=dict)
    writers: dict[int, Writer] = field(default_factory=dict)
    files: dict[Key, File] = field(default_factory=dict)
    gone: list[Gone] = field(default_factory=list)
    let_go: list[LetGo] = field(default_factory=list)
    windows: Counter[str] = field(default_factory=Counter)
    moves: Counter[str] = field(default_factory=Counter)
    excused: set[tuple[object, ...]] = field(default_factory=set)
    begun: list[tuple[float, int]] = field(default_factory=list)
    shifted_s: float = 0.0
    journal_id: int = 0

    @property
    def now_at(self) -> float:
        """The database's time at the last look, as if it had never been put back."""
        return float(self.told["now"]) + self.shifted_s

    def at(self, said: str) -> float:
        """Return a time that the database has written down, on the same scale."""
        return datetime.fromisoformat(said).timestamp() + self.shifted_s

    def unfinished(self) -> list[Row]:
        """Return the rows that are not finished, oldest first."""
        return [row for row in self.rows.values() if row["processed_at"] is None]

    def see(self, told: dict[str, Any]) -> None:
        """Take in a look after a step, and judge it."""
        self.told = told
        before, self.rows = self.rows, {row["id"]: row for row in told["rows"]}
        self.events = [event for event in told["journal"] if event["queue_id"]]
        self._moves(before)
        self._capture(before)
        if told["journal"]:
            self.journal_id = told["journal"][-1]["id"]
        newest = max((xid for xid in self.writers), default=0)
        self.begun.append((self.now_at, max(told["xmax"], newest + 1)))

    # -- moves ------------------------------------------------------------------------------------

    def _moves(self, before: Mapping[str, Row]) -> None:
        """Judge that the journal tells exactly how the rows have come to be what they are."""
        if lost := before.keys() - self.rows.keys():
            raise Broken("moves", f"rows vanished: {lost}")
        for event in self.told["journal"]:
            self.moves[": ".join(filter(None, (event["event"], event["outcome"])))] += 1
        for id_, row in self.rows.items():
            was = State.of(before[id_]) if id_ in before else State()
            state = was
            for event in self.events:
                if event["queue_id"] != id_:
                    continue
                try:
                    state = moved(state, event, self.limit)
                except NoSuchMoveError as error:
                    raise Broken("moves", f"{event['event']} {was}: {error}; {row}") from error
                self.outcomes[id_] = event["outcome"]
            if state != State.of(row):
                raise Broken("moves", f"{was}, {state} by the journal, but {State.of(row)}: {row}")
            if state.attempts > self.limit:
                raise Broken("attempts", f"{state.attempts} of {self.limit}: {row}")
            self._taken_over_late(before.get(id_), row)

    def _taken_over_late(self, before: Row | None, row: Row) -> None:
        """Judge that a claim was taken over only when its lease had passed."""
        if before is None or before["lease_until"] is None or row["claim_no"] == before["claim_no"]:
            return
        if self.at(before["lease_until"]) > self.now_at:
            raise Broken("claim", f"taken over before its lease had passed: {before}")

    # -- uses -------------------------------------------------------------------------------------

    def _named(self) -> Iterator[Use]:
        for table in ("library", "articles"):
            for named in self.told[table]:
                if named["live"]:
                    yield Use(
                        table,
                        named["id"],
                        named["public_id"],
                        named["type"],
                        named["asset_id"],
                        self.step,
                        self._writer(named["xid"]),
                    )

    def _writer(self, xid: int) -> Writer | None:
        return next((w for full, w in self.writers.items() if full % XIDS == xid), None)

    def _capture(self, before: Mapping[str, Row]) -> None:
        """Judge that each use that ended was queued by the same commit; remember the new ones."""
        seen = {use.what: use for use in self._named()}
        new_rows = [row for id_, row in self.rows.items() if id_ not in before]
        self.captured |= {row["id"]: self.step for row in new_rows}
        for what in self.uses.keys() - seen.keys():
            use = self.uses[what]
            ids = [r["id"] for r in new_rows if r["cloudinary_public_id"] == use.public_id]
            if not ids:
                raise Broken("capture", f"{use} ended, and nothing was queued")
            self.let_go.append(LetGo(use, self.step, tuple(ids)))
        if self.told["fallback"]:
            raise Broken("capture", "a capture fell back")
        for what, use in seen.items():
            if what not in self.uses:
                self._begins(replace(use, rows=before))
        self.uses = {what: self.uses[what] for what in seen}

    def _begins(self, use: Use) -> None:
        """Judge a use that was committed just now: is what it uses still there?"""
        self.uses[use.what] = use
        if any(use.is_of(key, file.asset_id) for key, file in self.files.items()):
            return
        lost = next((g for g in reversed(self.gone) if use.is_of(g.key, g.file.asset_id)), None)
        if lost is not None:
            self._excuse(use, lost)

    def _excuse(self, use: Use, gone: Gone) -> None:
        self.windows[judged(use, gone)] += 1
        self.excused.add(use.what)

    # -- the cloud --------------------------------------------------------------------------------

    def uploaded(self, key: Key, asset_id: str) -> None:
        """Take note of an upload, over whatever was there."""
        self.files[key] = File(asset_id, self.step)

    def removed(self, call: Mapping[str, Any], claim: Claimed, *, proven: bool) -> None:
        """Judge a call that has removed a file. `proven`: its worker knew the road by asset id."""
        by_asset_id = bool(call["asset_id"])
        key = self._key(call)
        gone = Gone(
            key, self.files.pop(key), claim, self.step, by_asset_id, self.captured[claim.id]
        )
        self.gone.append(gone)
        asset_id = claim.row["asset_id"]
        if proven and asset_id and gone.file.asset_id != asset_id:
            raise Broken("asset id", f"{gone} is not the file that was let go of")
        users = [u for u in self.uses.values() if u.is_of(key, gone.file.asset_id)]
        for use in users:
            self._excuse(use, gone)
        if gone.newer and not users:
            self.windows[NEWER] += 1

    def _key(self, call: Mapping[str, Any]) -> Key:
        if call["asset_id"]:
            return next(k for k, f in self.files.items() if f.asset_id == call["asset_id"])
        return (call["resource_type"], call["public_id"])

    # -- the end ----------------------------------------------------------------------------------

    def end(self, there: set[Key]) -> None:
        """Judge what is left when all is well again and nothing moves any more."""
        if there != self.files.keys():
            raise Broken("claim", f"in the cloud is {there}, and should be {self.files}")
        for row in self.rows.values():
            if row["status"] not in FINISHED:
                raise Broken("quiet", f"unfinished: {row}")
            if row["status"] != "completed" and not row["error_message"]:
                raise Broken("quiet", f"kept without a reason: {row}")
        for use in self.uses.values():
            lost = [g for g in self.gone if use.is_of(g.key, g.file.asset_id)]
            kept = any(use.is_of(key, file.asset_id) for key, file in self.files.items())
            if lost and not kept and use.what not in self.excused:
                raise Broken("in use", f"{use} has lost {lost[-1]}")
        for key, file in self.files.items():
            if not any(use.is_of(key, file.asset_id) for use in self.uses.values()):
                self._should_be_gone(key, file)

    def _should_be_gone(self, key: Key, file: File) -> None:
        """Judge an asset that nobody uses and that is there: who let go of it last has a reason."""
        last = next((g for g in reversed(self.let_go) if g.use.is_of(key, file.asset_id)), None)
        if last is None or last.step < file.since:
            return  # nobody has ever used this file
        rows = [self.rows[id_] for id_ in last.rows]
        if any(row["status"] == "failed" or self.outcomes[row["id"]] in KEPT for row in rows):
            return
        if any(row["asset_id"] not in {None, file.asset_id} for row in rows):
            return  # the row named another file under this id
        if any(g.claim.id in last.rows and g.key != key for g in self.gone):
            return  # of an unknown type, and another one was found
        if any(row["status"] == "skipped" and row["resource_type"] is None for row in rows):
            return  # of an unknown type, and another one was in use
        raise Broken("gone", f"{key} {file} was let go of and is still there: {rows}")
