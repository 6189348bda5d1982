"""The steps of the daemon, read off its code: each call that leaves the process, by its place.

A step is an awaited call, an `async with` over a call, or any mention of a coroutine of what speaks
to Postgres or Cloudinary, in the modules that carry the path. Calls of the module's own coroutines
are none, because their inside is read too; nor is what only waits within the process (`INSIDE`).
A step that does not fit this is found all the same, as a step that no case knows.

`install` makes the modules say, in this process, when they come to a step: the code is compiled
with a call around each. Nothing of it is in the code that ships.
"""

from __future__ import annotations

import ast
import functools
import importlib.abc
import importlib.machinery
import importlib.util
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

PACKAGE = Path(__file__).parents[2] / "daemon" / "mediasweep"
# nothing is deleted by reconcile.py, and tests/reconcile/test_resume.py strikes its steps
APART = {"__init__.py", "reconcile.py"}
MODULES = [
    *(path for path in sorted((PACKAGE / "loops").glob("*.py")) if path.name not in APART),
    PACKAGE / "daemon.py",
    PACKAGE / "postgres" / "migrate.py",
    PACKAGE / "postgres" / "asleep.py",
    PACKAGE / "postgres" / "wake.py",
]
OUTSIDE = [*sorted((PACKAGE / "postgres").glob("*.py")), PACKAGE / "cloudinary.py"]
# what waits for this process only, or runs a loop that is read here itself
INSIDE = {
    "asleep.give",
    "asleep.take",
    "free.wait",
    "heard.wait",
    "heartbeat.once",
    "inbox.get",
    "lost.wait",
    "outage.until_it_works",
    "outbox.get",
    "pulse",
    "room.wait",
    "second_look.once",
    "settled.wait",
    "slots.take",
    "stopping.wait",
    "wake.arm",
    "wake.disarm",
    "wake.run",
}
SIDES = ("before", "after")
CALL, CONTEXT = "_failpoint_call", "_failpoint_context"


class Reader(ast.NodeTransformer):
    """Finds the steps of one module, and puts a call around each."""

    def __init__(self, module: str) -> None:
        self.steps: list[str] = []
        self.inside: set[str] = set()
        self._module = module
        self._own: set[str] = set()
        self._within: list[ast.AsyncFunctionDef] = []
        self._done: set[ast.AST] = set()

    def visit_Module(self, node: ast.Module) -> ast.AST:
        """Read a module; its own functions are known from then on."""
        defined = (ast.FunctionDef, ast.AsyncFunctionDef)
        self._own = {inner.name for inner in ast.walk(node) if isinstance(inner, defined)}
        self.generic_visit(node)
        return ast.fix_missing_locations(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        """Read a coroutine."""
        self._within.append(node)
        self.generic_visit(node)
        self._within.pop()
        return node

    def visit_Await(self, node: ast.Await) -> ast.AST:
        """Take an awaited call."""
        if isinstance(node.value, ast.Call):
            node.value.func = self._take(node.value.func, CALL)
        self.generic_visit(node)
        return node

    def visit_AsyncWith(self, node: ast.AsyncWith) -> ast.AST:
        """Take a call whose result is entered."""
        for item in node.items:
            if isinstance(item.context_expr, ast.Call):
                item.context_expr.func = self._take(item.context_expr.func, CONTEXT)
        self.generic_visit(node)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """Take the mention of a coroutine, also where it is called elsewhere."""
        of = _text(node.value).rpartition(".")[2]
        if self._within and node not in self._done and (of, node.attr) in coroutines():
            return self._take(node, CALL)
        self.generic_visit(node)
        return node

    def _take(self, callee: ast.expr, wrapper: str) -> ast.expr:
        text = _text(callee)
        self._done.add(callee)
        if text in INSIDE:
            self.inside.add(text)
        if text in INSIDE or self._is_ours(callee, text):
            return callee
        name = f"{self._module}.{self._within[-1].name.lstrip('_')}:{text}"
        again = sum(step.partition("#")[0] == name for step in self.steps)
        name += f"#{again + 1}" if again else ""
        self.steps.append(name)
        wrapped = ast.Call(ast.Name(wrapper, ast.Load()), [ast.Constant(name), callee], [])
        return ast.copy_location(wrapped, callee)

    def _is_ours(self, callee: ast.expr, text: str) -> bool:
        """Tell whether it is asyncio's, this module's own, or was handed in."""
        arguments = self._within[-1].args
        handed_in = {a.arg for a in (*arguments.args, *arguments.kwonlyargs)}
        if isinstance(callee, ast.Name):
            return callee.id in self._own | handed_in
        own = ast.unparse(callee).startswith("self.") and ast.unparse(callee)[5:] in self._own
        return own or text.startswith("asyncio.")


@functools.cache
def coroutines() -> set[tuple[str, str]]:
    """Return what speaks to the outside: (a class, as a field of it is called; its coroutine)."""
    found = set()
    for tree in (ast.parse(path.read_text(encoding="utf-8")) for path in OUTSIDE):
        for owner in (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)):
            field = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", owner.name).lower()
            found |= {(field, m.name) for m in owner.body if isinstance(m, ast.AsyncFunctionDef)}
    return found


