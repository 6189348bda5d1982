"""`python -m tests.model`: explores every configuration and prints a table of states and seconds.

With the name of a configuration that violates a property: prints the steps that lead there.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from tests.model.checker import build, explore, missing, story
from tests.model.configurations import BROKEN, SAFE, WINDOWS


def _say(*cells: object) -> None:
    sys.stdout.write(f"| {' | '.join(str(cell) for cell in cells)} |\n")
    sys.stdout.flush()


def main() -> int:
    """Return 0 if every configuration found what it is there to find."""
    if reason := missing():
        sys.stderr.write(f"{reason}\n")
        return 1
    if len(sys.argv) > 1:
        return _tell(sys.argv[1])
    return _table()


def _tell(name: str) -> int:
    """Print a short way to the violation; 2: there is no such configuration."""
    found = [one.lacking for one in (*BROKEN, *WINDOWS) if one.name == name]
    if not found:
        sys.stderr.write(f"no such configuration: {name!r}; python -m tests.model lists them\n")
        return 2
    with tempfile.TemporaryDirectory() as folder:
        checker = build(Path(folder))
        explore(checker, found[0], "-i")  # looks for ever shorter ways
        for number, step in enumerate(story(checker, found[0]), 1):
            sys.stdout.write(f"{number:2} {step}\n")
    return 0


def _table() -> int:
    """Print one row for each configuration, as it is done."""
    configurations = [
        *((one, "holds") for one in SAFE),
        *((one.lacking, one.lacking.checks) for one in (*BROKEN, *WINDOWS)),
    ]
    started, as_expected = time.monotonic(), True
    with tempfile.TemporaryDirectory() as folder:
        checker = build(Path(folder))
        _say("configuration", "result", "states", "CPU seconds")
        _say("---", "---", "---", "---")
        for configuration, expected in configurations:
            found = explore(checker, configuration)
            holds = found.complete and not found.errors
            as_expected &= holds == (expected == "holds")
            result = "holds" if holds else f"violates {expected}" if found.errors else "cut short"
            _say(configuration.name, result, f"{found.states:,}", f"{found.cpu_s:.2f}")
    sys.stdout.write(f"\n{time.monotonic() - started:.1f} s, compiling included\n")
    return 0 if as_expected else 1


if __name__ == "__main__":
    sys.exit(main())
