"""Containers without an engine and without a registry: buildah and podman on a storage of our own.

Images that would come from a registry have stand-ins, made once of Debian's packages and kept in
the user's cache folder; the next run finds them there. What fails shows what it said.
"""

from __future__ import annotations

import os
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mediasweep"
RELEASE = "trixie"
STORAGE = """
[storage]
driver = "overlay"
graphroot = "{folder}/storage"
runroot = "{folder}/run"
"""
# runc and cgroupfs: they need no systemd on this side. The limits: nobody may raise them here.
PODMAN = ("podman", "--runtime", "runc", "--cgroup-manager", "cgroupfs")
LIMITS = ("--ulimit=nofile=4096:4096", "--ulimit=nproc=4096:4096")
# what an image has no use for, and the syncs that a thing to throw away can do without
LEAN = (
    *("--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*"),
    *("--dpkgopt=path-exclude=/usr/share/locale/*", "--dpkgopt=force-unsafe-io"),
    *("--aptopt=Acquire::Languages { none; }",),
)
PATH = "PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
# in the official image Python is called `python`, takes packages, and comes without its bytecode
LIKE_OFFICIAL = """
ln -sf /usr/bin/python3 /usr/local/bin/python
rm -f /usr/lib/python3*/EXTERNALLY-MANAGED
find /usr/lib/python3* -name __pycache__ -prune -exec rm -rf {} +
"""


class Containers:
    """The storage, and the two programs on it."""

    def __init__(self, folder: Path) -> None:
        """Make the folder; images in it outlast the process."""
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "storage.conf"
        config.write_text(STORAGE.format(folder=folder), encoding="utf-8")
        self.env = os.environ | {
            "CONTAINERS_STORAGE_CONF": str(config),
            "BUILDAH_ISOLATION": "chroot",
        }

    def buildah(self, *args: str | Path) -> str:
        """Run buildah to its end and return what it printed; a failure fails the test."""
        return self._done("buildah", *args).stdout.strip()

    def podman(self, *args: str | Path) -> str:
        """Run podman to its end and return what it printed; a failure fails the test."""
        return self._done(*PODMAN, *args).stdout.strip()

    def asked(self, *args: str | Path) -> subprocess.CompletedProcess[str]:
        """Run podman to its end and return how it ended, which may be badly."""
        return subprocess.run(
            [*PODMAN, *args], env=self.env, capture_output=True, text=True, check=False
        )

    def start(self, image: str, *options: str | Path, command: tuple[str, ...] = ()) -> str:
        """Start a container in the background and return its id."""
        return self.podman("run", "--detach", *LIMITS, *options, image, *command)

    def remove(self, container: str) -> None:
        """Kill a container, if it still runs, and forget it."""
        self.podman("rm", "--force", "--time", "0", container)

    def debian(self, image: str, *packages: str, then: str = "true") -> str:
        """Return the image, made of these packages and by this script unless it is there already.

        `image` is its whole name, as a Dockerfile has it. Other packages or another script make it
        anew.
        """
        recipe = sha256("\n".join((RELEASE, *packages, then)).encode()).hexdigest()
        known = self.asked("image", "inspect", "--format", '{{index .Labels "recipe"}}', image)
        if known.stdout.strip() == recipe:
            return image
        container = self.buildah("from", "scratch")
        try:
            root = self.buildah("mount", container)
            included = f"--include={','.join(packages)}"
            self._done("mmdebstrap", "--variant=minbase", *LEAN, included, RELEASE, root)
            self._done("chroot", root, "/bin/sh", "-euc", then)
            self.buildah("config", "--env", PATH, "--label", f"recipe={recipe}", container)
            self.buildah("commit", "--quiet", "--format", "docker", container, image)
        finally:
            self.buildah("rm", container)
        return image

    def _done(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(command, env=self.env, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.fail(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
        return done
