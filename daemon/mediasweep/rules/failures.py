"""What work is broken off with, whichever floor finds it; the faces tell each in their own way."""

from __future__ import annotations


class SchemaError(Exception):
    """The schema and this version do not fit: `what` says how, `remedy` what to do."""

    def __init__(self, what: str, remedy: str) -> None:
        """Keep both; the message is one sentence of them."""
        super().__init__(f"{what}: {remedy}")
        self.what, self.remedy = what, remedy


class AccountError(Exception):
    """Cloudinary does not answer as it has to; a run is left to be gone on with."""


class BusyError(Exception):
    """Somebody else is at work on a reconciliation; the message says who."""


class StoppedError(Exception):
    """It was told to stop; the run is left to be gone on with."""
