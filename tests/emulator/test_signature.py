"""Who is let in: signatures of both kinds, keys, clocks."""

from __future__ import annotations

import time
from typing import Any

import cloudinary.api
import cloudinary.exceptions
import cloudinary.uploader
import cloudinary.utils
import pytest

from mediasweep.emulator.client import Cloud
from mediasweep.emulator.signature import is_valid, to_sign

PUBLISHED = {
    "public_id": "sample_image",
    "eager": "w_400,h_300,c_pad|w_260,h_200,c_crop",
    "timestamp": "1315060510",
    "file": "not signed",
    "api_key": "not signed",
}
SHA1 = "bfd09f95f331f558cbd1320e67aa8d488770583e"
SHA256 = "cc927e1290f9e3ae4c1a741eda21a4630b4ce80f9ce0bc0296337d25cf40f91e"


def destroy(cloud: Cloud, **options: object) -> dict[str, Any]:
    """Destroy `a&b,c`, which is signed in another way by each version; errors are returned."""
    given = {**cloud.options(), "timeout": 10, "return_error": True, **options}
    answer: dict[str, Any] = cloudinary.uploader.destroy("a&b,c", **given)
    return answer


@pytest.mark.parametrize("signature", [SHA1, SHA256])
def test_the_published_example_is_valid(signature: str) -> None:
    """The signature in Cloudinary's documentation fits, by either algorithm, and no other does."""
    assert is_valid({**PUBLISHED, "signature": signature}, "abcd")
    assert not is_valid({**PUBLISHED, "signature": signature}, "abce")
    assert not is_valid({**PUBLISHED, "signature": "0" * len(signature)}, "abcd")
    assert not is_valid(PUBLISHED, "abcd")


def test_the_second_version_escapes() -> None:
    """Only signature version 2 tells `a=1&b=2` in one value from two parameters."""
    assert to_sign({"a": "1&b=2", "c": ""}, escape=True) == "a=1%26b=2"
    assert to_sign({"a": "1&b=2", "c": ""}, escape=False) == "a=1&b=2"


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
@pytest.mark.parametrize("version", [1, 2])
def test_each_kind_of_signature_is_accepted(cloud: Cloud, algorithm: str, version: int) -> None:
    """The SDK's signatures are accepted in both algorithms and both versions."""
    told = destroy(cloud, signature_algorithm=algorithm, signature_version=version)
    assert told["result"] == "not found"


def test_a_list_is_signed_as_one_value(cloud: Cloud) -> None:
    """A parameter that the SDK sends item by item is signed joined by commas."""
    params = {"timestamp": cloudinary.utils.now(), "public_id": "a", "batch": ["x", "y"]}
    told = cloudinary.uploader.call_api("destroy", params, **cloud.options())
    assert told["result"] == "not found"


def test_an_account_may_want_sha256(cloud: Cloud) -> None:
    """Switched so, a SHA-1 signature is refused and a SHA-256 one is not."""
    cloud.switch(sha256_only=True)
    assert destroy(cloud)["error"]["http_code"] == 401
    assert destroy(cloud, signature_algorithm="sha256")["result"] == "not found"


def test_a_wrong_secret_is_refused(cloud: Cloud) -> None:
    """A wrong secret is a 401 that shows the string to sign, and nothing is deleted."""
    cloudinary.uploader.upload(b"bytes", public_id="a", **cloud.options())
    with pytest.raises(cloudinary.exceptions.AuthorizationRequired, match="Invalid Signature") as e:
        cloudinary.uploader.destroy("a", **{**cloud.options(), "api_secret": "wrong"})
    assert "String to sign - 'public_id=a&timestamp=" in str(e.value)
    assert len(cloud.assets()) == 1


def test_an_unknown_key_or_cloud_is_refused(cloud: Cloud) -> None:
    """A key or a cloud that does not exist is a 401 of its own."""
    assert "Unknown API key" in destroy(cloud, api_key="1")["error"]["message"]
    error = destroy(cloud, cloud_name="nobody")["error"]
    assert (error["http_code"], "cloud_name" in error["message"]) == (401, True)


def destroy_at(cloud: Cloud, timestamp: object) -> dict[str, Any]:
    """Destroy as if at another time; errors are returned."""
    params = {"timestamp": timestamp, "public_id": "a"}
    answer: dict[str, Any] = cloudinary.uploader.call_api(
        "destroy", params, return_error=True, **cloud.options()
    )
    return answer


@pytest.mark.parametrize("status", [400, 401])
def test_an_old_request_is_stale(cloud: Cloud, status: int) -> None:
    """A request signed more than an hour ago is refused, with the status that was switched."""
    cloud.switch(stale_status=status)
    error = destroy_at(cloud, int(time.time()) - 3700)["error"]
    assert error["http_code"] == status
    assert error["message"].startswith("Stale request - reported time is ")
    assert error["message"].endswith(" which is more than 1 hour ago")
    assert destroy_at(cloud, int(time.time()) - 3500)["result"] == "not found"


@pytest.mark.parametrize("timestamp", ["soon", "²", "9" * 30])
def test_a_timestamp_is_a_number(cloud: Cloud, timestamp: str) -> None:
    """A timestamp that is none is a bad request, not a broken server."""
    assert destroy_at(cloud, timestamp)["error"]["http_code"] == 400


def test_a_key_is_revoked_and_restored(cloud: Cloud) -> None:
    """While a key is revoked nothing passes; afterwards it works as before."""
    cloud.switch(revoked=True)
    assert destroy(cloud)["error"]["http_code"] == 401
    cloud.switch(revoked=False)
    assert destroy(cloud)["result"] == "not found"


def test_a_secret_is_changed(cloud: Cloud) -> None:
    """After a rotation only the new secret is good."""
    cloud.switch(secret="fresh")
    assert destroy(cloud)["error"]["http_code"] == 401
    assert destroy(cloud, api_secret="fresh")["result"] == "not found"


def test_ping_wants_the_credentials(cloud: Cloud) -> None:
    """A ping of the Admin API answers ok with its rate limit, and 401 to a wrong secret."""
    answer = cloudinary.api.ping(**cloud.options())
    assert (answer["status"], answer.rate_limit_allowed) == ("ok", 500)
    with pytest.raises(cloudinary.exceptions.AuthorizationRequired):
        cloudinary.api.ping(**{**cloud.options(), "api_secret": "wrong"})
