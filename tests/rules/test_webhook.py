"""Which requests are genuine: signed by a secret of ours over this very body, and not long ago."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasweep.rules.webhook import WebhookResult, refusal, signed

NOW_S = 1_800_000_000.0
NOW = str(int(NOW_S))
WINDOW = timedelta(seconds=600)
BODY = b'{"notification_type": "delete", "n": 12}'
SECRETS = ("old secret", "new secret")
# the example of Cloudinary's documentation, and one of its SDK's
PUBLISHED = (
    (b"{public_id: 'sample'}", "1315060510", "abcd", "25f7e91709c858b97d688ce8da799dedb290d9ef"),
    (
        b'{"public_id":"b8sjhoslj8cq8ovoa0ma","version":"1555337587","width":1000,"height":800}',
        "7952342400",
        "hardcoded",
        hashlib.sha256(
            b'{"public_id":"b8sjhoslj8cq8ovoa0ma","version":"1555337587","width":1000,'
            b'"height":800}7952342400hardcoded'
        ).hexdigest(),
    ),
)


def _sign(body: bytes, timestamp: str, secret: str, by: str = "sha1") -> str:
    return hashlib.new(by, body + timestamp.encode() + secret.encode()).hexdigest()


def _refused(
    body: bytes = BODY,
    timestamp: str | None = NOW,
    signature: str | None = None,
    *,
    now_s: float = NOW_S,
) -> WebhookResult | None:
    if signature is None:
        signature = _sign(body, timestamp or "", SECRETS[0])
    return refusal(body, timestamp, signature, secrets=SECRETS, now_s=now_s, window=WINDOW)


@pytest.mark.parametrize(("body", "timestamp", "secret", "signature"), PUBLISHED)
def test_what_cloudinary_publishes_is_genuine(
    body: bytes, timestamp: str, secret: str, signature: str
) -> None:
    """The published signatures fit, by the hash that their length tells."""
    told = {"secrets": ["other", secret], "now_s": float(timestamp), "window": WINDOW}
    assert refusal(body, timestamp, signature, **told) is None  # type: ignore[arg-type]  # fits
    assert refusal(body + b" ", timestamp, signature, **told) is WebhookResult.FORGED  # type: ignore[arg-type]  # fits


@pytest.mark.parametrize("by", ["sha1", "sha256"])
@pytest.mark.parametrize("secret", SECRETS)
def test_each_secret_and_each_hash_is_good(by: str, secret: str) -> None:
    """While a secret is replaced both are, and either hash is."""
    assert _refused(signature=_sign(BODY, NOW, secret, by)) is None


def test_what_we_sign_ourselves_is_genuine() -> None:
    """The notification that `webhook test` sends is signed as Cloudinary would sign it."""
    assert _refused(signature=signed(BODY, NOW, SECRETS[1])) is None


@pytest.mark.parametrize(("ahead_s", "expected"), [(600, None), (601, WebhookResult.STALE)])
def test_a_timestamp_may_be_off_by_the_window_either_way(
    ahead_s: int, expected: WebhookResult | None
) -> None:
    """At the edge of the window a notification is good, and a second beyond it is not."""
    assert _refused(now_s=NOW_S + ahead_s) is expected
    assert _refused(now_s=NOW_S - ahead_s) is expected


@pytest.mark.parametrize(
    "timestamp",
    [None, "", "1", NOW[1:], f"{NOW}0", f"+{NOW[1:]}", f"{NOW}\n", f" {NOW[1:]}", "1e9", "१" * 10],
)
def test_a_timestamp_is_ten_digits(timestamp: str | None) -> None:
    """Anything else is refused before it is read as a number, however it is signed."""
    assert _refused(timestamp=timestamp) is WebhookResult.UNSIGNED


FORGERIES: dict[str, Callable[[], str]] = {
    "none": str,
    "HMAC": lambda: hmac.new(SECRETS[0].encode(), BODY + NOW.encode(), "sha256").hexdigest(),
    "another secret": lambda: _sign(BODY, NOW, "guess"),
    "no secret": lambda: _sign(BODY, NOW, ""),
    "MD5": lambda: _sign(BODY, NOW, SECRETS[0], "md5"),
    "SHA-512": lambda: _sign(BODY, NOW, SECRETS[0], "sha512"),
    "SHA-512, cut to length": lambda: _sign(BODY, NOW, SECRETS[0], "sha512")[:64],
    "SHA-256, cut to length": lambda: _sign(BODY, NOW, SECRETS[0], "sha256")[:40],
    "without the timestamp": lambda: _sign(BODY, "", SECRETS[0]),
    "no hexadecimal": lambda: "g" * 40,
    "no ASCII": lambda: "é" * 40,
}


@pytest.mark.parametrize("how", FORGERIES)
def test_another_signature_is_refused(how: str) -> None:
    """Whatever is no plain SHA-1 or SHA-256 by a secret of ours is refused."""
    assert _refused(signature=FORGERIES[how]()) in {WebhookResult.UNSIGNED, WebhookResult.FORGED}


@given(st.binary(max_size=60), st.integers(1, 10), st.sampled_from(["sha1", "sha256"]))
def test_digits_cannot_be_moved_between_body_and_timestamp(
    body: bytes, moved: int, by: str
) -> None:
    """A signature over body and timestamp fits no other cut between the two."""
    digits = b"0123456789"
    signature = _sign(body + digits, NOW, SECRETS[0], by)
    longer = (digits + NOW.encode())[10 - moved :].decode()
    assert _refused(body + digits[:-moved], longer, signature) is not None
    assert _refused(body + digits + NOW[:moved].encode(), NOW[moved:], signature) is not None
    assert _refused(body + digits + NOW[:moved].encode(), longer[:10], signature) is not None
