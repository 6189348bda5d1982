"""The demonstration, as its user runs it: it shows what it promises, and cleans up after itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mediasweep.demo.cloud_changes import STEPS
from mediasweep.demo.comparison import DIFFERENCES
from mediasweep.demo.scenes import SCENES
from tests.demo.traces import contents, processes, wait_until_gone

PROGRAM = (sys.executable, "-P", "-m", "mediasweep", "demo")
WITHIN_S = 50
UP = "Everything stays up"


@contextmanager
def demo(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run the demonstration until it ends, in a process group of its own."""
    env = os.environ | {"TMPDIR": str(folder), "COLUMNS": "80"}
    with subprocess.Popen(
        PROGRAM, env=env, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def read_until(process: subprocess.Popen[str], words: str) -> None:
    """Return when it has printed these words."""
    assert process.stdout is not None
    assert any(words in line for line in process.stdout), f"it ended before it said {words}"


def test_once_shows_every_scene_and_leaves_nothing(folder: Path) -> None:
    """Within a minute and 80 columns each scene of both directions is named and has ended as it
    should, a comparison has found its orphans and its ghost, and the self-test has passed.
    """
    ran = subprocess.run(
        [*PROGRAM, "--once"],
        env=os.environ | {"TMPDIR": str(folder), "COLUMNS": "80"},
        stdout=subprocess.PIPE,
        text=True,
        timeout=WITHIN_S,
        check=True,
    )
    lines = ran.stdout.splitlines()
    assert max(len(line) for line in lines) <= 80
    for scene in SCENES:
        file = scene.assets[0] if len(scene.assets) == 1 else "demo/bulk/*"
        row = next(line for line in lines if f" {file} " in line)
        assert ("completed" if scene.gone else "skipped") in row
        assert row.rstrip().endswith(" ms")
        assert set(scene.title.split()) <= set(ran.stdout.split()), "a word is broken"
    for step in STEPS:
        row = next(line for line in lines if f" {step.file} " in line and step.became in line)
        assert row.rstrip().endswith(" ms")
    for difference in DIFFERENCES:
        row = next(line for line in lines if f" {difference.file} " in line)
        assert f" {len(difference.names)} {difference.kind}" in row
    assert "in use by articles" in ran.stdout
    assert lines[-1] == "6 of 6 checks passed"
    assert contents(folder) == []
    assert processes(folder) == set()


@pytest.mark.parametrize(
    ("after", "number"),
    [
        ("Starting PostgreSQL", signal.SIGINT),
        ("Starting PostgreSQL", signal.SIGTERM),
        ("Uploaded", signal.SIGINT),
        (UP, signal.SIGTERM),
        (UP, signal.SIGHUP),
    ],
)
def test_a_signal_ends_it_and_leaves_nothing(
    folder: Path, after: str, number: signal.Signals
) -> None:
    """While it starts and while it is up, a signal to all of its group ends it without a trace."""
    with demo(folder) as process:
        read_until(process, after)
        os.killpg(process.pid, number)
        said, _ = process.communicate(timeout=WITHIN_S)
        assert process.returncode == 0
    assert "nothing is left behind" in said
    assert contents(folder) == []
    assert processes(folder) == set()


def test_a_second_signal_does_not_disturb_the_clean_up(folder: Path) -> None:
    """Somebody who presses Ctrl-C again and again, once both addresses stand there as lines to
    paste, gets a clean end, too.
    """
    with demo(folder) as process:
        read_until(process, "  export DATABASE_URL=postgresql://")
        read_until(process, "@demo?upload_prefix=http://127.0.0.1:")
        for _ in range(5):
            os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=WITHIN_S)
        assert process.returncode == 0
    assert contents(folder) == []
    assert processes(folder) == set()


def test_all_of_it_dies_when_it_is_killed(folder: Path) -> None:
    """Of a demonstration that is killed no process is left: Postgres, emulator and daemon go."""
    with demo(folder) as process:
        read_until(process, UP)
        started = processes(folder) - {process.pid}
        assert len(started) > 2
        process.kill()
        for pid in started:
            wait_until_gone(pid)
    assert processes(folder) == set()


def test_without_a_server_it_says_so_in_one_line(folder: Path) -> None:
    """Where there is no PostgreSQL server, the exit code is 1 and stderr a sentence."""
    ran = subprocess.run(
        PROGRAM,
        env=os.environ | {"TMPDIR": str(folder), "DEMO_PG_BINDIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert ran.stderr.startswith("mediasweep: there is no PostgreSQL server in ")
    assert ran.stderr.count("\n") == 1
    assert contents(folder) == []
