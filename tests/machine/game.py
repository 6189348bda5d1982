"""A game: the steps that application, workers, operators and time can take, each judged.

Every step is complete before the next one begins, so a game that is played again goes the same way.
A step that can do nothing just now returns False and is not counted. What breaks an invariant
raises Broken.
"""

from __future__ import annotations

from mediasweep.operations import brake, environment, fleet
from mediasweep.postgres.operator_queue import OperatorQueue
from tests.machine.application import Application
from tests.machine.claims import SETTLE_S, Claims
from tests.machine.faults import FAULTS
from tests.machine.uses import Broken
from tests.machine.watch import Watch
from tests.machine.worker import Rules, Worker
from tests.machine.world import World

# a table that the guard does not know of: it refuses to answer for the others too
BREAK_GUARD = """
INSERT INTO mediasweep.attached (id, relation, capture, refs) OVERRIDING SYSTEM VALUE
VALUES (1000, 'pg_catalog.pg_class', '', '')
"""
MEND_GUARD = "DELETE FROM mediasweep.attached WHERE relation = 'pg_catalog.pg_class'::regclass"
PROTECT, UNPROTECT = "SELECT mediasweep.protect($1)", "SELECT mediasweep.unprotect($1)"
MOVE_AWAY = "UPDATE mediasweep.installation SET system_identifier = 'another'"
OPEN_GATES = "DELETE FROM mediasweep.gate"
WHO = "the operator"
ROUNDS_MOST = 60
LONG_S = 1000.0


