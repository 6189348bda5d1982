"""A temp folder of the test's own that a server's user can reach, in which nothing may be left."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.demo.traces import processes, wait_until_gone


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Make it the temp folder of this process, and of those that it starts."""
    made = Path(tempfile.mkdtemp(prefix="mediasweep-test-", dir="/tmp"))
    made.chmod(0o755)
    monkeypatch.setenv("TMPDIR", str(made))
    monkeypatch.setattr(tempfile, "tempdir", str(made))
    yield made
    for pid in processes(made):  # there are some if the test failed
        wait_until_gone(pid)
    shutil.rmtree(made)
