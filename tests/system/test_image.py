"""The image, built from the Dockerfile and run by the commands of the manual.

`docker` is podman, which takes the same words; Python's official image has a stand-in of Debian's.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from asyncio import to_thread
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from mediasweep import __version__
from mediasweep.emulator.client import Cloud
from mediasweep.postgres.pool import Connection as Db
from tests.daemons import INSERT_ASSETS, ROOT, finished
from tests.pages import MANUAL, blocks
from tests.ports import free_port
from tests.system.containers import LIMITS, PODMAN, Containers

pytestmark = pytest.mark.timeout(300)  # the first one makes the stand-in, and the image
ROWS = 5_000
LIMIT_MIB = 192
IMAGE = f"mediasweep:{__version__}"
# What is given besides is for this host: certificates by which pip knows its index, limits, the
# network in which the test's servers listen, settings of the test.
DOCKER = f"""#!/bin/sh
set -eu
verb=$1; shift
case $verb in
build) exec buildah bud --quiet --pull-never --format docker \\
  --volume /etc/ssl/certs:/etc/ssl/certs:ro "$@" ;;
run) exec {shlex.join(PODMAN)} run {shlex.join(LIMITS)} --network host --read-only-tmpfs=false \\
  --env 'MEDIASWEEP_*' "$@" ;;
*) exec {shlex.join(PODMAN)} "$verb" "$@" ;;
esac
"""
# modules that are compiled whenever they are imported, because nobody can write their bytecode
UNCOMPILED = """
import os, sys, mediasweep.run, mediasweep.cli.liveness
cached = {name: getattr(module, "__cached__", None) for name, module in sys.modules.items()}
print([name for name, path in cached.items() if path and not os.path.exists(path)])
"""


class Docker:
    """The commands of the manual, run as its reader would."""

    def __init__(self, containers: Containers, folder: Path) -> None:
        """Put a `docker` where a shell finds it first, and build the image."""
        self._port = str(free_port())
        self.name = f"mediasweep-{self._port}"
        self.containers = containers
        (folder / "docker").write_text(DOCKER, encoding="utf-8")
        (folder / "docker").chmod(0o755)
        self._path = f"{folder}{os.pathsep}{os.environ['PATH']}"
        shown = [block.text for block in blocks(*MANUAL) if block.text.startswith("docker ")]
        build, self.migrate, self.run, self.stop = shown
        self(build)

    def __call__(self, text: str, **env: str) -> str:
        """Run a block of the manual, with a port and a name of the test's own, to its end."""
        own = re.sub(r"(--name|exec|stop) mediasweep\b", rf"\1 {self.name}", text)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", own.replace("8080", self._port)],
            env=self.containers.env | {"PATH": self._path} | env,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{own}\n{done.stdout}{done.stderr}"
        return done.stdout

    def told(self, form: str) -> str:
        """Return what podman knows of the container."""
        return self.containers.podman("container", "inspect", "--format", form, self.name)

    def peak_mib(self) -> float:
        """Return the largest resident size of the daemon so far."""
        status = Path(f"/proc/{self.told('{{.State.Pid}}')}/status").read_text(encoding="ascii")
        return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024


@pytest.fixture(scope="module")
def docker(
    containers: Containers, python_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Docker]:
    """Give the manual's `docker`, once it has built the image from the stand-in."""
    assert python_image in (ROOT / "Dockerfile").read_text("utf-8").replace("${PYTHON}", "3.13")
    docker = Docker(containers, tmp_path_factory.mktemp("bin"))
    yield docker
    containers.podman("rm", "--force", "--ignore", docker.name)
    containers.podman("rmi", "--force", IMAGE)


async def test_the_manuals_daemon_drains_a_queue_in_its_limits(
    docker: Docker, blank_database: str, cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    """It migrates, deletes thousands of rows, is healthy, and stops with 0 when it is told to."""
    env = {"DATABASE_URL": blank_database, "CLOUDINARY_URL": cloud.url}
    env["MEDIASWEEP_API_TOKEN"] = "x" * 22
    await to_thread(docker, f"{docker.migrate.strip()} --with-library", **env)
    await to_thread(cloud.fill, "a", ROWS)
    db = await asyncpg.connect(blank_database)
    await db.execute(INSERT_ASSETS, "a", ROWS)
    await to_thread(docker, docker.run, **env, MEDIASWEEP_BRAKE_FLOOR=str(10 * ROWS))
    await db.execute("DELETE FROM media_assets")
    assert await finished(db, within_s=60) == {"completed": ROWS}
    await db.close()
    docker.containers.podman("healthcheck", "run", docker.name)
    peak = docker.peak_mib()
    assert peak < LIMIT_MIB
    said = await to_thread(docker, docker.stop)
    assert f"rows:     {ROWS:,} completed" in said
    assert docker.told("{{.State.ExitCode}} {{.State.OOMKilled}}") == "0 false"
    log = docker.containers.asked("logs", docker.name)
    assert json.loads((log.stdout + log.stderr).splitlines()[-1])["event"] == "daemon_stopped"
    size = docker.containers.podman("image", "inspect", "--format", "{{.Size}}", IMAGE)
    with capsys.disabled():
        sys.stdout.write(
            f"\nimage: {int(size) / 1e6:.0f} MB; daemon, {ROWS} rows: {peak:.0f} MiB\n"
        )


def test_the_image_needs_no_shell_no_root_and_no_bytecode(docker: Docker) -> None:
    """All that starts in it is a program, as a user with a number, and compiled before."""
    (image,) = json.loads(docker.containers.podman("image", "inspect", IMAGE))
    config = image["Config"]
    assert (config["Entrypoint"], config["Cmd"]) == (["mediasweep"], ["run"])
    assert image["Healthcheck"]["Test"] == ["CMD", "mediasweep", "status", "--probe"]
    assert (config["User"], config["StopSignal"]) == ("10001:10001", "SIGTERM")
    said = docker(f"docker run --rm --entrypoint python {IMAGE} -c {shlex.quote(UNCOMPILED)}")
    assert said == "[]\n"


async def test_a_secret_is_found_under_its_name(
    docker: Docker, database: str, db: Db, tmp_path: Path
) -> None:
    """A file in /run/secrets is a setting; and a user who is only a number has a name enough."""
    (tmp_path / "url").write_text(database, encoding="utf-8")
    mount = f"--volume {tmp_path}/url:/run/secrets/DATABASE_URL:ro"
    await to_thread(docker, f"docker run --rm --read-only {mount} {IMAGE} pause --reason moving")
    gate = await db.fetchrow("SELECT g.reason, g.closed_by FROM mediasweep.gate g")
    assert gate is not None
    assert (gate["reason"], gate["closed_by"].split("@")[0]) == ("moving", "10001")
