"""Whether another daemon of this machine is gone, as far as /proc tells."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mediasweep.loops import predecessor
from mediasweep.loops.predecessor import identity, is_gone


def test_one_that_runs_is_there_and_one_that_ended_is_not() -> None:
    """The same process is not gone, another one under its number or none at all is."""
    here = identity()
    assert not is_gone(here, here)
    assert is_gone(here | {"started": here["started"] + 1}, here)
    ended = subprocess.Popen(["true"])
    ended.wait()
    assert is_gone(here | {"pid": ended.pid}, here)


def test_where_proc_hides_others_only_one_that_ended_is_gone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A process that is not to be seen, as under `ProtectProc=invisible`, may be alive."""
    here = identity()
    ended = subprocess.Popen(["true"])
    ended.wait()
    monkeypatch.setattr(predecessor, "PROC", tmp_path)
    assert not is_gone(here, here)
    assert not is_gone(here | {"pid": 1}, here)  # which may not be signalled by everybody, either
    assert is_gone(here | {"pid": ended.pid}, here)


def test_one_of_another_kernel_or_namespace_is_never_said_to_be_gone() -> None:
    """Numbers of processes mean nothing elsewhere."""
    here = identity()
    for name in ("boot", "namespace"):
        assert not is_gone(here | {name: "other", "started": 0}, here)
    assert not is_gone({}, here)
    assert not is_gone(here, {})
