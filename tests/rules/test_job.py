"""The words of the state table: Python and SQL use the same ones."""

import re
from pathlib import Path

from mediasweep.rules.asset import RESOURCE_TYPES
from mediasweep.rules.job import Move, Status

SCHEMA = Path(__file__).parents[2] / "schema"
TABLES = (SCHEMA / "migrations" / "0001_tables.sql").read_text(encoding="utf-8")
RECORD = (SCHEMA / "functions" / "record.sql").read_text(encoding="utf-8")


def quoted(pattern: str, text: str) -> list[str]:
    """Return the quoted words in every stretch of the text that the pattern finds."""
    return [word for found in re.findall(pattern, text) for word in re.findall(r"'(\w+)'", found)]


def test_the_statuses_are_those_of_the_table() -> None:
    """The CHECK of the queue's status allows exactly the statuses that the rules know."""
    allowed = quoted(r"status_is_known CHECK \(status IN \([^)]*\)", TABLES)
    assert [status.value for status in Status] == allowed


def test_the_moves_are_those_of_record() -> None:
    """The function that records compares a move with each of the moves and with no other word."""
    compared = quoted(r"r\.move (?:=|IN) \(?(?:'\w+'(?:, )?)+", RECORD)
    assert {move.value for move in Move} == set(compared)


def test_the_moves_are_those_of_the_result_type() -> None:
    """The comment on what an owner says lists exactly the moves that it can make."""
    listed = re.findall(r"`move` is one of ([\w, ]+)", TABLES)
    assert [", ".join(Move)] == listed


def test_every_status_that_record_writes_is_a_status() -> None:
    """The function that records moves a row to known statuses only."""
    written = quoted(r"SET status = CASE[^;]*?END,", RECORD)
    assert set(written) <= {*Status, *Move}
    assert {Status.PENDING.value, Status.PROCESSING.value} <= set(written)


def test_the_resource_types_are_those_of_the_table() -> None:
    """The CHECK of the queue's resource type allows exactly the types that are tried."""
    allowed = quoted(r"resource_type_is_known CHECK \([^)]*\)", TABLES)
    assert list(RESOURCE_TYPES) == allowed
