"""What comes back from the real SDK, whose connections are replaced: each answer is read as what it
is, and nothing that it may do below us goes unnoticed.
"""

import inspect
import json
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import cloudinary
import cloudinary.api
import cloudinary.exceptions as sdk
import cloudinary.uploader
import pytest
import urllib3
from cloudinary.api_client import call_api, execute_request
from urllib3.connection import HTTPConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    IncompleteRead,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)

from mediasweep.answers import STATUS_OF_EXCEPTION, read_exception
from mediasweep.cloudinary import Account, Credentials
from mediasweep.postgres.queue import Result, _result
from mediasweep.rules.asset import Asset
from mediasweep.rules.job import Job
from mediasweep.rules.outcome import Answer, Outcome, read_error

THREADS = 3
SECOND = timedelta(seconds=1)
CREDENTIALS = Credentials("demo", "key", "pl4nted")
KNOWN = Asset("p", "image", "upload")
OK = b'{"result": "ok"}'
NOT_FOUND = b'{"result": "not found"}'
CONNECTION = HTTPConnection("localhost")
POOL = urllib3.HTTPConnectionPool("localhost")
UNCLEAR, UNREACHABLE = Outcome.UNCLEAR, Outcome.UNREACHABLE

Reply = Exception | tuple[int, bytes]
Play = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """Give an account whose pools go when the test does."""
    for module in (cloudinary.uploader, call_api):
        monkeypatch.setattr(module, "_http", module._http)  # noqa: SLF001  to be put back
    made = Account(CREDENTIALS, threads=THREADS, timeout=SECOND)
    yield made
    made.close()


@pytest.fixture
def play(account: Account, monkeypatch: pytest.MonkeyPatch) -> Play:
    """Give a function that has the SDK's connections reply in turn, and returns what they get."""
    assert account

    def replies(*replies: Reply) -> list[dict[str, Any]]:
        got: list[dict[str, Any]] = []

        def request(**sent: Any) -> SimpleNamespace:  # noqa: ANN401  as urllib3 has it
            reply = replies[len(got)]
            got.append(sent)
            if isinstance(reply, Exception):
                raise reply
            headers = {"x-request-id": "r1"}
            return SimpleNamespace(status=reply[0], data=reply[1], headers=headers)

        for module in (cloudinary.uploader, call_api):
            monkeypatch.setattr(module, "_http", SimpleNamespace(request=request))
        return got

    return replies


def error(text: str) -> bytes:
    """Return the body of an error as Cloudinary writes it."""
    return json.dumps({"error": {"message": text}}).encode()


def yes() -> str | None:
    """Allow sending."""
    return None


# -- what the SDK raises ---------------------------------------------------------------------------

FAILURES = [
    (NewConnectionError(CONNECTION, "refused"), UNREACHABLE),
    (NameResolutionError("host", CONNECTION, socket.gaierror(-2, "unknown")), UNREACHABLE),
    (ConnectTimeoutError("timed out"), UNREACHABLE),
    (SSLError(ssl.SSLCertVerificationError("expired")), UNREACHABLE),
    (SSLError(ssl.SSLEOFError("EOF")), UNCLEAR),
    (ReadTimeoutError(POOL, "/", "timed out"), UNCLEAR),
    (ProtocolError("aborted", ConnectionResetError(104, "reset")), UNCLEAR),
    (IncompleteRead(3, 5), UNCLEAR),
    (ConnectionResetError(104, "reset"), UNCLEAR),
    (TimeoutError("timed out"), UNCLEAR),
    (TypeError("a bug of the SDK"), UNCLEAR),
]


def test_every_exception_of_the_sdk_is_known() -> None:
    """A version of the SDK with a new exception fails here, and not in production."""
    found = {e for _, e in inspect.getmembers(sdk, inspect.isclass) if issubclass(e, Exception)}
    assert set(STATUS_OF_EXCEPTION) == found


@pytest.mark.parametrize(("code", "raised"), execute_request.EXCEPTION_CODES.items())
def test_an_exception_means_what_its_status_means(code: int, raised: type[Exception]) -> None:
    """The SDK forgets the status of an error, and its exception still leads to the same outcome."""
    assert read_error(code, "m").outcome == read_exception(raised("m")).outcome