class Game:
    """One game in a world. The steps are its public methods."""

    def __init__(self, world: World, rules: Rules, worker: type[Worker] = Worker) -> None:
        self.world, self.rules, self.clock = world, rules, world.clock
        self.watch = Watch(rules.max_attempts)
        self.claims = Claims(self.watch, world.cloud, rules)
        self.steps = 0
        switches = {
            "asset_id_road": rules.by_asset_id,
            "overwrite_keeps_asset_id": rules.keeps_asset_id,
        }
        world.run(world.clear(**switches))
        self._worker = worker
        self.workers = [worker(world, rules) for _ in range(rules.workers)]
        self.application = Application(world, self.watch)
        self._judge()

    def _judge(self) -> bool:
        """Look at what the step has left; returns True, as a step that was taken does."""
        self.watch.see(self.world.run(self.world.look(self.watch.journal_id)))
        self.steps += 1
        return True

    def _begin(self) -> None:
        self.watch.step += 1

    # -- the application --------------------------------------------------------------------------

    def upload(self, public_id: str, resource_type: str = "image") -> bool:
        """Upload a file, perhaps over one that is there."""
        self._begin()
        asset_id = self.world.account.upload(public_id, resource_type)
        self.watch.uploaded((resource_type, public_id), asset_id)
        return self._judge()

    def change(self, what: str, public_id: str, nth: int = 0, slot: int | None = None) -> bool:
        """Change a row of the application's tables: at once, or in the transaction of a slot."""
        self._begin()
        done = self.world.run(self.application.change(what, public_id, nth, slot))
        return done and self._judge()

    def begin(self, slot: int = 0, *, repeatable: bool = False) -> bool:
        """Open a transaction; `repeatable`: it keeps the snapshot that it begins with."""
        self._begin()
        return self.world.run(self.application.begin(slot, repeatable=repeatable)) and self._judge()

    def end(self, slot: int = 0, *, commit: bool = True) -> bool:
        """End a transaction."""
        self._begin()
        return self.world.run(self.application.end(slot, commit=commit)) and self._judge()

    # -- the workers ------------------------------------------------------------------------------

    def claim(self, nth: int = 0, batch: int = 10, lag_s: float = 0.0) -> bool:
        """Let a worker claim, and hear of it `lag_s` later."""
        self._begin()
        worker, held = self.workers[nth], len(self.workers[nth].tickets)
        shut, testing = self.watch.told["gates"], self.watch.told["testing"]
        stopped, before = self.watch.told["stopped"], self.watch.rows
        worker.lagging.lag_s, asked_s = lag_s, self.clock.now_s
        claim = self.world.run(worker.take(batch))
        self.clock.now_s = asked_s
        self._judge()
        tickets = worker.tickets[held:]
        self.claims.take(worker, tickets, before, asked_s)
        self._pass(lag_s)
        if shut and self.watch.told["gates"] and self.watch.events:
            raise Broken("gates", f"{shut} closed, and moved: {self.watch.events}")
        if any(event["source_id"] in stopped for event in self.watch.events):
            raise Broken("gates", f"{stopped} stopped, and moved: {self.watch.events}")
        if testing and len(tickets) > 1:
            raise Broken("gates", f"a gate is tested with {len(tickets)} rows at a time")
        if claim.guard_error:
            raise Broken("guard", claim.guard_error)
        return True

    def claim_unguarded(self, nth: int = 0) -> bool:
        """Let a worker claim while the guard cannot answer; then nothing moves."""
        self._begin()
        worker, before = self.workers[nth], len(self.workers[nth].tickets)
        self.world.run(self.world.db.execute(BREAK_GUARD))
        try:
            self.world.run(worker.take(10))
        finally:
            self.world.run(self.world.db.execute(MEND_GUARD))
        self._judge()
        if len(worker.tickets) > before or self.watch.events:
            raise Broken("guard", f"it could not answer, and moved: {self.watch.events}")
        return True

    def send(
        self, nth: int = 0, which: int = 0, fault: str = "well", skip: int = 0, call_s: float = 0.0
    ) -> bool:
        """Let a worker send one of its jobs.

        `fault` meets its first call after `skip`; each call takes `call_s`.
        """
        worker, account = self.workers[nth], self.world.account
        if not worker.tickets:
            return False
        self._begin()
        ticket = worker.tickets[which % len(worker.tickets)]
        kind, before_s = FAULTS[fault], self.clock.now_s
        proven = worker.known.asset_id_proven and ticket.job.asset.asset_id is not None
        if kind is not None:
            self.world.cloud.faults({**kind, "times": 1, "skip": skip})
        account.reachable(yes=fault != "unreachable")
        account.sent, account.call_s = [], call_s
        answer = self.world.run(worker.send(ticket))
        account.reachable(yes=True)
        if kind is not None:
            self.world.cloud.faults()
        self.claims.sent(ticket, answer, account.sent, self.clock.now_s, proven=proven)
        passed_s, self.clock.now_s = self.clock.now_s - before_s, before_s
        self._pass(passed_s)
        return self._judge()

    def late(self, which: int = 0) -> bool:
        """Let a request that was given up come in after all."""
        if not self.claims.lost:
            return False
        self._begin()
        lost = self.claims.lost.pop(which % len(self.claims.lost))
        self.world.account.again(lost.call)
        self.claims.came_late(lost)
        return self._judge()

    def record(self, nth: int = 0, most: int = 100) -> bool:
        """Let a worker record what has come back."""
        worker = self.workers[nth]
        if not worker.answers:
            return False
        self._begin()
        jobs = [ticket.job for ticket, _ in worker.answers[:most]]
        recorded, lost = self.world.run(worker.record(most))
        standing = {job.id for job in jobs if self.claims.stands(job)}
        if (recorded, lost) != (standing, {job.id for job in jobs} - standing):
            raise Broken("claim", f"recorded {recorded}, lost {lost}, and {standing} stood")
        return self._judge()

    def stop(self, nth: int = 0) -> bool:
        """Stop a worker as SIGTERM does: what it has not sent goes back, and it is gone."""
        self._begin()
        self.workers[nth].stopping.set()
        while self.send(nth):
            pass
        self.record(nth)
        return self.crash(nth)

    def crash(self, nth: int = 0) -> bool:
        """Let a worker forget everything, and another one begin in its place."""
        self.workers[nth] = self._worker(self.world, self.rules)
        return True

    # -- operators, and time ----------------------------------------------------------------------

    def retry(self, which: int = 0) -> bool:
        """Retry a row that has failed or was skipped."""
        kept = [r for r in self.watch.rows.values() if r["status"] in {"failed", "skipped"}]
        if not kept:
            return False
        self._begin()
        id_ = kept[which % len(kept)]["id"]
        self.world.run(OperatorQueue(self.world.db).retry([id_], WHO))
        return self._judge()

    def cancel(self, which: int = 0) -> bool:
        """Cancel a row that is not finished, as far as it can be."""
        rows = self.watch.unfinished()
        if not rows:
            return False
        self._begin()
        id_ = rows[which % len(rows)]["id"]
        self.world.run(OperatorQueue(self.world.db).cancel([id_], WHO, None))
        return self._judge()

    def protect(self, prefix: str) -> bool:
        """Protect a prefix, or protect it no more."""
        self._begin()
        sql = UNPROTECT if prefix in self.watch.told["protected"] else PROTECT
        self.world.run(self.world.db.execute(sql, prefix))
        return self._judge()

    def move_away(self) -> bool:
        """Let this be another server than it was, as after a copy."""
        self._begin()
        self.world.run(self.world.db.execute(MOVE_AWAY))
        self.claims.away = True
        return self._judge()

    def acknowledge(self) -> bool:
        """Acknowledge what the brake holds."""
        held = self.world.run(brake.show(self.world.db))
        if not held:
            return False
        self._begin()
        for source in held:
            self.world.run(brake.acknowledge(self.world.db, source["digest"], who=WHO))
        self.claims.acknowledged = True
        return self._judge()

    def pause(self) -> bool:
        """Pause the fleet."""
        self._begin()
        self.world.run(fleet.pause(self.world.db, reason="a game", who=WHO, duration=None))
        return self._judge()

    def resume(self) -> bool:
        """End the pause."""
        self._begin()
        return self.world.run(fleet.resume(self.world.db, who=WHO)) and self._judge()

    def wait(self, seconds: float) -> bool:
        """Let time pass."""
        self._begin()
        self._pass(seconds)
        return self._judge()

    def _pass(self, seconds: float) -> None:
        self.clock.now_s += seconds
        self.world.run(self.world.shift(seconds))
        self.watch.shifted_s += seconds
        for worker in self.workers:
            worker.age(seconds)
        self.claims.outdate(self.clock.now_s)

    # -- the end ----------------------------------------------------------------------------------

    def finish(self) -> None:
        """Mend everything, let the workers go on until nothing moves, and judge what is left."""
        for slot in (0, 1):
            self.end(slot)
        self.wait(SETTLE_S)
        self._begin()
        self.world.run(environment.adopt(self.world.db, cloud=self.world.cloud.name, who=WHO))
        self.claims.away = False
        self.world.run(self.world.db.execute(OPEN_GATES))
        self._judge()
        for _ in range(ROUNDS_MOST):
            self.wait(LONG_S)
            self.acknowledge()
            for nth in range(len(self.workers)):
                self.claim(nth)
                while self.send(nth):
                    pass
                self.record(nth)
            if not self.watch.unfinished():
                break
        self.watch.end({(rt, public_id) for rt, _, public_id in self.world.cloud.assets()})
