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
from tests.machine.worker import LEASE, LONGEST_CALL, Worker

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
    """All claims of one game, and the calls that were sent under them."""

    watch: Watch
    cloud: Cloud
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
            if event["outcome"] == "attempts_spent":
                self._is_settled(event["queue_id"], now_s)

    def _claim(self, worker: Worker, job: Job, row: Mapping[str, Any], now_s: float) -> Claimed:
        """Judge that a claimed row had been due, and its capture visible, at the barrier."""
        watch, memory = self.watch, json.loads(worker.memory)
        if not {"free", "clear"} <= memory.keys():
            raise Broken("barrier", f"none was passed: {row}")
        free, clear = memory["free"], memory["clear"]
        for barrier in (free, clear):
            if watch.at(row["due_at"]) > watch.at(barrier["at"]):
                raise Broken("barrier", f"due after {barrier}: {row}")
            if not is_visible(row["xact"], barrier["s"]):
                raise Broken("barrier", f"queued after {barrier}: {row}")
            begun = max(xid for at, xid in watch.begun if at <= watch.at(barrier["at"]))
            if barrier["b"] < begun:
                raise Broken("barrier", f"{barrier}, but {begun} was next already")
        read_at = watch.at(clear["at"])
        return Claimed(
            row,
            job.claim_no,
            watch.step,
            now_s,
            writers=free["b"],
            readers=clear["b"],
            read_at=read_at,
            waited_s=watch.now_at - read_at,
        )

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
        for n, at_s in enumerate(times):
            self._may_be_sent(claim, at_s, first=n == 0)
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

    def _may_be_sent(self, claim: Claimed, at_s: float, *, first: bool) -> None:
        """Judge that a call is of a claim that stands, was guarded just now, and has time left."""
        row = self.watch.rows[claim.id]
        if (row["status"], row["claim_no"]) != ("processing", claim.claim_no):
            raise Broken("claim", f"sent under {claim}, which is over: {row}")
        if row["lease_until"] is None or self.watch.at(row["lease_until"]) < self.watch.now_at:
            raise Broken("claim", f"sent without a lease: {row}")
        if first and at_s - claim.at_s > FRESH_S:
            raise Broken("fresh", f"sent {at_s - claim.at_s} s after the guard of {claim}")
        if at_s - claim.at_s > SEND_WITHIN_S:
            raise Broken("lease", f"sent {at_s - claim.at_s} s after {claim}")
