"""The style laws, as tests: each finding says what to write instead.

A law reads one file, (path, text), and yields its findings. The tree is walked rather than asked of
git, so that they hold in an archive too. A `~` in a sample keeps a law from finding this file.
"""

import ast
import contextlib
import functools
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
UNREAD = {"build", "dist", "node_modules", "__pycache__"}
VAGUE = {"util", "helper", "common", "base", "type", "constant", "manager"}
SQL = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH|CREATE|ALTER|DROP|LISTEN|NOTIFY|SET)\s+\S")
# The SDK raises bare Exception, so its room has to catch it; run.py is where a process ends.
BROAD = r"\bexcept\s*:|\b(except|suppress)\b[^:\n]*\b(Base)?Exception\b"
ROOMS = r"^(?!daemon/mediasweep/(run|cloudinary)\.py).*\.py$"
BULK = r"delete_(all_resources|resources_by_(prefix|tag))"
LEFT = r"\b(TO[D]O|FIX[M]E|XX[X])\b|\bbreakpoint\(\)|(?m:^<{7} )"
HOST = r"pypi\.org|pythonhosted\.|npmjs\.|-index[-]url|find[-]links"
DUMP = "schema/schema.sql"  # written by pg_dump
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
Law = Callable[[str, str], Iterator[str]]


def nodes(path: str, text: str) -> Iterator[ast.AST]:
    """Yield the syntax of a Python file, and nothing for other files."""
    yield from ast.walk(ast.parse(text)) if path.endswith(".py") else ()


def size(path: str, text: str) -> Iterator[str]:
    """Keep a file within 300 lines and a function within 70."""
    if path.endswith((".py", ".sql")) and path != DUMP and text.count("\n") > 300:
        yield f"{text.count(chr(10))} lines: split it by noun into files of at most 300"
    for node in nodes(path, text):
        if isinstance(node, FUNCTION) and (node.end_lineno or 0) - node.lineno >= 70:
            yield f"{node.name} is longer than 70 lines: give its steps functions of their own"


def docstrings(path: str, text: str) -> Iterator[str]:
    """Let every module and every test say what it is for."""
    for node in nodes(path, text):
        if isinstance(node, ast.Module) and not ast.get_docstring(node):
            yield "no docstring: say in a sentence what the module owns"
        if isinstance(node, FUNCTION) and node.name.startswith("test_"):
            said = ast.get_docstring(node) or ""
            if not said.endswith(".") or re.search(r"[.!?]\s+[A-Z]", said):
                yield f"{node.name}: its docstring says in one sentence what it proves"


def sql(path: str, text: str) -> Iterator[str]:
    """Keep SQL in .sql files; the emulator has no database."""
    tree = [*nodes(path, text)] if re.match("daemon/(?!.*/emulator/)", path) else []
    prose = {id(node.value) for node in tree if isinstance(node, ast.Expr)}
    for node in tree:
        if isinstance(node, ast.Constant) and id(node) not in prose and SQL.match(str(node.value)):
            yield f"line {node.lineno}: put the statement into the .sql file beside the module"


def vague(path: str, _text: str) -> Iterator[str]:
    """Name files after things."""
    if path.endswith(".py") and VAGUE & {p.removesuffix("s") for p in path[:-3].split("/")}:
        yield "name it after the thing it is about, in the product's words"


def pages(_path: str, text: str) -> Iterator[str]:
    """Send a reader only to pages that are there, in comments and in what the product says too."""
    for page in re.findall(r"\bdocs/[\w/-]+\.md\b", text):
        if not (ROOT / page).exists():
            yield f"{page} is not there: name the page that says it now"


def never(pattern: str, where: str, instead: str) -> Law:
    """Forbid a pattern in the files whose path matches."""

    def law(path: str, text: str) -> Iterator[str]:
        for found in re.finditer(pattern, text) if re.search(where, path) else ():
            yield f"line {text[: found.start()].count(chr(10)) + 1}, {found[0]!r}: {instead}"

    return law


