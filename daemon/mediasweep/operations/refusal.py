"""What an operation says when a safeguard forbids it."""

from __future__ import annotations


class RefusedError(Exception):
    """A safeguard refuses; the message says why, and what to do instead."""


class UnknownError(RefusedError):
    """There is no such thing as was asked for."""


def stay_home(home: str | None, cloud: str) -> None:
    """Raise RefusedError where the settings name another cloud than `home`, the installation's.

    What is found or made in one cloud, its daemons would delete in the other.
    """
    if home not in {None, cloud}:
        raise RefusedError(
            f"this database belongs to the cloud {home}, and the settings name {cloud}: correct "
            "them, or run mediasweep adopt if it has moved"
        )
