"""The watch over claims and calls: who was given what, under which barrier, and what was sent.

It reads the cloud's own log of calls, so that nothing is sent behind its back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mediasweep.emulator.client import Cloud
from mediasweep.loops.ticket import Ticket
from mediasweep.rules.job import Job
from mediasweep.rules.outcome import Answer, Outcome
from tests.machine.uses import Broken, Claimed, is_visible
from tests.machine.watch import Watch
from tests.machine.worker import BRAKE_WINDOW, LEASE, LONGEST_CALL, Rules, Worker

FRESH_S = 2.0
SETTLE_S = LONGEST_CALL.total_seconds()
SEND_WITHIN_S = (LEASE - LONGEST_CALL).total_seconds()


@dataclass(frozen=True, slots=True)
class Lost:
    """A request that nobody knows of what became, given up at `at_s`; it may yet come in."""

    call: Mapping[str, Any]
    claim: Claimed
    proven: bool
    at_s: float


@dataclass(slots=True)
class Claims:
    """All claims of one game, and the calls that were sent under them.

    `away`: the database is not where it was installed. `acknowledged`: the brake may let all go.
    """

    watch: Watch
    cloud: Cloud
    rules: Rules
    away: bool = False
    acknowledged: bool = False
    given: dict[tuple[str, int], Claimed] = field(default_factory=dict)
    lost: list[Lost] = field(default_factory=list)
    unclear: dict[str, float] = field(default_factory=dict)
    calls: int = 0
    _seq: int = 0

    def take(
        self, worker: Worker, tickets: Sequence[Ticket], before: Mapping[str, Any], now_s: float
    ) -> None:
        """Judge the claims that were given out: one for each row that was marked, and ripe."""
        given = {(str(t.job.id), t.job.claim_no) for t in tickets}
        marked = {
            (event["queue_id"], event["claim_no"])
            for event in self.watch.events
            if event["event"] in {"claimed", "handed_over"} and event["daemon"] == str(worker.id)
        }
        if given != marked or given & self.given.keys() or len(given) != len(tickets):
            raise Broken("claim", f"marked {marked}, given {given}")
        for ticket in tickets:
            claim = self._claim(worker, ticket.job, before[str(ticket.job.id)], now_s)
            self.given[claim.id, claim.claim_no] = claim
        for event in self.watch.events:
            if event["outcome"] in {"attempts_spent", "poison"}:
                self._is_settled(event["queue_id"], now_s)

    def _claim(self, worker: Worker, job: Job, row: Mapping[str, Any], now_s: float) -> Claimed:
        """Judge that a claimed row had been due, and its capture visible, at the barrier."""
        watch, memory = self.watch, json.loads(worker.memory)
        if not {"free", "clear"} <= memory.keys():
            raise Broken("barrier", f"none was passed: {row}")
        free, clear = barriers = memory["free"], memory["clear"]
        self._may_be_claimed(row, barriers)
        for barrier in barriers:
            if not self._has_passed(row, barrier):
                raise Broken("barrier", f"due or queued after {barrier}: {row}")
            begun = max(xid for at, xid in watch.begun if at <= watch.at(barrier["at"]))
            if barrier["b"] < begun:
                raise Broken("barrier", f"{barrier}, but {begun} was next already")
        read_at = watch.at(clear["at"])
        return Claimed(
            row,
            job.claim_no,
            watch.step,
            now_s,
            now_s + worker.lagging.lag_s,
            writers=free["b"],
            readers=clear["b"],
            read_at=read_at,
            waited_s=watch.now_at - read_at,
        )

    def _has_passed(self, row: Mapping[str, Any], barrier: Mapping[str, Any]) -> bool:
        """Tell whether a row was due, and seen, at a barrier; one that is new rests first."""
        rests_s = 0 if row["claim_no"] else self.rules.grace_s
        due = self.watch.at(row["due_at"]) + rests_s <= self.watch.at(barrier["at"])
        return due and is_visible(row["xact"], barrier["s"])

    def _may_be_claimed(
        self, row: Mapping[str, Any], barriers: Sequence[Mapping[str, Any]]
    ) -> None:
        """Judge a row by what is told of it, of the other rows, and of the place."""
        watch = self.watch
        if self.away:
            raise Broken("environment", f"claimed away from home: {row}")
        if any(row["cloudinary_public_id"].startswith(p) for p in watch.told["protected"]):
            raise Broken("protected", f"claimed: {row}")
        for other in watch.unfinished():
            if other["cloudinary_public_id"] != row["cloudinary_public_id"] or other["claim_no"]:
                continue
            if not all(self._has_passed(other, barrier) for barrier in barriers):
                raise Broken("siblings", f"claimed: {row}, and not ripe yet: {other}")
        if not (row["claim_no"] or self.acknowledged):
            self._is_no_burst(row)

    def _is_no_burst(self, row: Mapping[str, Any]) -> None:
        """Judge that not too much of a source was let go of up to a row; what was kept was not."""
        window_s = BRAKE_WINDOW.total_seconds()
        queued_at = self.watch.at(row["queued_at"])
        burst = [
            other
            for other in self.watch.rows.values()
            if (other["source_id"], other["status"] != "skipped") == (row["source_id"], True)
            and queued_at - window_s < self.watch.at(other["queued_at"]) <= queued_at
        ]
        if len(burst) > self.rules.brake_floor:
            raise Broken("brake", f"claimed, and {len(burst)} were let go of: {row}")

    def _is_settled(self, row_id: str, now_s: float) -> None:
        """Judge that a row fails only when nothing that was sent for it can come in any more."""
        if row_id in self.unclear and now_s - self.unclear[row_id] < SETTLE_S:
            raise Broken("settle", f"{row_id} failed, and a request of it may still come in")

    def stands(self, job: Job) -> bool:
        """Tell whether a claim has been neither taken over nor recorded."""
        row = self.watch.rows[str(job.id)]
        return row["claim_no"] == job.claim_no and row["lease_until"] is not None

    def sent(
        self, ticket: Ticket, answer: Answer, times: Sequence[float], now_s: float, *, proven: bool
    ) -> None:
        """Judge each call that sending a job has led to; `times` are when each was sent."""
        claim = self.given[str(ticket.job.id), ticket.job.claim_no]
        for at_s in times:
            self._may_be_sent(claim, at_s)
        calls = self._came(0 if answer.outcome is Outcome.UNREACHABLE else len(times))
        self._act(calls, claim, proven=proven)
        if answer.outcome is Outcome.UNCLEAR:
            self.unclear[claim.id] = now_s
            if not calls[-1]["acted"]:
                self.lost.append(Lost(calls[-1], claim, proven, now_s))
        if answer.outcome is Outcome.DELETED and not any(call["acted"] for call in calls):
            raise Broken("claim", f"said to be deleted, by none of {calls}")

    def came_late(self, lost: Lost) -> None:
        """Judge the call of a request that was given up before."""
        self._act(self._came(1), lost.claim, proven=lost.proven)

    def outdate(self, now_s: float) -> None:
        """Forget the requests that can come in no more."""
        self.lost = [lost for lost in self.lost if now_s - lost.at_s < SETTLE_S]

    def _act(self, calls: Sequence[Mapping[str, Any]], claim: Claimed, *, proven: bool) -> None:
        for call in calls:
            if call["acted"]:
                self.watch.removed(call, claim, proven=proven)

    def _came(self, expected: int) -> list[dict[str, Any]]:
        """Return the calls that have come in, each of which was sent by this step."""
        if expected:
            self.cloud.wait_answered(self.calls + expected)
        calls = self.cloud.calls(after=self._seq)
        if len(calls) != expected:
            raise Broken("claim", f"{expected} calls were sent, and these came in: {calls}")
        self.calls += len(calls)
        self._seq = calls[-1]["seq"] if calls else self._seq
        return calls

    def _may_be_sent(self, claim: Claimed, at_s: float) -> None:
        """Judge that a call is of a claim that stands, was guarded just now, and has time left."""
        row = self.watch.rows[claim.id]
        if (row["status"], row["claim_no"]) != ("processing", claim.claim_no):
            raise Broken("claim", f"sent under {claim}, which is over: {row}")
        if row["lease_until"] is None or self.watch.at(row["lease_until"]) < self.watch.now_at:
            raise Broken("claim", f"sent without a lease: {row}")
        if at_s - claim.heard_s > FRESH_S:
            raise Broken("fresh", f"sent {at_s - claim.heard_s} s after the guard of {claim}")
        if at_s - claim.at_s > SEND_WITHIN_S:
            raise Broken("lease", f"sent {at_s - claim.at_s} s after {claim}")
