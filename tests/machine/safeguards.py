"""The safeguards, how each is taken away, and the invariant that no longer holds then.

A safeguard is taken away in the database or in the process of the test. Its game is a script from
`scripts.py`: with the safeguard it ends well, and without it, it breaks that invariant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from unittest import mock

import mediasweep.cloudinary
import mediasweep.loops.sweep
from mediasweep.loops.ticket import Ticket
from mediasweep.rules.asset import Asset, Road, roads
from mediasweep.rules.outcome import Backoff
from tests.machine import scripts
from tests.machine.game import Game
from tests.machine.worker import POLICY, Rules, Worker
from tests.machine.world import World
from tests.schema.queue import NOBODY_OLDER

FIND = """
SELECT pg_get_functiondef(p.oid) FROM pg_proc p
 WHERE p.pronamespace = 'mediasweep'::regnamespace AND p.proname = $1
   AND position($2 IN p.prosrc) > 0
"""
NOT_USED = """
CREATE OR REPLACE FUNCTION mediasweep.uses(
  candidates mediasweep.cloudinary_cleanup_queue[], OUT id uuid, OUT used_by text)
RETURNS SETOF record
LANGUAGE plpgsql AS 'BEGIN END'
"""
ONLY_NEW = "ARRAY(SELECT c FROM unnest(candidates) c WHERE c.status = 'pending')"
NO_SIBLINGS = """
CREATE OR REPLACE FUNCTION mediasweep.holds_others(
  s mediasweep.cloudinary_cleanup_queue, grace interval, ripe_at timestamptz, free pg_snapshot,
  clear pg_snapshot, stopped integer[]) RETURNS boolean LANGUAGE sql STABLE AS 'SELECT false'
"""
NO_BRAKE = """
CREATE OR REPLACE FUNCTION mediasweep.brake(
  candidates mediasweep.cloudinary_cleanup_queue[], terms jsonb, INOUT memory jsonb,
  INOUT news jsonb)
