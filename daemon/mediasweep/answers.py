"""What the SDK returned or raised, as an Answer. Total: an answer of a kind never seen before is
UNCLEAR.
"""

from __future__ import annotations

import ssl
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from mediasweep.rules.outcome import Answer, Outcome, read_error
from mediasweep.sdk import cloudinary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OK = 200

# What each exception of the SDK means as a status. The SDK raises its base class, without a status,
# for everything that happened below HTTP, and for answers it could not parse.
STATUS_OF_EXCEPTION: dict[type[Exception], int | None] = {
    cloudinary.exceptions.BadRequest: 400,
    cloudinary.exceptions.AuthorizationRequired: 401,
    cloudinary.exceptions.NotAllowed: 403,
    cloudinary.exceptions.NotFound: 404,
    cloudinary.exceptions.AlreadyExists: 409,
    cloudinary.exceptions.RateLimited: 420,
    cloudinary.exceptions.GeneralError: 500,
    cloudinary.exceptions.Error: None,
}
# below HTTP: the connection was never made, so nothing can have been done
_NOTHING_SENT = (NewConnectionError, ConnectTimeoutError, ssl.SSLCertVerificationError)


def read_body(body: object, status: int, read: Callable[[Any], Answer]) -> Answer:
    """Read what the SDK returned with this status; `read` reads what is no error."""
    told = body.get("error") if isinstance(body, dict) else None
    # the Upload API's is a key of the answer, the Admin API's an attribute
    request_id = _text(getattr(body, "request_id", None))
    if isinstance(body, dict) and request_id is None:
        request_id = _text(body.get("request_id"))
    if isinstance(told, dict):
        code, said = int(told.get("http_code") or 0), str(told.get("message"))
        return read_error(code, said, request_id=_text(told.get("request_id")))
    if status != OK:
        return Answer(Outcome.UNCLEAR, f"HTTP {status} without an error", None, request_id, status)
    return replace(read(body), request_id=request_id)


def read_exception(error: Exception) -> Answer:
    """Read what the SDK raised. What never reached Cloudinary is told apart from what may have."""
    for cause in _causes(error):
        if isinstance(cause, _NOTHING_SENT):
            return Answer(Outcome.UNREACHABLE, f"no connection: {in_short(cause)}")
    status = STATUS_OF_EXCEPTION.get(type(error))
    if status is not None:
        return read_error(status, in_short(error))
    return Answer(Outcome.UNCLEAR, _brief(error))


def in_short(error: BaseException) -> str:
    """Return what an error comes of: what the system said, if it did, else what it says itself."""
    said = [one.strerror or str(one) for one in _causes(error) if isinstance(one, OSError)]
    return said[-1] if said and said[-1] else str(error)


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        inner = cause.args[0] if isinstance(cause, HTTPError) and cause.args else None
        cause = cause.__cause__ or cause.__context__ or _exception(inner)


def _text(value: object) -> str | None:
    return value[:200] if isinstance(value, str) else None


def _exception(value: object) -> BaseException | None:
    return value if isinstance(value, BaseException) else None


def _brief(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:500]
