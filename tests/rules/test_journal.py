"""The entries of the journal that can be asked for are those that SQL writes."""

import re
from pathlib import Path

from mediasweep.rules.job import Move
from mediasweep.rules.journal import Entry

ROOT = Path(__file__).parents[2]
FOLDERS = (ROOT / "schema", ROOT / "daemon" / "mediasweep" / "postgres")
WRITTEN = re.compile(
    r"INSERT INTO mediasweep\.journal\s*\(event[^)]*\)\s*(?:VALUES \(|SELECT )'(\w+)'"
)
# what is not written as a word, but comes from the moves of a row: `mark`, `move_by_hand`, restore
MOVES = {"claimed", "handed_over", "skipped", "retried", "cancelled", "restored", "restore_failed"}


def test_every_entry_that_is_written_can_be_asked_for() -> None:
    """A new event of the journal shows up here, and so does one that nobody writes any more."""
    texts = [
        path.read_text(encoding="utf-8")
        for folder in FOLDERS
        for path in folder.rglob("*.sql")
        if path.name != "schema.sql"
    ]
    written = {event for text in texts for event in WRITTEN.findall(text)}
    assert {*written, *MOVES, *Move} == set(Entry)
