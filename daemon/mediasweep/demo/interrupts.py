"""Ctrl-C, SIGTERM and a closed terminal, let in only where nothing is half made."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Makes these signals a KeyboardInterrupt, at once where that is allowed, otherwise held back.

    What starts processes, and what removes them and their files, runs undisturbed. Only the first
    signal counts: what follows it is the clean-up.
    """

    def __init__(self) -> None:
        """Begin with nothing allowed."""
        self._came = False
        self._allowed = False

    def __enter__(self) -> Self:
        """Take the signals over, except what we were started to ignore, as by nohup."""
        wanted = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
        self._before = {number: signal.signal(number, self._come) for number in wanted}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def allowed(self) -> Iterator[None]:
        """Let an interrupt in; one that was held back comes now."""
        self._allowed = True
        try:
            if self._came:
                raise KeyboardInterrupt
            yield
        finally:
            self._allowed = False

    def _come(self, *_: object) -> None:
        first, self._came = not self._came, True
        if first and self._allowed:
            raise KeyboardInterrupt