@pytest.mark.parametrize(
    "raised", [sdk.Error("m"), Exception("m"), TypeError("m"), ValueError(), RuntimeError("m")]
)
def test_an_exception_without_a_cause_is_unclear(raised: Exception) -> None:
    """What says nothing about the request leaves open what became of it."""
    expected = Answer(UNCLEAR, f"{type(raised).__name__}: {raised}")
    assert expected == read_exception(raised)


def test_a_long_chain_is_followed_to_its_end() -> None:
    """A refused connection is found under everything that was raised while handling it."""
    raised = sdk.Error("top")
    raised.__context__ = middle = RuntimeError("middle")
    middle.__cause__ = ConnectTimeoutError("bottom")
    assert read_exception(raised).outcome is UNREACHABLE


@pytest.mark.parametrize(("raised", "expected"), FAILURES)
async def test_a_failed_deletion_tells_whether_it_was_sent(
    account: Account, play: Play, raised: Exception, expected: Outcome
) -> None:
    """Only what never reached Cloudinary is known to have done nothing."""
    got = play(raised)
    assert (await account.destroy(KNOWN, yes)).outcome == expected
    assert len(got) == 1


@pytest.mark.parametrize(("raised", "expected"), FAILURES)
async def test_a_failed_ping_tells_whether_it_was_sent(
    account: Account, play: Play, raised: Exception, expected: Outcome
) -> None:
    """The other half of the SDK wraps failures in another exception, which is read alike."""
    play(raised)
    assert (await account.ping()).outcome == expected


# -- what Cloudinary answers -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, OK, Outcome.DELETED),
        (200, NOT_FOUND, Outcome.ABSENT),
        (200, b'{"result": "OK"}', UNCLEAR),
        (200, b'{"result": "o', UNCLEAR),
        (200, b"{}", UNCLEAR),
        (200, b'["ok"]', UNCLEAR),
        (200, b'"ok"', UNCLEAR),
        (200, b"", UNCLEAR),
        (200, b"\xff\xfe", UNCLEAR),
        (200, b"<html>ok</html>", UNCLEAR),
        (200, b'{"result": "ok", "error": "x"}', UNCLEAR),
        (200, b'{"result": "ok", "error": null}', UNCLEAR),
        (200, b'{"result": "ok", "error": {}}', UNCLEAR),
        (400, error("Missing required parameter"), Outcome.REJECTED),
        (400, error("Stale request - reported time is"), Outcome.CLOCK_SKEWED),
        (401, error("Invalid Signature"), Outcome.AUTH_REFUSED),
        (401, b"", UNCLEAR),
        (403, error("disabled account"), Outcome.AUTH_REFUSED),
        (404, error("Resource not found"), UNCLEAR),
        (420, error("Rate Limit Exceeded"), Outcome.THROTTLED),
        (423, error("Resource is locked"), Outcome.LOCKED),
        (429, error("Too many requests"), Outcome.THROTTLED),
        (500, error("General Error"), UNCLEAR),
        (502, b"<html>Bad Gateway</html>", UNCLEAR),
        (503, b'{"error": "upstream"}', UNCLEAR),
        (504, b'{"message": "timeout"}', UNCLEAR),
    ],
)
async def test_an_answer_is_read_through_the_sdk(
    account: Account, play: Play, *, status: int, body: bytes, expected: Outcome
) -> None:
    """Whatever stands in an answer, it has the outcome that a careful reader would give it."""
    play((status, body))
    assert (await account.destroy(KNOWN, yes)).outcome == expected


@pytest.mark.parametrize("text", ["a\x00b", "a\ud800b", "a\\u0000b"])
def test_an_answer_can_always_be_recorded(text: str) -> None:
    """Text that PostgreSQL does not take is made harmless, so that it stops no daemon."""
    job = Job(UUID(int=1), 1, KNOWN, 1, 3, in_doubt=False, waited=SECOND)
    *_, detail, response, _, _, _, _ = _result(Result(job, read_error(400, text), SECOND))
    assert "\x00" not in str(detail)
    assert str(detail).encode()
    assert str(response).encode()
    assert not re.search(r"(?<!\\)(\\\\)*\\u(0000|d[89a-f]..)", str(response))


# -- what is sent ----------------------------------------------------------------------------------


