"""Spin's part: compiles the model once, then explores one configuration after the other.

Owns a folder in which the checker stands. A configuration reaches it through the environment, so
nothing is compiled again. Where spin or gcc refuse, it fails with what they said; an exploration
that ends early is a result whose `complete` is false.
"""

from __future__ import annotations

import re
import resource
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

MODEL = Path(__file__).resolve().parents[2] / "model" / "deletion.pml"
DEFINED = re.compile(r"^#define ([A-Z_]+) (\d+) +/\*", re.MULTILINE)
SAFETY = "-DSAFETY"  # states only
CYCLES = "-DNP"  # whether a run can go on for ever
DEPTH = 100_000  # steps; the longest run has a few hundred
HASH = 20  # 2**20 entries to begin with; it grows


def missing() -> str | None:
    """Return what to do before the model can be explored, or None if everything is there."""
    if all(shutil.which(program) for program in ("spin", "gcc")):
        return None
    return "the model needs spin and gcc: apt-get install spin gcc"


def _numbers(heading: str) -> dict[str, int]:
    """Return the names that the model defines under a heading, with their numbers."""
    _, _, rest = MODEL.read_text(encoding="utf-8").partition(f"/* {heading}")
    return {name: int(number) for name, number in DEFINED.findall(rest.partition("\n\n")[0])}


RULES = _numbers("The rules")
PROPERTIES = _numbers("The properties")
FACTS = _numbers("The world")
BUDGETS = {*re.findall(r'given\("(\w+)"\)', MODEL.read_text("utf-8"))}
AT_FIRST = {"refs": "1", "releases": "1"}


@dataclass(frozen=True)
class Configuration:
    """What is explored: the world, how often what happens, what is checked, and a rule left out.

    Each is a text of names from the model, a budget of `name=times`.
    """

    name: str
    world: str
    budget: str
    checks: str = " ".join(PROPERTIES)
    without: str = ""

    def environment(self) -> dict[str, str]:
        """Return what the checker reads when it starts."""
        budget = dict(item.split("=") for item in self.budget.split())
        assert budget.keys() <= BUDGETS, f"the model has no such budget: {self.budget}"
        bits = {
            "removed": sum(1 << RULES[rule] for rule in self.without.split()),
            "checks": sum(1 << PROPERTIES[name] for name in self.checks.split()),
            "worlds": sum(1 << FACTS[fact] for fact in self.world.split()),
        }
        return AT_FIRST | budget | {name: str(number) for name, number in bits.items()}


@dataclass(frozen=True)
class Found:
    """What an exploration found; `complete`: every state was visited, and no limit was met."""

    errors: int
    complete: bool
    states: int
    cpu_s: float
    said: str


def build(folder: Path, what: str = SAFETY) -> Path:
    """Compile the model in `folder`, with `what` to look for, and return the checker."""
    checker = folder / f"pan{what}"
    _make(folder, "spin", "-a", str(MODEL))
    _make(folder, *("gcc", "-O1", "-w", what, "-DMEMLIM=2048", "-o", str(checker), "pan.c"))
    return checker


def _make(folder: Path, *command: str) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}{done.stderr}"


def explore(checker: Path, configuration: Configuration, *options: str) -> Found:
    """Visit the states of a configuration, until an error or the end."""
    before_s = _cpu_s()
    # -E: a process that waits for ever is no error in itself, -n: no list of unreached lines
    said = _run(checker, configuration, f"-m{DEPTH}", f"-w{HASH}", "-E", "-n", *options)
    cpu_s = _cpu_s() - before_s
    errors = re.search(r"errors: (\d+)", said)
    states = re.search(r"([\d.e+]+) states, stored", said)
    assert errors, f"the checker did not come to an end: {said}"
    assert states, said
    return Found(int(errors[1]), _complete(said), int(float(states[1])), cpu_s, said)


def story(checker: Path, configuration: Configuration) -> list[str]:
    """Return the steps to the error that was found last, in words."""
    said = _run(checker, configuration, "-r", f"{MODEL.name}.trail")
    return re.findall(r"(?m)^ *> (.+)$", said)


def _run(checker: Path, configuration: Configuration, *options: str) -> str:
    done = subprocess.run(
        [checker, *options],
        cwd=checker.parent,
        env=configuration.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def _cpu_s() -> float:
    """Return the CPU time of this process's children so far; a busy machine changes it little."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _complete(said: str) -> bool:
    """Tell whether the whole state space was searched, and for what was to be checked."""
    limits = ("not completed", "too small", "out of memory", "reached -DMEMLIM", "aborted")
    return "Full statespace search" in said and not any(limit in said for limit in limits)
