"""A real PostgreSQL server to throw away: started in a moment, gone with whoever started it.

Owns a private folder with data, socket and log, and one server process. The server runs as an
unprivileged user even if we are root, in a session of its own (a Ctrl-C at the terminal does not
reach it), and on Linux it shuts down when its parent dies, however that dies. If it does not start,
the error shows the end of its log. Nothing is left behind after `stop`.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from mediasweep.demo.binaries import find, may_run, within_reach

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0
POLL_S = 0.01
PORTS_TRIED = 5
SHORT = "/tmp"  # noqa: S108  for a private folder in it
LONGEST_SOCKET = 107  # bytes of a path in a sockaddr_un on Linux
SUPERUSER = "app"  # not the name of our schema, which would then be first on its search path
PREFIX = "mediasweep-pg-"
PORT_TAKEN = "could not create any TCP/IP sockets"
PR_SET_PDEATHSIG = 1
# a crash of the server keeps what was committed all the same; one of the machine does not
FAST_AND_LOOSE = {"fsync": "off", "full_page_writes": "off"}
MODES = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}


class ServerError(Exception):
    """The server did not start; the message holds the end of its log."""


class Cluster:
    """One server, on a socket in its private folder and on a free port of 127.0.0.1."""

    def __init__(
        self,
        *,
        settings: Mapping[str, str] | None = None,
        durable: bool = True,
        folder: Path | None = None,
    ) -> None:
        """Make the data folder; `durable` false trades safety for speed, for tests.

        The private folder is made in `folder`, or where temporary ones are.
        """
        self._settings = ({} if durable else FAST_AND_LOOSE) | dict(settings or {})
        self._password = secrets.token_hex(16)
        self._process: subprocess.Popen[bytes] | None = None
        self._started = False
        self._user = _unprivileged()
        self.port = _free_port()
        self.root = Path(tempfile.mkdtemp(prefix=PREFIX, dir=folder or _parent(self._user)))
        with ExitStack() as undo:
            undo.callback(shutil.rmtree, self.root, ignore_errors=True)
            self._own(self.root)
            self._bindir = within_reach(find(), self._user, self.root)
            self._initdb()
            undo.pop_all()

    def __enter__(self) -> Self:
        """Start the server."""
        with ExitStack() as undo:
            undo.push(self)
            self.start()
            undo.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the server and remove every file."""
        self.stop("immediate")
        shutil.rmtree(self.root, ignore_errors=True)

    def dsn(self, database: str = "postgres") -> str:
        """Return the address of a database over TCP."""
        return f"postgresql://{SUPERUSER}:{self._password}@127.0.0.1:{self.port}/{database}"

    @property
    def psql(self) -> str:
        """Return the terminal program that belongs to the server, if it has one."""
        program = self._bindir / "psql"
        return str(program) if program.exists() else "psql"

    def start(self) -> None:
        """Start the server and wait until it takes connections; its port stays the same.

        Only the first start takes another port, if somebody was faster to take the one found free.
        """
        for _ in range(1 if self._started else PORTS_TRIED):
            told = self._attempt()
            if told is None:
                self._started = True
                return
            if PORT_TAKEN not in told or self._started:
                break
            self.port = _free_port()
        raise ServerError(f"PostgreSQL did not start:\n{self.log_tail()}")

    def _attempt(self) -> str | None:
        """Start the server; returns what it logged if it did not start."""
        before = (self.root / "log").stat().st_size
        with (self.root / "log").open("ab") as log:
            self._process = self._spawn(
                "postgres",
                *("-D", self.root / "data", "-k", _quoted(self.root / "run"), "-p", str(self.port)),
                *("-c", "listen_addresses=127.0.0.1", "-c", "logging_collector=off"),
                *(part for n, v in self._settings.items() for part in ("-c", f"{n}={v}")),
                output=log.fileno(),
            )
        waiting = threading.Event()  # never set: a wait that can be interrupted
        for _ in range(int(START_TIMEOUT_S / POLL_S)):
            if self._process.poll() is not None:
                break
            if self._is_ready(self._process.pid):
                return None
            waiting.wait(POLL_S)
        self.stop("immediate")
        return (self.root / "log").read_bytes()[before:].decode(errors="replace")

    def stop(self, mode: str = "fast") -> None:
        """Stop the server: `fast` shuts down, `immediate` is a crash."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        for number in (MODES[mode], signal.SIGQUIT, signal.SIGKILL):
            process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_TIMEOUT_S)
                return

    def restart(self, mode: str = "fast") -> None:
        """Stop and start; the same port, the same data."""
        self.stop(mode)
        self.start()

    def log_tail(self, lines: int = 20) -> str:
        """Return the end of the server's log."""
        log = self.root / "log"
        text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def _initdb(self) -> None:
        password = self.root / "password"
        password.write_text(self._password, encoding="ascii")
        self._own(password)
        with (self.root / "log").open("wb") as log, ExitStack() as undo:
            initdb = self._spawn(
                "initdb",
                *("-D", self.root / "data", "-U", SUPERUSER, "-E", "UTF8", "--locale=C"),
                *("--auth=scram-sha-256", f"--pwfile={password}", "--no-sync"),
                output=log.fileno(),
            )
            undo.callback(_kill_group, initdb)
            initdb.wait()
            undo.pop_all()
        password.unlink()
        if initdb.returncode != 0:
            raise ServerError(f"initdb failed:\n{self.log_tail()}")
        (self.root / "run").mkdir(mode=0o700)
        self._own(self.root / "run")

    def _spawn(self, program: str, *args: str | Path, output: int) -> subprocess.Popen[bytes]:
        env = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
        return subprocess.Popen(
            [self._bindir / program, *args],
            cwd=self.root,
            env=env | {"LC_ALL": "C.UTF-8", "TZ": "UTC"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            preexec_fn=_before_exec(self._user),  # noqa: PLW1509  set before any thread runs in the child
        )

    def _is_ready(self, pid: int) -> bool:
        try:
            lines = (self.root / "data" / "postmaster.pid").read_text(encoding="utf-8").split("\n")
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"  # noqa: PLR2004

    def _own(self, path: Path) -> None:
        if self._user is not None:
            os.chown(path, self._user.pw_uid, self._user.pw_gid)


def _unprivileged() -> pwd.struct_passwd | None:
    """Return the user to become; None if we are nobody special already."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise ServerError("PostgreSQL does not run as root, and there is no user `nobody` to run it")


def _parent(user: pwd.struct_passwd | None) -> str:
    """Return where the private folder goes: the temp folder, if it is good for a server.

    A socket in it must have a short path, and the server's user must be able to reach it.
    """
    wanted = tempfile.gettempdir()
    socket_path = os.path.join(wanted, f"{PREFIX}12345678", "run", ".s.PGSQL.65535")  # noqa: PTH118  measured only
    reached = user is None or may_run(["/usr/bin/test", "-x", wanted], user)
    return wanted if reached and len(os.fsencode(socket_path)) <= LONGEST_SOCKET else SHORT


def _quoted(path: Path) -> str:
    """Return a folder as PostgreSQL's lists of folders need it, whatever is in its name."""
    return '"' + str(path).replace('"', '""') + '"'


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _before_exec(user: pwd.struct_passwd | None) -> Callable[[], None]:
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None  # loaded before the fork

    def become() -> None:
        os.setsid()
        if user is not None:
            os.setgroups([])
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)
        if libc is not None:  # after setuid, which clears it; SIGINT is a fast shutdown
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGINT)
        os.umask(0o077)

    return become


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
