"""What an operation says when a safeguard forbids it."""

from __future__ import annotations


class RefusedError(Exception):
    """A safeguard refuses; the message says why, and what to do instead."""


class UnknownError(RefusedError):
    """There is no such thing as was asked for."""
