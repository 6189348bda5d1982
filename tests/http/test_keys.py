"""Tokens, sessions and failed logins, by a clock of the test's own."""

from __future__ import annotations

import pytest

from mediasweep.http.keys import SESSION_S, Keys
from mediasweep.http.session import ADDRESSES, FailedLogins
from mediasweep.rules.access import Scope, host_name

OPERATE, READ = "operate-" + "x" * 22, "read-" + "y" * 22
TOKENS = [(Scope.READ, READ), (Scope.OPERATE, OPERATE)]


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now_s


def test_a_session_ends_with_its_time_and_with_its_token() -> None:
    """After twelve hours it is none, and where the token was replaced it never was one."""
    clock = Clock()
    keys = Keys(TOKENS, clock)
    session = keys.open(READ)
    assert session
    assert keys.of_cookie(session.cookie) == session
    assert Keys(TOKENS[:1], clock).of_cookie(session.cookie) == session  # another replica
    assert Keys(TOKENS[1:], clock).of_cookie(session.cookie) is None
    clock.now_s += SESSION_S
    assert keys.of_cookie(session.cookie) is None
    assert keys.open("wrong") is None


def test_what_a_page_knows_opens_no_session() -> None:
    """The proof that a change is meant is not the seal of a session, whatever is put before it."""
    keys = Keys(TOKENS)
    session = keys.open(OPERATE)
    assert session
    told = session.cookie.rpartition(".")[0]
    for forged in (f"{told}.{session.csrf}", f"csrf.{told}.{session.csrf}"):
        assert keys.of_cookie(forged) is None


def test_no_token_is_kept() -> None:
    """What is in memory leads to no token, and a token that is given twice is good for more."""
    keys = Keys([*TOKENS, (Scope.OPERATE, READ)])
    assert keys.of_token(READ) is Scope.OPERATE
    held = f"{vars(keys)}"
    assert "digest=b" in held
    assert not [token for _, token in TOKENS if token in held]


def test_only_the_last_minute_of_an_address_counts() -> None:
    """Five failures shut out their address until the first is a minute old, and nobody else."""
    clock = Clock()
    tries = FailedLogins(clock)
    for _ in range(5):
        assert tries.wait_s("a") == 0
        tries.failed("a")
        clock.now_s += 1
    assert (tries.wait_s("a"), tries.wait_s("b")) == (55, 0)
    clock.now_s += 55
    assert tries.wait_s("a") == 0
    tries.failed("a")
    assert tries.wait_s("a") == 1
    for number in range(ADDRESSES):
        tries.failed(str(number))
    assert tries.wait_s("a") == 0  # forgotten, so that memory is bounded


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("A.example:80", "a.example"),
        ("[::1]:8080", "::1"),
        ("127.0.0.1", "127.0.0.1"),
        ("", None),
        ("a@b", None),
        ("a/b", None),
        ("a?b", None),
        ("a:b", None),
        ("[::1", None),
    ],
)
def test_a_host_is_read_as_browsers_mean_it(said: str, name: str | None) -> None:
    """The name without its port; what is no host has none."""
    assert host_name(said) == name
