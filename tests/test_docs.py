"""The documentation keeps up: what it lists is what there is, and its commands run.

A fenced block marked `sh` or `sql` is run on a new database with an account of its own: those of
the README, and those of the manual, page after page in the order of `docs/README.md`; other blocks
are only read. A block `mediasweep run` starts a daemon for the rest, or until it has begun to work
where settings of its own stand above it; the emulator runs until the end, at a free port. `$ID` is
the newest queue row.
"""

from __future__ import annotations

import asyncio
import re
import shlex
import sys
from asyncio import to_thread
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
import typer.main
from typer.core import TyperCommand, TyperGroup

import mediasweep.cli
from mediasweep.emulator.client import Cloud
from mediasweep.metrics import GATES, Metrics
from mediasweep.report import line
from mediasweep.rules import outcome
from mediasweep.settings import SECRETS, Settings
from tests.daemons import ROOT, environment, finished, running
from tests.pages import DOCS, FENCE, MANUAL, RUN_WITHIN_S, blocks, manual, shell, with_commands
from tests.ports import free_port
from tests.report.samples import EVENTS

README = ROOT / "README.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]
EMULATOR = "python -m mediasweep.emulator "
PORT = "8081"  # of the emulator, in the manual
NEWEST = "SELECT q.id FROM mediasweep.cloudinary_cleanup_queue q ORDER BY q.queued_at DESC LIMIT 1"


def tables(text: str) -> dict[str, list[str]]:
    """Return the rows of all tables: the first cell, without quotes, and the other cells."""
    lines = re.findall(r"^\| (.+) \|$", text, flags=re.MULTILINE)
    cells = (re.split(r" \| ", line) for line in lines)
    return {first.strip("`"): rest for first, *rest in cells}


def commands(
    group: TyperGroup, prefix: str = "mediasweep"
) -> Iterator[tuple[str, TyperCommand | TyperGroup]]:
    """Yield every command with its whole name."""
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from commands(command, f"{prefix} {name}")
        else:
            yield f"{prefix} {name}", command  # type: ignore[misc]  # Typer makes no others


