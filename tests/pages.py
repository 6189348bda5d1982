"""Pages of the documentation: their fenced blocks, and how these are run, as their reader would."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.daemons import ROOT

DOCS = ROOT / "docs"
LISTED = re.compile(r"^\d+\. \[[^]]+\]\(([\w-]+\.md)\)", re.MULTILINE)
MANUAL = [DOCS / name for name in LISTED.findall((DOCS / "README.md").read_text(encoding="utf-8"))]
RUN_WITHIN_S = 90.0  # a block has up to ten commands
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
COMMANDS = {"mediasweep": "-m mediasweep", "python": ""}


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, and its lines without the indent of a list."""

    language: str
    text: str


def manual() -> str:
    """Return the text of the manual, page after page."""
    return "\n".join(page.read_text(encoding="utf-8") for page in MANUAL)


def blocks(*pages: Path) -> list[Block]:
    """Return the fenced blocks of pages, one page after the other."""
    found = [block for page in pages for block in FENCE.findall(page.read_text(encoding="utf-8"))]
    return [
        Block(language, re.sub(f"^{indent}", "", text, flags=re.MULTILINE))
        for indent, language, text in found
    ]


def with_commands(env: dict[str, str], folder: Path) -> dict[str, str]:
    """Return an environment in which `mediasweep` and `python` are those of this test."""
    bin_ = folder / "bin"
    bin_.mkdir()
    for name, words in COMMANDS.items():
        shim = bin_ / name
        shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P {words} "$@"\n', encoding="ascii")
        shim.chmod(0o755)
    return env | {"PATH": f"{bin_}{os.pathsep}{env['PATH']}"}


async def shell(text: str, env: dict[str, str], folder: Path) -> None:
    """Run a block as a shell would, stopping at the first command that fails."""
    process = await asyncio.create_subprocess_exec(
        *("bash", "-euo", "pipefail", "-c", text),
        env=env,
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(RUN_WITHIN_S):
        said, _ = await process.communicate()
    assert process.returncode == 0, f"{text}\n{said.decode()}"