LAWS: dict[str, Law] = {
    "size": size,
    "docstrings": docstrings,
    "sql": sql,
    "broad": never(BROAD, ROOMS, "name the errors you can plan for"),
    "vague": vague,
    "pages": pages,
    "sleep": never(r"\bsleep\(", r"^tests/.*\.py$", "await the event itself, with a deadline"),
    "ignore": never(r"#\s*type:\s*ignore(?!\[)", r"\.py$", "say which error: ignore[code]"),
    "bulk": never(BULK, r"^daemon/.*\.py$", "delete asset by asset, past the guard"),
    "left over": never(LEFT, "", "do it or drop it"),
    "local": never(r"(?<![\w.}~-])/(home|Users|root|work)/\w", "", "use a relative path"),
    "host": never(HOST, "", "name the package, not its host"),
    "voice": never(r"(?i)co-authored[-]by|language[ ]model", "", "sign as the authors"),
}
BROKEN: list[tuple[str, str, str]] = [  # a law, then a path and a text that break it
    ("size", "schema/a.sql", "\n" * 301),
    ("size", "tests/a.py", "async def f():\n" + "    g()\n" * 70),
    ("docstrings", "daemon/mediasweep/a.py", "a = 1"),
    ("docstrings", "tests/test_a.py", "'A.'\ndef test_a(): 'One. Two.'"),
    ("docstrings", "tests/test_a.py", "'A.'\nasync def test_a(): pass"),
    ("sql", "daemon/mediasweep/a.py", "a = f'SELECT 1 FROM {t}'"),
    ("broad", "daemon/mediasweep/http/run.py", "try: a\nexc~ept: pass"),
    ("broad", "tests/a.py", "try: a\nexc~ept (OSError, Exception): pass"),
    ("broad", "bench/a.py", "with contextlib.supp~ress(BaseException): a"),
    ("vague", "daemon/mediasweep/helpers/asset.py", ""),
    ("pages", "deploy/a.yaml", "# docs/~a.md says how"),
    ("sleep", "tests/a.py", "await asyncio.sle~ep(0)"),
    ("ignore", "tests/a.py", "a = b  # ty~pe: ignore"),
    ("bulk", "daemon/mediasweep/a.py", "api.delete_~all_resources()"),
    ("left over", "README.md", "TO~DO: more"),
    ("local", "README.md", "see /ho~me/ann/a.md"),
    ("host", "README.md", "see py~pi.org"),
    ("voice", "README.md", "Co-Authored~-By: B"),
]


@functools.cache
def files() -> tuple[tuple[str, str], ...]:
    """Return path and text of every text file of the project."""
    read: list[tuple[str, str]] = []
    for folder, folders, found in os.walk(ROOT):
        if "pyvenv.cfg" in found:  # somebody's virtual environment, whatever it is called
            folders.clear()
            continue
        folders[:] = [f for f in folders if f not in UNREAD and (f[0] != "." or f == ".ci")]
        for path in (Path(folder, name) for name in found if name[0] != "." and name != "uv.lock"):
            with contextlib.suppress(UnicodeDecodeError):
                read.append((path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")))
    return tuple(read)


@pytest.mark.parametrize("name", LAWS)
def test_no_file_breaks_the_law(name: str) -> None:
    """Every file of the project keeps the law."""
    assert not [f"{path}: {found}" for path, text in files() for found in LAWS[name](path, text)]


@pytest.mark.parametrize("name", LAWS)
def test_the_law_knows_a_fault_from_a_likeness(name: str) -> None:
    """A law finds what it forbids and lets pass what only looks like it."""
    broken = [(path, text.replace("~", "")) for law, path, text in BROKEN if law == name]
    assert broken
    assert all([*LAWS[name](path, text)] for path, text in broken)
    likeness = "'SET apart.'\ntry:\n    a = 'Select b'\nexcept OSError:\n    pg_sleep(1)"
    assert not [*LAWS[name]("tests/test_a.py", likeness), *LAWS[name]("daemon/a.py", likeness)]
