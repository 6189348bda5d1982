"""Taking notifications from Cloudinary, and having them sent: receive, register, unregister, list,
test.

What is received is genuine, and in the database, before it is answered as accepted; anything else
is an answer that makes Cloudinary send it again, or says what is wrong. What Cloudinary refuses, or
does not answer, raises AccountError.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import urllib3

from mediasweep.answers import in_short
from mediasweep.operations.refusal import RefusedError
from mediasweep.postgres.inbox import Inbox, Received
from mediasweep.postgres.pool import WAITED_OUT
from mediasweep.rules.access import is_loopback
from mediasweep.rules.failures import AccountError
from mediasweep.rules.notification import UPLOAD, Notification
from mediasweep.rules.outcome import Answer
from mediasweep.rules.text import message
from mediasweep.rules.webhook import NotificationReceived, WebhookResult, refusal, signed, unfit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mediasweep.cloudinary import Account
    from mediasweep.postgres.pool import Connection, Pool
    from mediasweep.rules.events import Emit

PATH = "/webhooks/cloudinary"
EVERYTHING = "all"
TEST_TYPE = "mediasweep_test"
LOGIN = re.compile(r"^([^/]*//)[^/]*@")
FORGED = (
    "; it was signed with the secret that this command has: give the daemon there the same one as "
    "CLOUDINARY_API_SECRET or in MEDIASWEEP_WEBHOOK_SECRETS"
)
UNGUARDED = (
    "{} leads to daemons through a proxy, which looks to them like this machine: unless they ask "
    "for a token, whoever finds it may do everything. Set MEDIASWEEP_API_TOKEN for the daemons and "
    "for this command (`openssl rand -hex 32` makes one), restart them, and register again"
)
# who uploads writes a row of its own, and must not find that one was made for it already
UPLOAD_REST = timedelta(seconds=5)
WHY = {
    WebhookResult.UNSIGNED: "X-Cld-Timestamp and X-Cld-Signature are missing or not as Cloudinary "
    "sends them; X-Cld-Signature_v2 alone cannot be checked",
    WebhookResult.STALE: "X-Cld-Timestamp is too far from this host's clock",
    WebhookResult.FORGED: "none of this daemon's secrets has signed this body",
}


class WebhookError(Exception):
    """A notification does not come here; the message says why."""


class AddressError(ValueError):
    """An address is none that notifications may be sent to; the message says why."""


@dataclass(frozen=True, slots=True)
class Webhooks:
    """The receiving end of one daemon; `heard` wakes its inbox."""

    pool: Pool
    secrets: Sequence[str]
    window: timedelta
    heard: asyncio.Event
    emit: Emit
    clock_s: Callable[[], float] = time.time

    def unfit(self, headers: Mapping[str, str]) -> WebhookResult | None:
        """Return why no body could be genuine with these headers, before one is read, or None."""
        stamp, signature = headers.get("x-cld-timestamp", ""), headers.get("x-cld-signature", "")
        return unfit(stamp, signature, now_s=self.clock_s(), window=self.window)

    async def receive(self, body: bytes, headers: Mapping[str, str]) -> tuple[WebhookResult, str]:
        """Write a notification down if it is genuine; returns what came of it, in a word and in a
        sentence.
        """
        timestamp = headers.get("x-cld-timestamp")
        refused = refusal(
            body,
            timestamp,
            headers.get("x-cld-signature"),
            secrets=self.secrets,
            now_s=self.clock_s(),
            window=self.window,
        )
        if refused is not None:
            return self.refuse(refused, WHY[refused])
        try:
            notification = Notification.read(body)
        except ValueError as error:
            return self.refuse(WebhookResult.MALFORMED, str(error))
        signed_at = datetime.fromtimestamp(int(timestamp or 0), UTC)
        rest = UPLOAD_REST if notification.type == UPLOAD else timedelta(0)
        one = Received(hashlib.sha256(body).digest(), signed_at, body)
        try:
            new = await Inbox(self.pool).receive(one, notification.type, rest)
        except WAITED_OUT as error:
            return self.refuse(WebhookResult.UNAVAILABLE, message(error))
        asyncio.get_running_loop().call_later(rest.total_seconds(), self.heard.set)
        result = WebhookResult.ACCEPTED if new else WebhookResult.DUPLICATE
        self.emit(NotificationReceived(result, notification.type))
        return result, str(result)

    def refuse(self, result: WebhookResult, detail: str) -> tuple[WebhookResult, str]:
        """Say that a request was not taken, and why."""
        self.emit(NotificationReceived(result, None, detail))
        return result, detail


def address(url: str) -> str:
    """Return where notifications are to be sent; raises AddressError for where they must not be.

    The path may be left out.
    """
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise AddressError(f"{shown(url)}: {error}") from None
    if "@" in parts.netloc:
        raise AddressError(
            f"{shown(url)}: leave out user and password; each notification is signed, and whoever "
            "may list the triggers of the account would read them"
        )
    if not parts.hostname or parts.scheme not in {"https", "http"} or parts.query or parts.fragment:
        raise AddressError(f"{url} is no address as https://mediasweep.example.com{PATH}")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise AddressError(f"{url}: use https, or others read what Cloudinary tells")
    path = PATH if parts.path in {"", "/"} else parts.path
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def shown(url: str) -> str:
    """Return an address without user and password."""
    return LOGIN.sub(r"\1", url)


def leads_astray(url: str) -> str | None:
    """Say what has to be so that daemons hear what is sent to another path than theirs."""
    path = urlsplit(url).path
    if path == PATH:
        return None
    return (
        f"daemons listen at {PATH}, so something has to pass on {path} to it: "
        "`mediasweep webhook test` with this address shows whether it does"
    )


async def triggers(account: Account) -> list[dict[str, Any]]:
    """Return the notification triggers of the account, ours and others."""
    return _listed(_good(await account.triggers()))


def _listed(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    told = answer.get("triggers")
    found = [one for one in told if isinstance(one, dict)] if isinstance(told, list) else []
    return [one | {"uri": shown(str(one.get("uri")))} for one in found]


def beyond(answer: Mapping[str, Any]) -> list[str]:
    """Return where daemons are told from other machines, by the account's triggers as answered."""
    return sorted({one["uri"] for one in _listed(answer) if _is_beyond(one["uri"])})


