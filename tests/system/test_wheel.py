"""What is built is whole: the wheel, and the sdist from which the same wheel can be built."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

from mediasweep import __version__
from tests.daemons import ROOT

INFO = f"mediasweep-{__version__}.dist-info"


def _files(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_wheel_has_the_package_and_the_schema_and_nothing_else(wheel: Path) -> None:
    """Each file of both folders is in it as it stands here."""
    folders = {"mediasweep": ROOT / "daemon/mediasweep", "mediasweep/schema": ROOT / "schema"}
    expected = {
        f"{name}/{path.relative_to(folder).as_posix()}": path.read_bytes()
        for name, folder in folders.items()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    packed = {name: text for name, text in _files(wheel).items() if not name.startswith(INFO)}
    assert packed == expected
    assert "mediasweep/py.typed" in packed


def test_the_wheel_says_what_it_is(wheel: Path) -> None:
    """An index, and whoever looks into it, finds version, licence, README and the command."""
    files = _files(wheel)
    said = message_from_bytes(files[f"{INFO}/METADATA"])
    assert (said["Name"], said["Version"]) == ("mediasweep", __version__)
    assert (said["License-Expression"], said["Requires-Python"]) == ("MIT", ">=3.11")
    assert said["Description-Content-Type"] == "text/markdown"
    readme = (ROOT / "README.md").read_bytes()
    assert files[f"{INFO}/METADATA"].partition(b"\n\n")[2] == readme
    assert files[f"{INFO}/licenses/LICENSE"] == (ROOT / "LICENSE").read_bytes()
    assert b"mediasweep = mediasweep.cli:main" in files[f"{INFO}/entry_points.txt"]


def test_the_same_wheel_comes_out_of_the_sdist(wheel: Path, tmp_path: Path) -> None:
    """Whoever has only the sdist builds the wheel to the byte, and has the tests and the unit."""
    with tarfile.open(wheel.with_name(f"mediasweep-{__version__}.tar.gz")) as archive:
        archive.extractall(tmp_path, filter="data")
    source = tmp_path / f"mediasweep-{__version__}"
    assert (source / "tests/system/test_wheel.py").exists()
    assert (source / "deploy/systemd/mediasweep.service").exists()
    build = (sys.executable, "-m", "hatchling", "build", "--target", "wheel")
    subprocess.run(build, cwd=source, check=True, capture_output=True)
    assert _files(source / "dist" / wheel.name) == _files(wheel)
