"""Notifications on their way: signed, sent, tried again, and lost, doubled or mixed up on demand.

Facts: Cloudinary documentation, "Webhook notifications". Only a 200 is success; else three further
attempts follow. Nothing here fails or makes a call wait: what becomes of a notification is in the
log. With one seed and the same calls, the same ones are lost, doubled and passed.
"""

from __future__ import annotations

import asyncio
import json
import random
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from mediasweep.emulator.calls import Call
from mediasweep.emulator.courier import post
from mediasweep.emulator.events import Event
from mediasweep.emulator.signature import of_notification
from mediasweep.emulator.switches import Switches
from mediasweep.emulator.triggers import Triggers

RETRIES_S = (180, 360, 540)
KEPT = 50_000
UNDER_WAY = frozenset({"waiting", "sending"})


@dataclass(slots=True)
class Delivery:
    """One notification to one place.

    `state`: held (until it is released), waiting (for its turn or its next attempt), sending,
    delivered, failed (for good) or dropped (never sent). `attempts`: of each when it began (in
    nanoseconds since 1970), its headers, and the status of the answer or the error. `copy_of`: the
    number of the one that it repeats.
    """

    seq: int
    url: str
    trigger_id: str
    auth_scheme: str
    notification_type: str
    body: str
    state: str = "waiting"
    attempts: list[dict[str, Any]] = field(default_factory=list)
    copy_of: int | None = None


@dataclass(slots=True)
class Mishaps:
    """What goes wrong on the way, by chance: each is a probability.

    drop: a notification is never sent. duplicate: it is sent twice. reorder: the next one goes
    before it. hold: all are kept until they are released.
    """

    drop: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    hold: bool = False
    seed: int = 0