def snake(name: str) -> str:
    """Return the name of an event as the log has it."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


@pytest.fixture(scope="module")
def rows() -> dict[str, list[str]]:
    """Give the tables of the manual."""
    return tables(manual())


# -- what it lists ---------------------------------------------------------------------------------


@pytest.mark.parametrize("field", Settings.model_fields)
def test_every_setting_is_listed_with_its_default(rows: dict[str, list[str]], field: str) -> None:
    """The manual has a row for each setting, with its default and the reason."""
    info = Settings.model_fields[field]
    alias = getattr(info.validation_alias, "choices", [f"MEDIASWEEP_{field.upper()}"])
    _, default, why = rows[alias[0]]
    expected = "none" if info.default is None else str(info.default)
    assert default == (expected.lower() if isinstance(info.default, bool) else expected)
    assert len(why) > 5
    assert all(name in manual() for name in alias)


def test_no_setting_is_listed_that_does_not_exist() -> None:
    """Every name that looks like a setting, on any page, is one."""
    known = {f"MEDIASWEEP_{field.upper()}" for field in Settings.model_fields}
    known |= {f"{name}_FILE" for name in SECRETS}
    for page in PAGES:
        assert set(re.findall(r"MEDIASWEEP_[A-Z_]*[A-Z]", page.read_text("utf-8"))) <= known


def test_every_secret_is_said_to_come_from_a_file() -> None:
    """The manual names the file variable of each secret."""
    text = manual()
    assert not [name for name in SECRETS if f"`{name}_FILE`" not in text]


def test_every_metric_is_listed_and_no_other(rows: dict[str, list[str]]) -> None:
    """The metrics of the manual are those of the daemon, by name and type."""
    found = {
        family.name + {"counter": "_total", "info": "_info"}.get(family.type, ""): family.type
        for family in Metrics("1.0").registry.collect()
        if not family.name.startswith("process_")  # which every exporter of Prometheus has
    }
    listed = {name: row[0] for name, row in rows.items() if name.startswith("mediasweep_")}
    assert listed == {name: kind.replace("info", "gauge") for name, kind in found.items()}


def test_every_event_is_listed_with_its_level(rows: dict[str, list[str]]) -> None:
    """The manual names each event as the log does, its level, its meaning and what to do."""
    levels: dict[str, set[str]] = {}
    for event in EVENTS:
        level, name, _ = line(event)
        assert name == snake(type(event).__name__)
        levels.setdefault(name, set()).add(level)
    listed = {name: set(rows[name][0].split(" or ")) for name in levels}
    assert listed == levels
    assert all(len(rows[name]) == 3 for name in levels)


def test_every_gate_and_outcome_is_listed() -> None:
    """The manual names each gate and each outcome, because both are labels of metrics."""
    text = manual()
    assert not [name for name in (*GATES, *outcome.Outcome) if f"`{name}`" not in text]


def test_every_exit_code_is_listed(rows: dict[str, list[str]]) -> None:
    """The manual gives each exit code the meaning that the command gives it."""
    told = re.findall(r"(\d) ([a-zA-Z ]+?) *[·.]", " ".join((mediasweep.cli.__doc__ or "").split()))
    assert [code for code, _ in told] == ["0", "1", "2", "3", "4", "5", "6"]
    assert {code: rows[code][0] for code, _ in told} == dict(told)


def test_every_command_and_option_is_shown() -> None:
    """The manual shows each command, and each of its options."""
    root = typer.main.get_command(mediasweep.cli.app)
    assert isinstance(root, TyperGroup)
    text = manual()
    for name, command in commands(root):
        assert re.search(rf"{name}\b", text), name
        options = [o for p in command.params for o in p.opts if o.startswith("--")]
        assert not [o for o in options if o not in text and o != "--help"], name


# -- what it refers to -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_every_command_that_is_named_exists(name: str) -> None:
    """What a page calls by `mediasweep …` or `make …` is a command or a target."""
    root = typer.main.get_command(mediasweep.cli.app)
    assert isinstance(root, TyperGroup)
    known = {command for command, _ in commands(root)} | {"mediasweep queue", "mediasweep sql"}
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), flags=re.MULTILINE)
    text = (ROOT / name).read_text(encoding="utf-8")
    for called in re.findall(r"(?m)(?:`|^ *)(mediasweep(?: [a-z][a-z-]*)+)", _code(text)):
        assert any(called == one or called.startswith(f"{one} ") for one in known), called
    for target in re.findall(r"(?m)(?:`|^ *)make ([a-z-]+)", _code(text)):
        assert target in targets, target


def test_every_page_is_listed() -> None:
    """A reader of `docs/README.md` finds each page beside it."""
    listed = set(re.findall(r"\]\(([\w-]+\.md)\)", (DOCS / "README.md").read_text("utf-8")))
    assert listed == {page.name for page in DOCS.glob("*.md")} - {"README.md"}


@pytest.mark.parametrize("name", [*NAMES, "CHANGELOG.md"])
def test_every_link_and_path_leads_somewhere(name: str) -> None:
    """A relative link has its file and its heading; a path in code exists."""
    page = ROOT / name
    text = page.read_text(encoding="utf-8")
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", text):
        file = page.parent / target if target else page
        assert file.exists(), target
        assert not anchor or anchor in _anchors(file), anchor
    for path in re.findall(r"`((?:docs|schema|daemon|tests|bench)/[\w./]+\.\w+)`", text):
        assert (ROOT / path).exists(), path


def _code(text: str) -> str:
    """Return a page with its prose made unlike code: only quotes and fenced lines are left."""
    fenced = "\n".join(block for _, _, block in FENCE.findall(text))
    return fenced + "\n" + "\n".join(f"`{quote}" for quote in re.findall(r"`([^`\n]+)`", text))


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


# -- what it tells to run --------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_every_command_block_is_marked_to_be_run(name: str) -> None:
    """No block with a command of mediasweep, or with SQL of its schema, is left out of the run."""
    page = ROOT / name
    run = page in {README, *MANUAL} or page.parent.name == "runbooks"  # those by test_monitoring
    for block in blocks(page):
        assert run or block.language not in {"sh", "sql"}, block.text
        shown = re.search(r"(?m)^mediasweep [a-z]|^SELECT mediasweep\.", block.text)
        assert not shown or block.language in {"sh", "sql"}, block.text


@pytest.mark.timeout(300)  # the manual runs more than forty commands
@pytest.mark.parametrize("pages", [[README], MANUAL], ids=["README", "manual"])
async def test_what_a_reader_is_told_to_run_works(
    blank_database: str, cloud: Cloud, tmp_path: Path, pages: list[Path]
) -> None:
    """Every command and every statement works, one after the other and page after page."""
    env = with_commands(environment(blank_database, cloud.url), tmp_path)
    await to_thread(cloud.fill, "covers/", 3)
    port = str(free_port())
    db = await asyncpg.connect(blank_database)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(db.close)
        await shell("mediasweep migrate", env, tmp_path)
        for block in blocks(*pages):
            if block.language == "sql":
                await db.execute(block.text)
            elif block.text.strip() == "mediasweep run":
                await stack.enter_async_context(running(env))
            elif block.text.endswith("\nmediasweep run\n"):
                async with running(env | _exported(block.text, port)) as daemon:
                    assert not daemon.count("account_unchecked")
            elif block.text.startswith(EMULATOR):
                await stack.enter_async_context(_emulator(block.text, port, env))
            elif block.language == "sh":
                await shell(block.text, env | {"ID": str(await db.fetchval(NEWEST))}, tmp_path)
        if pages == [README]:
            assert await finished(db) == {"completed": 1}
            assert ("image", "upload", "covers/1") not in await to_thread(cloud.assets)


def _exported(text: str, port: str) -> dict[str, str]:
    """Return the settings that a block exports."""
    words = shlex.split(text.replace(PORT, port))
    return dict(word.split("=", 1) for word in words if "=" in word)


@asynccontextmanager
async def _emulator(text: str, port: str, env: dict[str, str]) -> AsyncIterator[None]:
    """Run the emulator as the page has it, from when it says that it is ready."""
    words = shlex.split(text.replace(PORT, port))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", *words[1:]), env=env, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        assert await asyncio.wait_for(process.stdout.readline(), RUN_WITHIN_S)
        yield
    finally:
        process.terminate()
        await process.wait()
