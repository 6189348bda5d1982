"""Processes of ours without the second that Python needs to read them: forked from one that has.

`python -m tests.forks FD MODULE…` imports the modules, and forks for each order that comes over a
socket. What is forked has environment, streams and end of its own, as if it had been started by
`python -P -m …`, and is killed when whoever ordered it is gone. A program that is no module, or
has another PYTHONPATH, is started anew in its place: it is to be read, too.
"""

from __future__ import annotations

import asyncio
import atexit
import ctypes
import functools
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parents[1]
PR_SET_PDEATHSIG = 1
LONGEST = 1 << 17  # bytes of an order
PASSED_ON = ("PATH", "PYTHONPATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV")
PRODUCT = ("mediasweep.cli", "mediasweep.run")
PARTS = 4  # of an order come with it: stdin, stdout, stderr, and where its end is told


def plain() -> dict[str, str]:
    """Return an environment with nothing of this one but where things are."""
    env = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return env | {"PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), env.get("PYTHONPATH"))))}


class _Reader(asyncio.StreamReaderProtocol):
    """One end of a pipe; `closed` when nobody has the other any more."""

    def __init__(self, fd: int) -> None:
        self.stream = asyncio.StreamReader()
        super().__init__(self.stream)
        self.closed = asyncio.Event()
        self._file = os.fdopen(fd, "rb", buffering=0)

    async def read(self) -> Self:
        """Begin to read."""
        await asyncio.get_running_loop().connect_read_pipe(lambda: self, self._file)
        return self

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.closed.set()


class Process:
    """One that was forked; its fields and methods are those of `asyncio.subprocess.Process`."""

    def __init__(self, pid: int, end: _Reader, outputs: Sequence[_Reader]) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.stdout, self.stderr = (output.stream for output in outputs)
        self._outputs = outputs
        self._ending = asyncio.create_task(self._until_end(end))

    @classmethod
    async def start(
        cls,
        env: Mapping[str, str],
        program: Sequence[str],
        stdin: int | None = None,
        *,
        read: tuple[str, ...] = PRODUCT,
    ) -> Self:
        """Start `python -P` with this program in the root folder of the project.

        `read` names the modules that have been imported before.
        """
        pipes = [os.pipe() for _ in range(PARTS - 1)]
        nothing = os.open(os.devnull, os.O_RDONLY)
        theirs = [nothing if stdin is None else stdin, *(write for _, write in pipes)]
        order = json.dumps({"env": dict(env), "program": program}).encode()
        socket.send_fds(_orders(read), [order], theirs)
        for fd in (nothing, *theirs[1:]):
            os.close(fd)
        *outputs, end = [await _Reader(read).read() for read, _ in pipes]
        return cls(int(await end.stream.readline()), end, outputs)

    async def _until_end(self, end: _Reader) -> int:
        self.returncode = int(await end.stream.readline())
        await asyncio.gather(*(pipe.closed.wait() for pipe in (end, *self._outputs)))
        return self.returncode

    async def wait(self) -> int:
        """Return its exit code, or minus the signal that killed it."""
        return await asyncio.shield(self._ending)

    async def communicate(self) -> tuple[bytes, bytes]:
        """Return all that it says on stdout and stderr, at its end."""
        out, err = await asyncio.gather(self.stdout.read(), self.stderr.read())
        await self.wait()
        return out, err

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        if self.returncode is None:
            with suppress(ProcessLookupError):  # its end has not been heard of yet
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(signal.SIGKILL)


@functools.cache
def _orders(read: tuple[str, ...]) -> socket.socket:
    """Start what forks, for this process and as long as it lives; returns where orders go."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with its:
        command = [sys.executable, "-P", "-m", __name__, str(its.fileno()), *read]
        server = subprocess.Popen(
            command,
            cwd=ROOT,
            env=plain(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[its.fileno()],
        )
    atexit.register(server.wait)
    atexit.register(ours.close)
    return ours


# -- in the process that forks ---------------------------------------------------------------------


def _next(orders: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """Fork for each order; returns it, with its streams, in each child, and None at the end."""
    waiting = 0  # for children
    while True:
        while waiting and os.waitpid(-1, os.WNOHANG)[0]:
            waiting -= 1
        text, fds, *_ = socket.recv_fds(orders, LONGEST, PARTS)
        if not text:
            return None
        if os.fork() == 0:
            orders.close()
            _wait_for_a_child(fds)
            return json.loads(text), fds
        waiting += 1
        for fd in fds:
            os.close(fd)


def _wait_for_a_child(fds: list[int]) -> None:
    """Fork, tell of the child's birth and end, and exit; returns in the child."""
    _die_with_parent()
    *streams, end = fds
    if (child := os.fork()) == 0:
        _die_with_parent()
        os.close(end)
        return
    for fd in streams:
        os.close(fd)
    os.write(end, b"%d\n" % child)
    _, status = os.waitpid(child, 0)
    os.write(end, b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _become(env: dict[str, str], program: list[str], streams: list[int]) -> None:
    """Be what the order says."""
    for number, fd in enumerate(streams):
        os.dup2(fd, number)
        os.close(fd)
    if program[0] != "-m" or env.get("PYTHONPATH") != os.environ.get("PYTHONPATH"):
        os.execve(sys.executable, [sys.executable, "-P", *program], env)  # noqa: S606  as it is
    os.environ.clear()
    os.environ.update(env)
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        lines = 1 if name == "stderr" else -1  # a terminal is one, too
        setattr(sys, name, os.fdopen(number, mode, lines, "utf-8"))
    sys.argv = program[1:]
    runpy.run_module(program[1], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    for _module in sys.argv[2:]:
        importlib.import_module(_module)
    gc.freeze()  # or each child would look through all that was read, at its end
    if _order := _next(socket.socket(fileno=int(sys.argv[1]))):
        _given, (*_streams, _) = _order
        _become(_given["env"], _given["program"], _streams)
