"""`tests/system/install` keeps its word."""

import subprocess
from pathlib import Path

INSTALL = Path(__file__).with_name("install")


def test_an_installed_machine_needs_nothing() -> None:
    """A second run finds every program, so it installs nothing and says nothing."""
    done = subprocess.run([INSTALL], capture_output=True, text=True, check=True)
    assert done.stdout + done.stderr == ""


def test_a_machine_without_the_programs_is_told_which(tmp_path: Path) -> None:
    """Where nothing can be installed, it fails and names the packages."""
    for tool in ("bash", "cat", "env", "id"):
        (tmp_path / tool).symlink_to(Path("/usr/bin") / tool)
    text = INSTALL.read_text().replace("/usr/sbin:/sbin", "/nonexistent")
    done = subprocess.run(
        ["/usr/bin/bash", "-c", text],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "pgbouncer" in done.stderr