LANGUAGE plpgsql AS 'BEGIN END'
"""
NO_ENVIRONMENT = """
CREATE OR REPLACE FUNCTION mediasweep.recognise(daemon uuid, terms jsonb) RETURNS integer
LANGUAGE sql AS 'SELECT 1'
"""
NO_CAPTURE = "ALTER TABLE public.media_assets DISABLE TRIGGER USER"


class Hurried(Worker):
    """A worker that does not look at the lease before it sends."""

    def _reason_not_to_send(self, ticket: Ticket) -> str | None:
        return super()._reason_not_to_send(replace(ticket, send_before_s=float("inf")))


class Unsettled(Worker):
    """A worker that lets a row fall due again at once, also after its last attempt."""

    work = replace(POLICY, backoff=Backoff(timedelta(0), timedelta(0), settle=timedelta(0)))


def any_road(asset: Asset, *, asset_id_proven: bool) -> list[Road]:
    """Return the roads as if the one by asset id had never worked."""
    return roads(asset, asset_id_proven=asset_id_proven and False)


@dataclass(frozen=True, slots=True)
class Safeguard:
    """`edits`: texts in functions of the database and what stands there instead; `sql`: run as it
    is; `patch`: an object, a name in it and what it is; `worker`: who works without it.
    """

    breaks: str
    game: Callable[[Game], None]
    edits: tuple[tuple[str, str, str], ...] = ()
    sql: str = ""
    patch: tuple[object, str, Any] | None = None
    worker: type[Worker] = Worker
    rules: Rules = field(default_factory=Rules)

    def play(self, world: World, worker: type[Worker] = Worker) -> Game:
        """Play its game to the end; raises Broken."""
        game = Game(world, self.rules, worker)
        self.game(game)
        game.finish()
        return game

    @contextmanager
    def taken_away(self, world: World) -> Iterator[type[Worker]]:
        """Take it away, in a database that is of no further use; gives who works then."""
        for function, text, instead in self.edits:
            world.run(_edit(world, function, text, instead))
        if self.sql:
            world.run(world.db.execute(self.sql))
        if self.patch is None:
            yield self.worker
        else:
            with mock.patch.object(*self.patch):
                yield self.worker


async def _edit(world: World, function: str, text: str, instead: str) -> None:
    found = await world.db.fetch(FIND, function, text)
    assert len(found) == 1, f"{function} does not have, once: {text}"
    await world.db.execute(found[0][0].replace(text, instead))


SAFEGUARDS = {
    "capture: a trigger queues what is let go of": Safeguard(
        "capture", scripts.used_elsewhere, sql=NO_CAPTURE
    ),
    "guard: nothing is sent that is in use": Safeguard(
        "in use", scripts.used_elsewhere, sql=NOT_USED
    ),
    "guard error: no answer is not a no": Safeguard(
        "guard",
        scripts.used_unreadably,
        (
            ("claim", "PERFORM mediasweep.put_off(candidates, guard_error);", "uses := '{}';"),
            ("claim", "next_in := interval '1 s';\n    RETURN;", ""),
        ),
    ),
    "hand-over: the guard is asked again": Safeguard(
        "in use",
        scripts.used_in_doubt,
        (
            (
                "claim",
                "mediasweep.uses(mediasweep.by_every_name(candidates))",
                f"mediasweep.uses({ONLY_NEW})",
            ),
        ),
    ),
    "one-way: a lease that ends gives nothing back": Safeguard(
        "moves",
        scripts.used_in_doubt,
        (
            ("mark", "c.status = 'processing' AS takeover", "false AS takeover"),
            ("mark", "c.in_doubt OR c.status = 'processing' AS doubtful", "c.in_doubt AS doubtful"),
        ),
    ),
    "fence: who was taken over records nothing": Safeguard(
        "claim",
        scripts.recorded_late,
        (("record", "q.claim_no = r.claim_no", "true"),),
    ),
    "lease: a claim holds until its lease ends": Safeguard(
        "claim",
        scripts.claimed_twice,
        (("lock_from", "(q.lease_until IS NULL OR", "(true OR"),),
    ),
    "refund: a refusal costs no attempt": Safeguard(
        "moves", scripts.refused, (("record", "(r.move = 'refused')::integer", "0"),)
    ),
    "horizon: older writers are waited for": Safeguard(
        "in use", scripts.used_by_an_older_writer, sql=NOBODY_OLDER
    ),
    "horizon: older readers are waited for, a while": Safeguard(
        "in use",
        scripts.used_by_an_older_reader,
        (("advance", "oldest.reader, '5 s'", "oldest.reader, '0 s'"),),
    ),
    "barrier: a capture is visible in it": Safeguard(
        "barrier",
        scripts.let_go_behind_the_barrier,
        (
            (
                "lock_from",
                "pg_visible_in_snapshot(q.xact, free) AND pg_visible_in_snapshot(q.xact, clear)",
                "true",
            ),
            (  # which asks the same of each row of the asset, and of this one as well
                "holds_others",
                "pg_visible_in_snapshot(s.xact, free) AND pg_visible_in_snapshot(s.xact, clear)",
                "true",
            ),
        ),
    ),
    "freshness: a guard's answer is good for 2 s": Safeguard(
        "fresh",
        scripts.held_for_long,
        patch=(mediasweep.loops.sweep, "FRESH_S", float("inf")),
    ),
    "deadline: a call ends within its lease": Safeguard(
        "lease", scripts.heard_late, worker=Hurried
    ),
    "settling: a row fails when nothing can come any more": Safeguard(
        "settle", scripts.never_clear, worker=Unsettled
    ),
    "poison: a row fails when its last request is over": Safeguard(
        "settle",
        scripts.never_heard_of,
        (("lock_from", "q.handovers >= 20", "false"),),
    ),
    "siblings: the last row of an asset decides": Safeguard(
        "siblings", scripts.let_go_of_twice, sql=NO_SIBLINGS, rules=Rules(grace_s=30)
    ),
    "protection: a prefix is never deleted": Safeguard(
        "protected",
        scripts.protected,
        (("mark", "starts_with(c.cloudinary_public_id, p.prefix)", "false"),),
    ),
    "cancel: what is in doubt is not skipped": Safeguard(
        "moves",
        scripts.cancelled_in_doubt,
        (
            ("refusal", "WHEN in_doubt THEN", "WHEN false THEN"),
            ("refusal", "WHEN status = 'processing' THEN", "WHEN false THEN"),
        ),
    ),
    "brake: a burst is stopped": Safeguard(
        "brake", scripts.burst, sql=NO_BRAKE, rules=Rules(brake_floor=1)
    ),
    "environment: a copy deletes nothing": Safeguard(
        "environment", scripts.copied, sql=NO_ENVIRONMENT
    ),
    "asset id: the only road, once it is proven": Safeguard(
        "asset id",
        scripts.uploaded_anew,
        patch=(mediasweep.cloudinary, "roads", any_road),
    ),
    "gates: nothing is claimed while one is closed": Safeguard(
        "gates",
        scripts.paused,
        (("allowance", "allowed := 0; probing := false;\n    RETURN;", ""),),
    ),
}