def test_the_pools_are_ours(account: Account) -> None:
    """Where the SDK keeps its connections, ours are put: as many as threads, no second try."""
    assert account
    for module, user in (
        (cloudinary.uploader, cloudinary.uploader.call_api),
        (call_api, call_api._call_api),  # noqa: SLF001  the SDK has no public way
    ):
        settings = module._http.connection_pool_kw  # noqa: SLF001  as above
        assert (settings["maxsize"], settings["cert_reqs"]) == (THREADS, "CERT_REQUIRED")
        assert urllib3.Retry.from_int(settings["retries"]).total is False
        assert user.__globals__ is vars(module)
        assert "_http" in user.__code__.co_names


async def test_a_call_carries_its_own_everything(account: Account, play: Play) -> None:
    """One call is sent, to the cloud it is meant for, signed, with both timeouts."""
    got = play((200, OK))
    answer = await account.destroy(KNOWN, yes)
    (sent,) = got
    assert sent["url"] == "https://api.cloudinary.com/v1_1/demo/image/destroy"
    assert (sent["timeout"].connect_timeout, sent["timeout"].read_timeout) == (0.5, 1)
    fields = dict(sent["fields"])
    assert fields.keys() == {"api_key", "invalidate", "public_id", "signature", "timestamp", "type"}
    assert (fields["api_key"], fields["public_id"], fields["type"]) == ("key", "p", "upload")
    assert "pl4nted" not in str(sent)
    assert (answer.request_id, answer.status) == ("r1", 200)


async def test_nothing_is_sent_without_leave(account: Account, play: Play) -> None:
    """A claim whose lease is too short sends nothing, and says so."""
    got = play((200, OK))
    assert (await account.destroy(KNOWN, lambda: "no")).outcome is Outcome.UNSENT
    assert got == []


async def test_roads_are_taken_until_one_finds_the_asset(account: Account, play: Play) -> None:
    """Types that are not known are tried one after the other, and none after the asset is found."""
    got = play((200, NOT_FOUND), (200, NOT_FOUND), (200, OK), (200, OK))
    answer = await account.destroy(Asset("p", None, "private"), yes)
    found = (answer.outcome, answer.resource_type, answer.delivery_type)
    assert found == (Outcome.DELETED, "raw", "private")
    assert [sent["url"].split("/")[-2] for sent in got] == ["image", "video", "raw"]


async def test_a_road_without_an_answer_ends_the_search(account: Account, play: Play) -> None:
    """A call whose outcome is not known is followed by no other, which could hide it."""
    got = play((200, NOT_FOUND), (500, error("x")), (200, NOT_FOUND))
    assert (await account.destroy(Asset("p", None, "upload"), yes)).outcome is UNCLEAR
    assert len(got) == 2


async def test_leave_is_asked_before_each_call(account: Account, play: Play) -> None:
    """A lease that ends on the way ends the search; the next one goes on where it ended."""
    leave = iter([None, "no", None])
    got = play((200, NOT_FOUND), (200, OK))
    answer = await account.destroy(Asset("p", None, "upload"), lambda: next(leave))
    assert (answer.outcome, len(got)) == (Outcome.UNSENT, 1)
    answer = await account.destroy(Asset("p", None, "upload"), lambda: next(leave))
    assert (answer.outcome, answer.resource_type) == (Outcome.DELETED, "video")


@pytest.mark.parametrize("unknown", [(404, error("Resource not found")), (200, NOT_FOUND)])
async def test_an_account_may_not_know_asset_ids(
    account: Account, play: Play, unknown: Reply
) -> None:
    """Where the asset id leads nowhere and has never led anywhere, the public id is tried."""
    got = play(unknown, (200, OK))
    answer = await account.destroy(Asset("p", "image", "upload", "a1"), yes)
    assert (answer.outcome, answer.by_asset_id) == (Outcome.DELETED, False)
    assert [sent["url"].split("/")[-2] for sent in got] == ["asset", "image"]
    assert not account.asset_id_proven


async def test_an_asset_id_that_worked_is_trusted(account: Account, play: Play) -> None:
    """After one deletion by asset id, an asset that is not found by its own id is absent."""
    got = play((200, OK), (200, NOT_FOUND))
    assets = [Asset("p", "image", "upload", id_) for id_ in ("a1", "a2")]
    answers = [await account.destroy(asset, yes) for asset in assets]
    assert [answer.outcome for answer in answers] == [Outcome.DELETED, Outcome.ABSENT]
    assert [dict(sent["fields"])["asset_id"] for sent in got] == ["a1", "a2"]
