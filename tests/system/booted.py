"""A machine that systemd has booted: the files of this one, below an overlay that is thrown away.

What runs here does not run there, and nothing that is written there is seen here; the network is
the same. A command that fails shows what it said.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import pytest

from tests.daemons import ROOT, Daemon
from tests.system.containers import PODMAN, Containers

OPTIONS = (
    *(
        "--systemd=always",
        "--network=host",
        "--cap-add=SYS_ADMIN,SYS_PTRACE",
    ),  # it makes namespaces
    *("--security-opt=seccomp=unconfined", "--security-opt=apparmor=unconfined"),
    "--security-opt=unmask=ALL",
    *("--tmpfs=/tmp:notmpcopyup", "--tmpfs=/run:notmpcopyup"),
    f"--volume={ROOT}:{ROOT}:ro",  # wherever the checkout is: /tmp is hidden as well
    "--tmpfs=/usr/lib/postgresql:notmpcopyup",  # as on a machine without a server
)
# systemd hands out credentials by mounts, which have to propagate. The units of this machine stay
# off, and so do the one that would reach the kernel they share and the one that empties /tmp, where
# the checkout may be.
INIT = (
    *("sh", "-c", 'mount --make-rshared / && exec /lib/systemd/systemd "$@"', "init"),
    *("--unit=sysinit.target", "systemd.mask=systemd-sysctl.service"),
    "systemd.mask=systemd-tmpfiles-setup.service",
)
IS_UP = ("systemctl", "is-system-running", "--wait")
PASSED_ON = ("PIP_", "SSL_", "HTTP")  # how pip gets at packages here
SHOWN_WITHIN_S = 20.0


class Booted:
    """One such machine, from boot to removal."""

    def __init__(self, containers: Containers) -> None:
        self._containers = containers

    def __enter__(self) -> Self:
        """Boot it."""
        self._id = self._containers.start("/:O", *OPTIONS, "--rootfs", command=INIT)
        for _ in range(100):  # before it takes calls it refuses them; each try is a process
            if self._containers.asked("exec", self._id, *IS_UP).returncode == 0:
                return self
        said = self._containers.podman("logs", self._id)
        self._containers.remove(self._id)
        pytest.fail(f"it does not boot:\n{said}")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Switch it off and forget it."""
        self._containers.remove(self._id)

    def sh(self, script: str, *, code: int = 0) -> str:
        """Run a script as root, in the checkout, and return what it said, if it ended so."""
        passed = [f"--env={name}" for name in os.environ if name.upper().startswith(PASSED_ON)]
        inside = ("exec", *passed, f"--workdir={ROOT}", self._id)
        bash = ("bash", "-euo", "pipefail", "-c", f"{{ {script}\n}} 2>&1")
        done = self._containers.asked(*inside, *bash)
        if done.returncode != code:
            log = self._containers.asked(*inside, "journalctl", "--lines=40").stdout
            pytest.fail(f"{script}\nended with {done.returncode}\n{done.stdout}{done.stderr}{log}")
        return done.stdout

    def write(self, path: str, text: str) -> None:
        """Write a file, and its folders, for root only."""
        self.sh(f"install -D -m 0600 <(printf %s {shlex.quote(text)}) {path}")

    def shown(self, *names: str) -> list[str]:
        """Return properties of the unit, as systemd knows them."""
        asked = (f"systemctl show mediasweep --value -p {name}" for name in names)
        return self.sh("\n".join(asked)).splitlines()

    async def until_shown(self, name: str, fits: Callable[[str], bool]) -> str:
        """Return a property once it fits."""
        async with asyncio.timeout(SHOWN_WITHIN_S):
            while True:
                [value] = await asyncio.to_thread(self.shown, name)
                if fits(value):
                    return value

    async def journal(self) -> Daemon:
        """Follow what the unit logs from now on; lines of systemd are of the event `text`."""
        now = f"--since=@{time.time():.6f}"  # which the beginning of journalctl is not
        follow = f"exec journalctl --unit=mediasweep --output=cat {now} --no-tail --follow >&2"
        process = await asyncio.create_subprocess_exec(
            *(*PODMAN, "exec", self._id, "sh", "-c", follow),
            env=self._containers.env,
            stderr=asyncio.subprocess.PIPE,
        )
        return Daemon(process)
