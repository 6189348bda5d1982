"""Signatures of the Upload API and of notifications (Cloudinary documentation, "Signatures").

Pure; a signature that is missing or of an unknown length is not valid, and never an error.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

UNSIGNED = frozenset({"file", "cloud_name", "resource_type", "api_key", "signature"})
ALGORITHMS = {40: hashlib.sha1, 64: hashlib.sha256}
SHA256_LENGTH = 64


def to_sign(params: Mapping[str, str], *, escape: bool) -> str:
    """Return the string that is signed; `escape`: signature version 2, which escapes `&`."""
    pairs = (f"{k}={v}" for k, v in params.items() if k not in UNSIGNED and v != "")
    return "&".join(sorted(pair.replace("&", "%26") if escape else pair for pair in pairs))


def is_valid(params: Mapping[str, str], secret: str, *, sha256_only: bool = False) -> bool:
    """Tell whether the signature fits, by either algorithm (told by its length) and version.

    `sha256_only`: the account was restricted to SHA-256.
    """
    given = params.get("signature", "")
    algorithm = ALGORITHMS.get(len(given))
    if algorithm is None or not given.isascii() or (sha256_only and len(given) != SHA256_LENGTH):
        return False
    return any(
        hmac.compare_digest(
            algorithm((to_sign(params, escape=escape) + secret).encode()).hexdigest(), given
        )
        for escape in (True, False)
    )


def of_asset(public_id: str, version: int, secret: str) -> str:
    """Return the signature that an upload is answered with."""
    return hashlib.sha1(f"public_id={public_id}&version={version}{secret}".encode()).hexdigest()  # noqa: S324  Cloudinary's own choice


def of_notification(body: str, timestamp: str, secret: str, *, sha256: bool) -> str:
    """Return the signature of a notification, which is a plain hash and no HMAC."""
    algorithm = hashlib.sha256 if sha256 else hashlib.sha1
    return algorithm(f"{body}{timestamp}{secret}".encode()).hexdigest()