def _text(expression: ast.expr) -> str:
    parts = ast.unparse(expression).removeprefix("self.").split(".")
    return ".".join(part.lstrip("_") for part in parts)


def read(path: Path) -> Reader:
    """Read one module."""
    reader = Reader(path.stem)
    reader.visit(ast.parse(path.read_text(encoding="utf-8")))
    return reader


def steps() -> list[str]:
    """Return the names of all steps: `module.function:what is called`."""
    return [step for path in MODULES for step in read(path).steps]


def points(step: str) -> Iterator[str]:
    """Yield the points of a step: a call has two; what is entered and left again has four."""
    for part in ("enter", "exit") if step.endswith(".transaction") else ("",):
        for side in SIDES:
            yield f"{step}:{part}{':' if part else ''}{side}"


class _Loader(importlib.machinery.SourceFileLoader):
    """Compiles a module with a call around each step."""

    around: tuple[Callable[..., Any], Callable[..., Any]]

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002  importlib's
        tree = Reader(Path(self.path).stem).visit(ast.parse(self.get_data(self.path)))
        code: CodeType = compile(tree, self.path, "exec")
        return code

    def exec_module(self, module: ModuleType) -> None:
        setattr(module, CALL, self.around[0])
        setattr(module, CONTEXT, self.around[1])
        super().exec_module(module)


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, loader: type[_Loader]) -> None:
        self._loader = loader

    def find_spec(self, fullname: str, _path: object, _target: object = None) -> Any:  # noqa: ANN401  a ModuleSpec or nothing
        parts = fullname.split(".")
        path = PACKAGE.joinpath(*parts[1:]).with_suffix(".py")
        if parts[0] != PACKAGE.name or path not in MODULES:
            return None
        return importlib.util.spec_from_file_location(
            fullname, path, loader=self._loader(fullname, str(path))
        )


def install(around_call: Callable[..., Any], around_context: Callable[..., Any]) -> None:
    """Let modules that are imported from now on say when they come to a step.

    `around_call(step, callee)` returns what is called instead, `around_context` likewise what
    returns what is entered.
    """
    known = [name for name in sys.modules if _is_read(name)]
    if known:
        raise RuntimeError(f"{known} were imported too early")
    loader = type("Loader", (_Loader,), {"around": (around_call, around_context)})
    sys.meta_path.insert(0, _Finder(loader))


def _is_read(module: str) -> bool:
    parts = module.split(".")
    return parts[0] == PACKAGE.name and PACKAGE.joinpath(*parts[1:]).with_suffix(".py") in MODULES
