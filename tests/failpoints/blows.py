"""What happens to this process at a point that was armed: it dies, freezes, fails, or hangs.

A blow falls once, the `nth` time that its point is reached, and is said on stderr as an event.
`hang`: the first statement of the call is not answered (before: nor done); only what the product
waits for at the most ends that. `lost`: the connection is, before or after the call. `bug`: an
error that nobody has planned for.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar
from datetime import timedelta
from functools import partial, wraps
from typing import Any

import asyncpg

BLOWS = ("kill", "freeze", "lost", "bug", "hang")
# longer than anybody waits for an answer, and over before the test asks whether all have gone
NEVER = "SET LOCAL statement_timeout = 0; SELECT pg_sleep(2)"
ASKED = ("execute", "fetch", "fetchrow", "fetchval")

armed: dict[str, tuple[str, int]] = {}
reached: Counter[str] = Counter()
# what hangs in this task: one entry, taken out by the first statement
hanging: ContextVar[list[str]] = ContextVar("hanging")


out: set[object] = set()  # the calls to Cloudinary that a thread has been given
over = threading.Condition()


class CountedThreads(ThreadPoolExecutor):
    """The threads of an account, which know how many calls are out."""

    def submit(self, call: Callable[..., Any], /, *args: Any, **more: Any) -> Future[Any]:  # noqa: ANN401  any call
        """Count a call until it is over."""
        mine = object()
        out.add(mine)

        def end(_: Future[Any]) -> None:
            with over:
                out.discard(mine)
                over.notify_all()

        done = super().submit(call, *args, **more)
        done.add_done_callback(end)
        return done


def _falls(point: str) -> str | None:
    """Count a point, and return the blow that falls there now."""
    reached[point] += 1
    blow, nth = armed.get(point, ("", 0))
    if reached[point] != nth:
        return None
    sys.stderr.write(json.dumps({"event": "failpoint", "point": point, "blow": blow}) + "\n")
    sys.stderr.flush()
    return blow


def come_to(point: str) -> str | None:
    """Let a blow fall; returns `hang` if that is for the call to do."""
    match _falls(point):
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "freeze":
            # a call that is half sent would be sent on when it thaws, and nobody can help that
            with over:
                over.wait_for(lambda: not out, timeout=2)
            os.kill(os.getpid(), signal.SIGSTOP)
        case "lost":
            raise ConnectionResetError(f"failpoint {point}")
        case "bug":
            raise RuntimeError(f"failpoint {point}")
        case "hang":
            return "hang"
    return None


def _hangs_behind(point: str) -> bool:
    return armed.get(point, ("", 0))[0] == "hang" and come_to(point) == "hang"


async def _carried_out(step: str, call: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401  the call's
    before, after = f"{step}:before", f"{step}:after"
    if come_to(before) == "hang":
        hanging.set(["before"])
    elif _hangs_behind(after):
        hanging.set(["after"])
    done = await call()
    if armed.get(after, ("", 0))[0] != "hang":
        come_to(after)
    return done


def around_call(step: str, callee: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Return what is called in place of a step."""

    @wraps(callee)
    async def call(*args: object, **more: object) -> Any:  # noqa: ANN401  whatever the callee returns
        return await _carried_out(step, partial(callee, *args, **more))

    return call


class _Entered:
    """An asynchronous context with points where it is entered and where it is left in peace."""

    def __init__(self, step: str, context: Any) -> None:  # noqa: ANN401  of any kind
        self._step, self._context = step, context

    async def __aenter__(self) -> Any:  # noqa: ANN401  as above
        return await _carried_out(f"{self._step}:enter", self._context.__aenter__)

    async def __aexit__(self, kind: object, error: object, trace: object) -> Any:  # noqa: ANN401  as above
        leave = partial(self._context.__aexit__, kind, error, trace)
        return await (leave() if error else _carried_out(f"{self._step}:exit", leave))


def around_context(step: str, make: Callable[..., Any]) -> Callable[..., Any]:
    """Return what is called in place of what makes the context."""
    return lambda *args, **more: _Entered(step, make(*args, **more))


