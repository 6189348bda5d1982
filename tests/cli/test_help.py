"""What a stranger reads first: help that fits, and errors that say what to write."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mediasweep import __version__
from tests.commands import Done, mediasweep
from tests.daemons import environment

GROUPS = [(), ("queue",), ("scheduler",), ("brake",), ("sql",)]
LOADED = """
import sys
from mediasweep.cli import main
sys.argv[1:] = ["--help"]
try:
    main()
finally:
    sys.stderr.write(str({"asyncpg", "cloudinary", "fastapi", "pydantic"} & set(sys.modules)))
"""
NOWHERE = environment("postgresql://a:b@127.0.0.1:1/nowhere", "cloudinary://k:s@c", COLUMNS="80")


@pytest.mark.parametrize(
    "group", [(), ("queue",), ("scheduler",), ("brake",), ("sql",)], ids=" ".join
)
async def test_each_command_is_described_in_a_whole_sentence(group: tuple[str, ...]) -> None:
    """In a list of commands no description is cut off at 80 columns."""
    told = await mediasweep(NOWHERE, *group, "--help")
    listed = told.out.partition("Commands:\n")[2].splitlines()
    assert len(listed) > 1
    assert not [line for line in listed if not line.endswith(".") or line.endswith("...")]


async def test_the_help_of_a_move_says_how_many_rows_it_takes() -> None:
    """The limit that holds if none is given is no surprise."""
    for command in ("retry", "cancel"):
        told = " ".join((await mediasweep(NOWHERE, "queue", command, "--help")).out.split())
        assert "Move at most N of the matching rows, the oldest first. [default: 1000;" in told


@pytest.mark.parametrize("command", [("queue", "show"), ("queue", "cancel"), ("restore",)])
async def test_what_is_no_id_is_said_in_our_words(command: tuple[str, ...]) -> None:
    """Whoever gives a public id in its place learns where the ids are."""
    told = await mediasweep(NOWHERE, *command, "docs/1")
    assert (told.code, told.out) == (2, "")
    assert "'docs/1' is no id of a row, as `mediasweep queue list` shows them" in told.err


async def test_a_database_that_is_away_is_said_in_a_line() -> None:
    """Exit code 3 and no traceback, whichever command asked."""
    for command in (("status",), ("scheduler", "status"), ("restore", "--since", "1h", "--yes")):
        told = await mediasweep(NOWHERE, *command)
        assert (told.code, told.err.count("\n")) == (3, 1)
        assert told.err.startswith("mediasweep: the database does not answer: ")


@pytest.mark.parametrize("url", ["foo", "http://key:secret@cloud", "cloudinary://[k:secret@c"])
async def test_an_address_of_the_account_that_is_none_is_said_in_a_line(url: str) -> None:
    """Where an account is needed, not by the SDK, which reads it as it is imported."""
    env = NOWHERE | {"CLOUDINARY_URL": url}
    said = "mediasweep: CLOUDINARY_URL must be cloudinary://key:secret@cloud\n"
    assert await mediasweep(env, "run") == Done(2, "", said)
    told = await mediasweep(env, "doctor")
    assert "CLOUDINARY_URL must be cloudinary://key:secret@cloud" in told.out
    assert "Traceback" not in told.err
    assert 'secret@c"' not in told.out + told.err
    assert (await mediasweep(env, "version")).code == 0
    assert "the database does not answer" in (await mediasweep(env, "pause")).err


async def test_an_address_of_the_account_may_be_pasted_with_its_name() -> None:
    """As the console has it to copy, which the SDK would not read."""
    env = NOWHERE | {"CLOUDINARY_URL": f"CLOUDINARY_URL={NOWHERE['CLOUDINARY_URL']}"}
    told = await mediasweep(env, "doctor")
    assert "CLOUDINARY_URL must be" not in told.out
    assert "Traceback" not in told.err


async def test_the_version_is_told_in_either_way() -> None:
    """The option that strangers try first does what the command does, and needs no settings."""
    asked = [await mediasweep(NOWHERE, how) for how in ("--version", "version")]
    assert asked == [Done(0, f"{__version__}\n", "")] * 2


def test_help_does_not_wait_for_what_it_does_not_need() -> None:
    """Libraries that take long to import come with the commands that need them."""
    ran = subprocess.run([sys.executable, "-P", "-c", LOADED], capture_output=True, check=True)
    assert ran.stderr == b"set()"
