"""How far a long command is, on stderr: at a terminal one line that renews itself, else a line now
and then.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from rich.status import Status

SELDOM_S = 10.0  # between two lines where nobody watches


class Progress:
    """Tells how far it is; what is told too soon after the last line is left out."""

    def __init__(self, status: Status | None, say: Callable[[str], None], now_s: float) -> None:
        """Tell a terminal by its `status`, or whoever reads by whole lines."""
        self._status = status
        self._say = say
        self._said_s = now_s

    def tell(self, line: str, *, now_s: float | None = None, important: bool = False) -> None:
        """Tell how far it is; `important`: also if a line was told just now."""
        now_s = time.monotonic() if now_s is None else now_s
        if self._status is not None:
            self._status.update(Text(line, no_wrap=True, overflow="ellipsis"))
        elif important or now_s - self._said_s >= SELDOM_S:
            self._said_s = now_s
            self._say(line)


@contextmanager
def progress(begin: str) -> Iterator[Progress]:
    """Yield a line about something that begins; it is wiped off a terminal when that has ended."""
    console = Console(stderr=True)

    def say(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    if not console.is_terminal:
        yield Progress(None, say, time.monotonic())
        return
    with console.status(Text(begin, no_wrap=True, overflow="ellipsis")) as status:
        yield Progress(status, say, time.monotonic())