@dataclass(slots=True)
class Hooks:
    """The notifications of a cloud; `kept` are the newest."""

    switches: Switches
    triggers: Triggers
    signer: Callable[[], tuple[str, str]]
    changed: Callable[[], None]
    seq: int = 0
    delivered: int = 0
    under_way: int = 0
    kept: deque[Delivery] = field(default_factory=lambda: deque(maxlen=KEPT))
    held: list[Delivery] = field(default_factory=list)
    mishaps: Mishaps = field(default_factory=Mishaps)
    _chance: random.Random = field(default_factory=lambda: random.Random(0))
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def notify(self, call: Call, events: Iterable[Event], own_url: str = "") -> None:
        """Tell everyone concerned what a call did; `own_url`: where the call wants it told."""
        for event in events:
            kind = str(event["notification_type"])
            places = [(own_url, "", "default")] if own_url.startswith("http") else []
            heard = self.triggers.hears(kind, own_url=bool(own_url))
            places += [(t.uri, t.id, t.auth_scheme) for t in heard]
            body = json.dumps(self._enveloped(call, event)) if places else ""
            for url, trigger_id, scheme in places:
                self._post(self._delivery(url, trigger_id, scheme, kind, body))

    def expect(self, mishaps: Mishaps) -> None:
        """Let these mishaps happen from now on, by a new run of chance."""
        self.mishaps = mishaps
        self._chance.seed(mishaps.seed)

    def release(self, order: str) -> int:
        """Send what is held: as it happened (sent), reversed or shuffled; returns how many."""
        freed, self.held = self.held, []
        if order == "reversed":
            freed.reverse()
        if order == "shuffled":
            self._chance.shuffle(freed)
        for delivery in freed:
            self._send(delivery)
        return len(freed)

    def again(self, seqs: Iterable[int], *, old: bool) -> int:
        """Send notifications once more; `old`: with timestamp and signature of the first time."""
        wanted = set(seqs)
        copies = [self._copy(d, old=old) for d in list(self.kept) if d.seq in wanted]
        for copy, headers in copies:
            self._send(copy, headers)
        return len(copies)

    def close(self) -> None:
        """Give up all that is under way."""
        for task in self._tasks:
            task.cancel()

    def after(self, seq: int) -> list[Delivery]:
        """Return the deliveries that were made after that one, oldest first."""
        return [delivery for delivery in self.kept if delivery.seq > seq]

    def _enveloped(self, call: Call, event: Event) -> Event:
        now = datetime.fromtimestamp(time.time(), UTC)
        dated = {"timestamp": now.isoformat(timespec="seconds"), "request_id": call.request_id}
        filled = {k: dated.get(k, v) if v == "" else v for k, v in event.items()}
        if not self.switches.hook_context:
            return filled
        return {
            **filled,
            "notification_context": {
                "triggered_at": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                "triggered_by": {"source": "api", "id": call.key},
            },
            "signature_key": self.signer()[0],
        }

    def _delivery(self, url: str, trigger_id: str, scheme: str, kind: str, body: str) -> Delivery:
        self.seq += 1
        made = Delivery(self.seq, url, trigger_id, scheme, kind, body)
        self.kept.append(made)
        return made

    def _post(self, delivery: Delivery) -> None:
        """Send a notification, or let a mishap happen to it."""
        # always as many draws, so that one mishap does not move the others
        drop, twice, late = (self._chance.random() for _ in range(3))
        if drop < self.mishaps.drop:
            delivery.state = "dropped"
            self.changed()
            return
        doubled = twice < self.mishaps.duplicate
        sent = [delivery, self._copy(delivery)[0]] if doubled else [delivery]
        if self.mishaps.hold or late < self.mishaps.reorder:
            for one in sent:
                one.state = "held"
            self.held += sent
            return
        for one in sent:
            self._send(one)
        self.release("sent")

    def _copy(self, of: Delivery, *, old: bool = False) -> tuple[Delivery, dict[str, str] | None]:
        made = self._delivery(of.url, of.trigger_id, of.auth_scheme, of.notification_type, of.body)
        made.copy_of = of.seq
        return made, of.attempts[0]["headers"] if old and of.attempts else None

    def _send(self, delivery: Delivery, headers: dict[str, str] | None = None) -> None:
        delivery.state = "waiting"
        self.under_way += 1
        task = asyncio.get_running_loop().create_task(self._deliver(delivery, headers))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, delivery: Delivery, headers: dict[str, str] | None) -> None:
        for wait_s in (0, *RETRIES_S):
            if wait_s:
                await asyncio.sleep(wait_s / max(1, self.switches.hook_speed))
            if headers is None or (delivery.attempts and self.switches.hook_resigned):
                headers = self._signed(delivery)
            async with self._turn if self.switches.hook_in_order else nullcontext():
                delivery.state = "sending"
                good = await self._attempt(delivery, headers)
            delivery.state = "delivered" if good else "waiting"
            if good:
                self.delivered += 1
                break
        else:
            delivery.state = "failed"
        self.under_way -= 1
        self.changed()

    async def _attempt(self, delivery: Delivery, headers: dict[str, str]) -> bool:
        tried: dict[str, Any] = {"at_ns": time.time_ns(), "headers": headers, "status": 0}
        delivery.attempts.append(tried)
        try:
            body, timeout_s = delivery.body.encode(), self.switches.hook_timeout_s
            tried["status"] = await post(delivery.url, headers, body, timeout_s)
        except (OSError, TimeoutError, ValueError) as wrong:
            tried["error"] = f"{type(wrong).__name__}: {wrong}"
        self.changed()
        return bool(tried["status"] == 200)  # noqa: PLR2004  HTTP's own number

    def _signed(self, delivery: Delivery) -> dict[str, str]:
        """Return the headers; the second signature is one that nobody can verify."""
        timestamp = str(int(time.time()))
        secret, sha256 = self.signer()[1], self.switches.hook_sha256
        signature = of_notification(delivery.body, timestamp, secret, sha256=sha256)
        headers = {"X-Cld-Timestamp": timestamp}
        if delivery.auth_scheme != "eddsa_v2":
            headers["X-Cld-Signature"] = signature
        if delivery.auth_scheme != "legacy_hmac":
            headers["X-Cld-Signature_v2"] = secrets.token_urlsafe(64)
        return headers
