"""A process that has read the code with its points, and brings forth one daemon after the other.

It reads a command a line and forks: the child becomes what the command says (`mediasweep run`,
`mediasweep migrate`), with points armed. That is a daemon as it is run, without the second that
Python needs to start. It says who was born and how it ended.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from tests.daemons import Daemon, Record, environment
from tests.forks import PRODUCT, Process

PR_SET_PDEATHSIG = 1
FROZEN = "frozen"
READ = ("tests.failpoints.struck", *PRODUCT)


@dataclass(frozen=True, slots=True)
class Child:
    """One process of the nursery; `mark` is where its log begins."""

    nursery: Nursery
    pid: int
    mark: int

    async def over(self) -> int | str:
        """Return how it ended: exit code, minus the signal, or `frozen`."""
        ended = await self.nursery.daemon.seen(
            "over", after=self.mark, where=lambda r: r["pid"] == self.pid
        )
        code: int | str = ended["code"]
        return code

    async def seen(self, event: str, **where: object) -> Record:
        """Return the first event of that kind since it was born, with these values."""
        return await self.nursery.daemon.seen(
            event, after=self.mark, where=lambda r: where.items() <= r.items()
        )

    def struck(self) -> set[str]:
        """Return the points at which it was struck."""
        log = self.nursery.daemon.log[self.mark :]
        return {record["point"] for record in log if record["event"] == "failpoint"}

    def said(self) -> str:
        """Return what it said that is no event: a traceback, or why it gave up."""
        log = self.nursery.daemon.log[self.mark :]
        return "\n".join(record["text"] for record in log if record["event"] == "text")

    def kill(self) -> None:
        """Kill it."""
        os.kill(self.pid, signal.SIGKILL)

    def thaw(self) -> None:
        """Let a frozen one go on."""
        os.kill(self.pid, signal.SIGCONT)

    def terminate(self) -> None:
        """Ask it to stop."""
        os.kill(self.pid, signal.SIGTERM)

    async def stop(self) -> int | str:
        """Ask it to stop, if it has not been, and return how it ended."""
        with contextlib.suppress(ProcessLookupError):
            self.terminate()
        return await self.over()

    async def thaw_and_stop(self) -> int | str:
        """Let a frozen one go on, ask it to stop, and return how it ended."""
        again = Child(self.nursery, self.pid, len(self.nursery.daemon.log))
        # before it goes on: at its very end nobody would handle that
        with contextlib.suppress(ProcessLookupError):  # it had been told to before it froze
            os.kill(self.pid, signal.SIGTERM)
        self.thaw()
        self.nursery.command(wait=self.pid)
        return await again.over()


@dataclass(slots=True)
class Nursery:
    """The process, seen from a test; `daemon.log` holds what all its children say."""

    daemon: Daemon
    commands: int  # the end of a pipe
    born: list[Child] = field(default_factory=list)

    @classmethod
    async def open(cls) -> Self:
        """Start it."""
        theirs, ours = os.pipe()
        program = ("-m", __name__)
        process = await Process.start(environment("", ""), program, theirs, read=READ)
        os.close(theirs)
        return cls(Daemon(process), ours)

    async def close(self) -> None:
        """End it, and all its children with it."""
        await self.daemon.kill()
        os.close(self.commands)

    def command(self, **command: object) -> None:
        """Send a command."""
        os.write(self.commands, json.dumps(command).encode() + b"\n")

    async def bear(
        self,
        env: Mapping[str, str],
        points: Mapping[str, tuple[str, int]] | None = None,
        *,
        argv: Sequence[str] = ("run",),
        hurried: bool = False,
        trusting: bool = False,
        files: Sequence[tuple[str, str, bool]] = (),
    ) -> Child:
        """Start a child with these points armed, each with its blow and when it falls.

        `hurried`: it is impatient with a database that does not answer; `trusting`: what a guard
        saw does not age; `files`: what its schema has beside the real one, as (name, text, once).
        """
        mark = len(self.daemon.log)
        how = {"hurried": hurried, "trusting": trusting, "files": files}
        self.command(env=dict(env), points=points or {}, argv=argv, **how)
        born = await self.daemon.seen("born", after=mark)
        self.born.append(Child(self, born["pid"], mark))
        return self.born[-1]


def _say(**record: object) -> None:
    sys.stderr.write(json.dumps(record) + "\n")
    sys.stderr.flush()


def _wait(pid: int) -> None:
    _, status = os.waitpid(pid, os.WUNTRACED)
    code = FROZEN if os.WIFSTOPPED(status) else os.waitstatus_to_exitcode(status)
    _say(event="over", pid=pid, code=code)


def _orders() -> dict[str, Any]:
    """Carry out commands; returns one in each child, and nothing in this process at the end."""
    for line in sys.stdin:
        command: dict[str, Any] = json.loads(line)
        pid = command.get("wait") or os.fork()
        if not pid:
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            return command
        if "wait" not in command:
            _say(event="born", pid=pid)
        _wait(pid)
    return {}


def _become(command: Mapping[str, Any]) -> None:
    """Be what the command says."""
    from mediasweep.cli import main  # noqa: PLC0415  only in the process that is struck
    from mediasweep.postgres import migrate  # noqa: PLC0415  only in the process that is struck
    from tests.failpoints import blows  # noqa: PLC0415  only in the process that is struck

    os.environ.clear()
    os.environ.update(command["env"])
    blows.armed.update({point: (blow, nth) for point, (blow, nth) in command["points"].items()})
    blows.let_statements_hang()
    blows.shorten_waits()
    if command["hurried"]:
        blows.shorten_patience()
    if command["trusting"]:
        blows.trust_what_was_seen()
    read = migrate.read_schema
    files = [migrate.File(*file) for file in command["files"]]
    blows.put(migrate, "read_schema", lambda **more: read(**more) + files)
    sys.argv[1:] = command["argv"]
    main()


if __name__ == "__main__":
    if _order := _orders():
        _become(_order)
