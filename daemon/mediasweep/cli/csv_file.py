"""A file of rows for spreadsheets, opened before anything else is done: what cannot be opened is
refused as misuse.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mediasweep.cli.output import misused


@contextmanager
def csv_rows(
    path: Path | None, columns: Sequence[str]
) -> Iterator[Callable[[Iterable[Mapping[str, Any]]], Any]]:
    """Give a function that writes these columns of rows to the file; without one, nothing."""
    if path is None:
        yield lambda _: None
        return
    try:
        file = path.open("w", encoding="utf-8", newline="")
    except OSError as error:
        misused(f"--csv: {error}")
    with file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        yield writer.writerows
