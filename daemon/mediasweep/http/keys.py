"""The tokens of the API and the sessions that they open. Of a token only hashes are kept.

A session is its own proof: number, end and seal, so that every replica with the same token knows
it, and none does once the token is replaced.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mediasweep.rules.access import Scope

SESSION_S = 12 * 3600


@dataclass(frozen=True, slots=True)
class Session:
    """A person who has logged in; `csrf` comes back with whatever they change."""

    cookie: str
    scope: Scope
    csrf: str


@dataclass(frozen=True, slots=True)
class _Key:
    scope: Scope
    digest: bytes
    seal: bytes  # another hash of the token, so that neither leads to the other


class Keys:
    """Who may do what: by token, or by a session that a token has opened."""

    def __init__(
        self, tokens: Sequence[tuple[Scope, str]], clock_s: Callable[[], float] = time.time
    ) -> None:
        self._clock_s = clock_s
        self._keys = [_Key(s, _hash(b"token", t), _hash(b"session", t)) for s, t in tokens]

    @property
    def asked(self) -> bool:
        """Tell whether a token is needed at all."""
        return bool(self._keys)

    def of_token(self, token: str) -> Scope | None:
        """Return what a token is good for."""
        key = self._find(token)
        return None if key is None else key.scope

    def open(self, token: str) -> Session | None:
        """Return a new session for who has this token."""
        key = self._find(token)
        if key is None:
            return None
        told = f"{secrets.token_hex(16)}.{int(self._clock_s()) + SESSION_S}"
        return _session(key, told)

    def of_cookie(self, cookie: str) -> Session | None:
        """Return the session of a cookie, if we have sealed it and it has not ended."""
        told, _, seal = cookie.rpartition(".")
        for key in self._keys:
            sealed = _seal(key, f"session.{told}")
            if hmac.compare_digest(sealed.encode(), seal.encode("utf-8", "replace")):
                ends_s = int(told.rpartition(".")[2])  # ours, so it is one
                return _session(key, told) if self._clock_s() < ends_s else None
        return None

    def _find(self, token: str) -> _Key | None:
        digest = _hash(b"token", token)
        found = [key for key in self._keys if hmac.compare_digest(key.digest, digest)]
        return max(found, key=lambda key: key.scope is Scope.OPERATE, default=None)


def _hash(use: bytes, token: str) -> bytes:
    return hashlib.sha256(use + b":" + token.encode("utf-8", "replace")).digest()


def _seal(key: _Key, told: str) -> str:
    return hmac.new(key.seal, told.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def _session(key: _Key, told: str) -> Session:
    # each for its own use, or what a page knows would be the seal of another session
    seal, csrf = _seal(key, f"session.{told}"), _seal(key, f"csrf.{told}")
    return Session(f"{told}.{seal}", key.scope, csrf)