def let_statements_hang() -> None:
    """Let the first statement of a call that is to hang wait for an answer that never comes."""
    execute = asyncpg.Connection.execute
    connect = asyncpg.connect

    def instead(original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        @wraps(original)
        async def ask(self: Any, *args: Any, timeout: Any = None, **more: Any) -> Any:  # noqa: ANN401, ASYNC109  as asyncpg has it
            hang = hanging.get([])
            side = hang.pop() if hang else ""
            if side == "before":
                return await execute(self, NEVER, timeout=timeout)
            done = await original(self, *args, timeout=timeout, **more)
            if side == "after":
                await execute(self, NEVER, timeout=timeout)
            return done

        return ask

    async def open_(*args: Any, **more: Any) -> Any:  # noqa: ANN401  as asyncpg has it
        hang = hanging.get([])
        if hang:
            hang.clear()
            return await connect(host="127.0.0.1", port=_silent_port(), **more)
        return await connect(*args, **more)

    for name in ASKED:
        setattr(asyncpg.Connection, name, instead(getattr(asyncpg.Connection, name)))
    asyncpg.connect = open_


silent: list[socket.socket] = []


def _silent_port() -> int:
    """Return a port of this process that takes a connection and says nothing."""
    if not silent:
        silent.append(socket.create_server(("127.0.0.1", 0)))
    return int(silent[0].getsockname()[1])


def put(module: Any, name: str, value: object) -> None:  # noqa: ANN401  a module
    """Put another value into a module's name; the name has to be there."""
    if not hasattr(module, name):
        raise AttributeError(f"{module.__name__} has no {name} any more: say what bounds it now")
    setattr(module, name, value)


def shorten_waits() -> None:
    """Let gates test soon, beats come often, and retries at once."""
    import mediasweep.cloudinary  # noqa: PLC0415  only in the process that is struck
    import mediasweep.daemon  # noqa: PLC0415  only in the process that is struck
    from mediasweep.loops import heartbeat, inbox, outage, rehearsal, second_look, sweep  # noqa: PLC0415  only in the process that is struck
    from mediasweep.postgres import wake  # noqa: PLC0415  only in the process that is struck

    first = dict.fromkeys(mediasweep.daemon.GATE_FIRST, timedelta(seconds=0.1))
    put(mediasweep.cloudinary, "ThreadPoolExecutor", CountedThreads)
    put(mediasweep.daemon, "GATE_FIRST", first)
    put(mediasweep.daemon, "GATE_LONGEST", timedelta(seconds=0.5))
    put(heartbeat, "PERIOD", timedelta(seconds=0.4))
    put(heartbeat, "SOON", timedelta(seconds=0.1))
    put(inbox, "TICK_S", 0.1)
    put(second_look, "HOLD", timedelta(seconds=0.5))
    put(second_look, "LOOK_MOST", 5)
    put(wake, "RETRY_LAST_S", 0.2)
    for module in (outage, sweep, rehearsal):
        put(module, "RETRY_S", 0.01)


def trust_what_was_seen() -> None:
    """Let what a guard saw be acted on however long ago that was."""
    from mediasweep.loops import sweep  # noqa: PLC0415  only in the process that is struck

    put(sweep, "FRESH_S", float("inf"))


def shorten_patience() -> None:
    """Let every call be given up within half a second, by the server or by the daemon."""
    import mediasweep.daemon  # noqa: PLC0415  only in the process that is struck
    import mediasweep.run  # noqa: PLC0415  only in the process that is struck
    from mediasweep.loops import heartbeat  # noqa: PLC0415  only in the process that is struck
    from mediasweep.postgres import asleep, pool  # noqa: PLC0415  only in the process that is struck

    half = timedelta(seconds=0.5)
    for module in (mediasweep.daemon, mediasweep.run, heartbeat):
        put(module, "PATIENCE", half)
    put(mediasweep.run, "PATIENCE_WITH_POOL", half)
    put(asleep, "SIBLING", half)
    for name in ("COMMAND_TIMEOUT_S", "CONNECT_TIMEOUT_S", "ACQUIRE_TIMEOUT_S"):
        put(pool, name, 0.5)
    options = pool._options  # noqa: SLF001  where the server is told how long a statement may take

    def shorter(name: str, *, pooled: bool | None) -> dict[str, Any]:
        given = options(name, pooled=pooled)
        if "statement_timeout" in given["server_settings"]:
            given["server_settings"]["statement_timeout"] = "250"
        return given

    put(pool, "_options", shorter)
