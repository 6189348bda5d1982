"""Who may do what over HTTP: tokens as they are set, and the addresses that need none.

Pure. What cannot be meant raises ValueError, whose text says what to write and repeats no token.
"""

from __future__ import annotations

from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import urlsplit

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
TOKEN_LEAST = 22  # characters: 128 random bits, as base64 has them


class Scope(StrEnum):
    """What a token is good for; whoever may operate may read as well."""

    READ = "read"
    OPERATE = "operate"

    def covers(self, wanted: Scope) -> bool:
        """Tell whether it is enough for what is wanted."""
        return self is Scope.OPERATE or wanted is Scope.READ


def tokens(text: str) -> list[tuple[Scope, str]]:
    """Return the tokens of a setting: separated by spaces or commas, `read:` before one that may
    only look; at least one.
    """
    found = [_token(word) for word in text.replace(",", " ").split()]
    if not found:
        raise ValueError("is empty: give a token, as `openssl rand -hex 32` makes one")
    return found


def _token(word: str) -> tuple[Scope, str]:
    before, colon, after = word.partition(":")
    scope, token = (before, after) if colon else (Scope.OPERATE.value, word)
    if scope not in tuple(Scope):
        raise ValueError("has a token with a colon: before it stands read or operate")
    if len(token) < TOKEN_LEAST or not (token.isascii() and token.isprintable()):
        raise ValueError(
            f"has a token that could be guessed: give at least {TOKEN_LEAST} characters, as "
            "`openssl rand -hex 32` makes them"
        )
    return Scope(scope), token


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach a server that is bound there."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def host_name(said: str) -> str | None:
    """Return the name in a Host header, without its port, in small letters; None: there is none."""
    try:
        parts = urlsplit(f"//{said}")
        _ = parts.port  # raises if that is no number
    except ValueError:
        return None
    return parts.hostname if parts.netloc == said and "@" not in said else None
