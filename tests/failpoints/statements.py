"""The steps inside the database, read off the function files.

A step is a statement of a PL/pgSQL function that writes, locks, or calls a function of ours, in
every function that what the daemon's steps call leads to. (A function in SQL is one statement, and
stands where it is called; one that is STABLE or IMMUTABLE cannot write, and whoever dies in it has
done nothing; the guard is a step all the same.) `armed` returns such a function
with a call in front of each step and behind it; it is put in the place of the real one in the
test's own database only.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.failpoints.steps import PACKAGE, SIDES, steps

FUNCTIONS = Path(__file__).parents[2] / "schema" / "functions"
FORMER = "previous.sql"  # what daemons of the release before call, and no step of ours
GENERATED = {"uses"}  # by build(), and it only reads
DEFINITION = re.compile(
    r"^CREATE OR REPLACE FUNCTION mediasweep\.(\w+)\(.*?\nAS \$\$(.*?)\$\$;",
    re.DOTALL | re.MULTILINE,
)
TOKEN = re.compile(
    r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\$(\w*)\$.*?\$\1\$|\"[^\"]*\"|\w+|\s+|.", re.DOTALL
)
WRITES = re.compile(
    r"\b(INSERT) INTO mediasweep\.(\w+)|\b(UPDATE) mediasweep\.(\w+)"
    r"|\b(DELETE) FROM mediasweep\.(\w+)"
    r"|mediasweep\.(\w+)\s*\(|\b(FOR UPDATE)\b"
)
HEADER = {"IF", "ELSIF", "FOR", "FOREACH", "WHILE", "EXCEPTION", "WHEN"}
NOTHING_BEHIND = {"RETURN", "EXIT", "CONTINUE", "RAISE"}
NOTHING_IN_FRONT = {"ELSIF", "EXCEPTION", "WHEN"}
REACH = " ASSERT failpoint.reach('{}'); "  # leaves FOUND and ROW_COUNT as they are


@dataclass(frozen=True, slots=True)
class Function:
    """One function as its file has it; `body` lies at `start` of `text`."""

    name: str
    text: str
    body: str

    @property
    def is_sql(self) -> bool:
        """Tell whether it is one statement."""
        return "LANGUAGE sql" in self.text.split("AS $$")[0]

    @property
    def only_reads(self) -> bool:
        """Tell whether Postgres keeps it from writing and locking."""
        return re.search(r"\b(STABLE|IMMUTABLE)\b", self.text.split("AS $$")[0]) is not None


@functools.cache
def functions() -> dict[str, Function]:
    """Return the functions of the function files, by name."""
    found = {}
    for path in sorted(FUNCTIONS.glob("*.sql")):
        text = path.read_text(encoding="utf-8")
        for match in DEFINITION.finditer(text) if path.name != FORMER else ():
            if match[1] in found:
                raise NotImplementedError(f"{match[1]} is defined twice: name the second one apart")
            found[match[1]] = Function(match[1], match[0], match[2])
    return found


@dataclass(frozen=True, slots=True)
class Statement:
    """A piece of a body, [start, end); `first` is its first word."""

    start: int
    end: int
    first: str


def _pieces(body: str) -> Iterator[Statement]:
    """Yield the statements of a body; the head of a block or loop is one of its own.

    Those before the first BEGIN are declarations.
    """
    start, first, depth, cases = 0, "", 0, 0
    for token in TOKEN.finditer(body):
        said = token[0]
        if said.isspace() or said.startswith(("--", "/*")):
            continue
        word = said.upper()
        if not first:
            start, first = token.start(), word
        depth += (said == "(") - (said == ")")
        cases += (word == "CASE") - (word == "END" and cases > 0 and first != "END")
        if depth or cases:
            continue
        ends_head = word in {"THEN", "LOOP"} and first in HEADER
        if said == ";" or ends_head or first in {"BEGIN", "ELSE", "LOOP", "DECLARE"}:
            yield Statement(start, token.end(), first)
            first = ""


def _labels(text: str) -> list[str]:
    """Return what a statement does that makes it a step."""
    bare = "".join(t[0] for t in TOKEN.finditer(text) if not t[0].startswith(("--", "/*", "'")))
    labels = []
    for match in WRITES.finditer(bare):
        verb, of = next(filter(None, match.groups())), match[match.lastindex or 0]
        if match[7]:
            called = functions().get(of)
            labels += [of] if of in GENERATED or (called and not called.only_reads) else []
        elif match[8]:
            labels.append("LOCK")
        else:
            labels.append(f"{verb} {of}")
    return list(dict.fromkeys(labels))


def _read(function: Function) -> tuple[list[str], str]:
    """Return the points of a function, and its body with a call at each."""
    points: list[str] = []
    seen: list[str] = []
    inserts: dict[int, str] = {}
    begun, declared = False, ""
    for piece in _pieces(function.body):
        labels = _labels(function.body[piece.start : piece.end])
        name = f"{function.name}:{'+'.join(labels)}"
        seen += [name] if labels else []
        name += f"#{seen.count(name)}" if seen.count(name) > 1 else ""
        before, after = (f"{name}:{side}" for side in SIDES)
        if not begun and piece.first == "BEGIN":
            begun, inserts[piece.end] = True, declared
        elif labels and not begun:
            points.append(after)
            declared += REACH.format(after)
        elif labels:
            if piece.first not in NOTHING_IN_FRONT:
                points.append(before)
                inserts[piece.start] = inserts.get(piece.start, "") + REACH.format(before)
            if piece.first not in NOTHING_BEHIND:
                points.append(after)
                inserts[piece.end] = inserts.get(piece.end, "") + REACH.format(after)
    body = function.body
    for at in sorted(inserts, reverse=True):
        body = body[:at] + inserts[at] + body[at:]
    return points, body


def _called_by_the_daemon() -> Iterator[str]:
    """Yield the functions that the statements behind the daemon's steps call."""
    methods = {step.rpartition(".")[2].partition("#")[0] for step in steps()}
    for path in sorted((PACKAGE / "postgres").glob("*.py")):
        for method in re.split(r"\n    async def |\ndef |\nasync def ", path.read_text("utf-8")):
            name = method.partition("(")[0]
            for key in re.findall(r'SQL\["(\w+)"\]', method) if name in methods else ():
                sql = path.with_suffix(".sql").read_text(encoding="utf-8")
                statement = sql.partition(f"-- name: {key}\n")[2].partition("-- name:")[0]
                yield from re.findall(r"mediasweep\.(\w+)\s*\(", statement)


@functools.cache
def reached() -> list[Function]:
    """Return the functions that the daemon's steps lead to."""
    found: dict[str, Function] = {}
    left = list(_called_by_the_daemon())
    while left:
        name = left.pop()
        if name in functions() and name not in found:
            found[name] = functions()[name]
            left += _labels(found[name].body)
    return [found[name] for name in sorted(found)]


def points() -> list[str]:
    """Return the points inside the database: `function:what it does:side`."""
    return [point for function in reached() if not function.is_sql for point in _read(function)[0]]


def armed() -> list[str]:
    """Return the definitions that say when they come to a point."""
    return [f.text.replace(f.body, _read(f)[1]) for f in reached() if not f.is_sql]