def _is_beyond(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.path.endswith(PATH) and not is_loopback(parts.hostname or "")


async def register(
    account: Account, url: str, *, guarded: bool = False
) -> tuple[dict[str, Any], bool]:
    """Have everything told to this address; returns the trigger, and whether it is new.

    `guarded`: the daemons ask for a token. If not, only this machine may be told; RefusedError.
    """
    to = address(url)
    if not (guarded or is_loopback(urlsplit(to).hostname or "")):
        raise RefusedError(UNGUARDED.format(to))
    for trigger in await triggers(account):
        if trigger.get("uri") == to and trigger.get("event_type") == EVERYTHING:
            return trigger, False
    return _good(await account.add_trigger(to, EVERYTHING)), True


async def leading(account: Account, url: str | None) -> list[dict[str, Any]]:
    """Return the triggers that lead to an address, or to the path of daemons anywhere."""
    to = None if url is None else address(url)
    return [
        one
        for one in await triggers(account)
        if (urlsplit(one["uri"]).path == PATH if to is None else one["uri"] == to)
    ]


async def unregister(account: Account, some: Sequence[Mapping[str, Any]]) -> None:
    """Remove these triggers."""
    for trigger in some:
        _good(await account.remove_trigger(trigger["id"]))


async def test(connection: Connection, url: str, secret: str) -> str:
    """Send a notification of our own there, and return a sentence once it is in this database."""
    told = {"notification_type": TEST_TYPE, "nonce": str(uuid4())}
    body, timestamp = json.dumps(told).encode(), str(int(time.time()))
    headers = {
        "Content-Type": "application/json",
        "X-Cld-Timestamp": timestamp,
        "X-Cld-Signature": signed(body, timestamp, secret),
    }
    to = address(url)
    status, said = await asyncio.to_thread(_post, to, headers, body)
    if status != 200:  # noqa: PLR2004  as Cloudinary has it, no other status will do
        forged = FORGED if _result(said) == WebhookResult.FORGED else ""
        raise WebhookError(f"{to} answered {status}: {said}{forged}")
    if not await Inbox(connection).has(hashlib.sha256(body).digest()):
        raise WebhookError(f"{to} accepted it, but into another database than this one")
    return f"{to} accepted it, and it is in the inbox"


def _post(url: str, headers: dict[str, str], body: bytes) -> tuple[int, str]:
    try:
        answer = urllib3.request(
            "POST", url, body=body, headers=headers, redirect=False, retries=False, timeout=20.0
        )
    except urllib3.exceptions.HTTPError as error:
        raise WebhookError(f"{url} cannot be reached: {in_short(error)}") from None
    return answer.status, answer.data[:500].decode(errors="replace")


def _result(said: str) -> object:
    """Return what a daemon calls its refusal; None: no daemon answered."""
    try:
        told = json.loads(said)
    except ValueError:
        return None
    return told.get("result") if isinstance(told, dict) else None


def _good(answer: Answer) -> dict[str, Any]:
    if not answer.ok:
        raise AccountError(f"Cloudinary: {answer.detail or answer.outcome}")
    return dict(answer.response or {})
