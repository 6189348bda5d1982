"""Copies of a server or a database, made by PostgreSQL's own tools, beside the original.

A physical copy has the system identifier of its original, and its password. A dump has neither.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mediasweep.demo.cluster import Cluster

WITHIN_S = 30.0


class Copy(Cluster):
    """A base backup of another server, at a port of its own until it takes the original's place."""

    def __init__(self, original: Cluster) -> None:
        """Copy the data of a running server."""
        self._original = original
        super().__init__(durable=False)
        self._password = original._password  # noqa: SLF001  the copy has it in its data

    def _initdb(self) -> None:
        (self.root / "log").touch()
        into = self.root / "data"
        _run(self, "pg_basebackup", "-d", self._original.dsn(), "-D", str(into), "-c", "fast", "-N")
        (self.root / "run").mkdir(mode=0o700)
        self._own(self.root / "run")

    def stand_by(self) -> None:
        """Be a standby from the next start on."""
        (self.root / "data" / "standby.signal").touch()

    def take_over(self) -> None:
        """Stop the original as a crash would, start in its place, and be promoted."""
        self._original.stop("immediate")
        self.port = self._original.port
        self._started = True  # and so it insists on that port
        self.stand_by()
        self.start()
        _run(self, "pg_ctl", "promote", "-w", "-D", str(self.root / "data"))


@contextmanager
def copied(original: Cluster) -> Iterator[Copy]:
    """Give a copy that is not running, and remove it afterwards."""
    copy = Copy(original)
    try:
        yield copy
    finally:
        copy.__exit__(None, None, None)


def dump_into(original: str, copy: str, server: Cluster) -> None:
    """Dump a database and restore it into an empty one of `server`; both are given by address."""
    _run(server, "pg_dump", "-Fc", "-f", "dump", "-d", original)
    _run(server, "pg_restore", "-d", copy, "dump")


def _run(server: Cluster, program: str, *args: str) -> None:
    """Run a program of a server to its end, as the user and in the folder of the server."""
    log = server.root / f"{program}.log"
    with log.open("wb") as output:
        process = server._spawn(program, *args, output=output.fileno())  # noqa: SLF001  its user, its programs
    assert process.wait(WITHIN_S) == 0, log.read_text(encoding="utf-8", errors="replace")
