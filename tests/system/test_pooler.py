"""Behind a transaction pooler: noticed, said, worked around; with a direct address all is well."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from asyncio import to_thread
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from mediasweep.emulator.client import Cloud
from mediasweep.postgres.pool import Connection as Db
from tests.commands import mediasweep
from tests.daemons import INSERT_ASSETS, ROOT, environment, finished, spawn
from tests.ports import free_port

CONFIG = """
[databases]
* = host={host} port={port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
pool_mode = transaction
auth_type = any
unix_socket_dir =
logfile = {folder}/log
pidfile = {folder}/pid
"""

SERIALIZABLE = """
DO $$ BEGIN
  EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = serializable',
                 current_database());
  PERFORM pg_terminate_backend(a.pid)  -- the pooler's, which have the old default
     FROM pg_stat_activity a WHERE a.datname = current_database() AND a.pid <> pg_backend_pid();
END $$
"""


@pytest.fixture
def pooled(database: str, tmp_path: Path) -> Iterator[str]:
    """Give the address of the test's database by way of pgbouncer in transaction mode."""
    direct = urlsplit(database)
    port = free_port()
    database_line = f"* = host={direct.hostname} port={direct.port} user={direct.username}"
    config = CONFIG.replace("* = host={host} port={port}", database_line + " password={password}")
    ini = tmp_path / "pgbouncer.ini"
    ini.write_text(config.format(password=direct.password, listen=port, folder=tmp_path))
    subprocess.run(["chown", "-R", "postgres", tmp_path], check=True)
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(folder.stat().st_mode | 0o011)
    process = subprocess.Popen(
        ["/usr/sbin/pgbouncer", "-q", ini],
        user="postgres",
        group="postgres",
        extra_groups=[],
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for_port(port, process)
        yield database.replace(f":{direct.port}/", f":{port}/")
    finally:
        process.terminate()
        process.wait()


def _wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        assert process.poll() is None, "pgbouncer ended"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.05)
        else:
            return
    pytest.fail("pgbouncer does not answer")


async def test_a_daemon_behind_a_transaction_pooler_says_so_and_polls(
    pooled: str, db: Db, cloud: Cloud
) -> None:
    """It names the setting that mends it, is not deceived by its own canary, and deletes anyway."""
    await to_thread(cloud.fill, "a", 300)
    await db.execute(INSERT_ASSETS, "a", 300)
    daemon = await spawn(environment(pooled, cloud.url))
    down = await daemon.seen("listener_down")
    assert "set MEDIASWEEP_LISTEN_URL" in down["reason"]
    await db.execute("DELETE FROM media_assets")
    assert await finished(db) == {"completed": 300}
    assert daemon.count("listener_up") == 0
    assert await daemon.stop() == 0


async def test_a_direct_address_for_listening_mends_it(
    database: str, pooled: str, db: Db, cloud: Cloud
) -> None:
    """With MEDIASWEEP_LISTEN_URL the work goes through the pooler and the listener does not."""
    await to_thread(cloud.fill, "a", 300)
    await db.execute(INSERT_ASSETS, "a", 300)
    daemon = await spawn(environment(pooled, cloud.url, MEDIASWEEP_LISTEN_URL=database))
    await daemon.seen("listener_up")
    await db.execute("DELETE FROM media_assets")
    assert await finished(db) == {"completed": 300}
    assert await daemon.stop() == 0


async def test_the_doctor_knows_a_transaction_pooler(
    database: str, pooled: str, db: Db, cloud: Cloud
) -> None:
    """It names the setting that mends it, and is content with it."""
    told = await mediasweep(environment(pooled, cloud.url), "doctor")
    assert (told.code, "DATABASE_URL leads through a transaction pooler" in told.out) == (1, True)
    assert "MEDIASWEEP_LISTEN_URL" in told.out
    env = environment(pooled, cloud.url, MEDIASWEEP_LISTEN_URL=database)
    assert "pooler" not in (await mediasweep(env, "doctor")).out
    await db.execute(SERIALIZABLE)
    assert "claims need READ COMMITTED" in (await mediasweep(env, "doctor")).out


async def test_migrate_refuses_a_pooler(pooled: str, cloud: Cloud) -> None:
    """Its lock would stay behind in the pooler: exit 3, and the setting that mends it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "mediasweep", "migrate"),
        env=environment(pooled, cloud.url),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        _, said = await process.communicate()
    assert process.returncode == 3
    assert "set MEDIASWEEP_LISTEN_URL" in said.decode()
