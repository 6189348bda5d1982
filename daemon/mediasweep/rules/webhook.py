"""Whether a notification is genuine: signed by a secret that we know, and not long ago; and the
events of its way.

Cloudinary's signature is a plain hash, SHA-1 or SHA-256, of the body as it came, the timestamp and
the secret. Nothing of the body is read before it is known to be genuine.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

# ten digits: of another length, digits could be moved between body and timestamp
TIMESTAMP = re.compile(r"[0-9]{10}")
HASHES = {40: hashlib.sha1, 64: hashlib.sha256}
SIGNATURE = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class WebhookResult(StrEnum):
    """What became of a request to the webhook."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    UNSIGNED = "unsigned"
    STALE = "stale"
    FORGED = "forged"
    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    INCOMPLETE = "incomplete"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class NotificationReceived:
    """Somebody sent a notification, and this is how it was answered; `detail` says why not."""

    result: WebhookResult
    notification_type: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class NotificationApplied:
    """A notification has come to its end: applied to so many assets, or nothing to apply."""

    notification_type: str
    outcome: str
    assets: int


@dataclass(frozen=True, slots=True)
class NotificationFailed:
    """A notification could not be applied; it stays, and is tried again."""

    notification_type: str
    digest: str
    error: str


WebhookEvent = NotificationReceived | NotificationApplied | NotificationFailed


def unfit(
    timestamp: str, signature: str, *, now_s: float, window: timedelta
) -> WebhookResult | None:
    """Return why no body could be genuine with these headers, UNSIGNED or STALE; None if one could.

    They are X-Cld-Timestamp and X-Cld-Signature; `window` is how far the first may be from `now_s`,
    either way.
    """
    if not TIMESTAMP.fullmatch(timestamp) or not SIGNATURE.fullmatch(signature):
        return WebhookResult.UNSIGNED
    return WebhookResult.STALE if abs(now_s - int(timestamp)) > window.total_seconds() else None


def refusal(
    body: bytes,
    timestamp: str | None,
    signature: str | None,
    *,
    secrets: Sequence[str],
    now_s: float,
    window: timedelta,
) -> WebhookResult | None:
    """Return why a request is refused: `unfit` headers, or FORGED; None if it is genuine."""
    timestamp, signature = timestamp or "", signature or ""
    if refused := unfit(timestamp, signature, now_s=now_s, window=window):
        return refused
    signed = [_sign(body, timestamp, secret, len(signature)) for secret in secrets]
    # a list, so that each is compared whatever the others are
    good = any([hmac.compare_digest(one, signature) for one in signed])  # noqa: C419
    return None if good else WebhookResult.FORGED


def signed(body: bytes, timestamp: str, secret: str) -> str:
    """Return the signature that Cloudinary would send, by SHA-256."""
    return _sign(body, timestamp, secret, 64)


def _sign(body: bytes, timestamp: str, secret: str, length: int) -> str:
    return HASHES[length](body + timestamp.encode() + secret.encode()).hexdigest()
