"""The account at Cloudinary: whether it can be reached, takes the key, and has calls left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from mediasweep.rules.finding import Finding, note, problem, warning
from mediasweep.rules.number import number
from mediasweep.rules.outcome import Answer, Outcome
from mediasweep.rules.quota import LEFT, LIMIT, RESET
from mediasweep.rules.reason import ago

STALE = timedelta(minutes=50)  # a request is refused whose time is an hour off
SKEW_MOST = timedelta(seconds=30)
LEFT_LEAST = 0.1


def answer(said: Answer, cloud: str) -> list[Finding]:
    """Judge the answer to a ping."""
    detail = said.detail or str(said.outcome)
    if said.ok:
        return []
    if said.outcome in {Outcome.AUTH_REFUSED, Outcome.REJECTED}:
        return problem(
            f"Cloudinary refuses these credentials for cloud {cloud}: {detail}",
            "no daemon starts with them, and one that runs closes the gate `auth`",
            "copy cloud name, key and secret anew from Settings, API Keys",
        )
    if said.outcome is Outcome.THROTTLED:
        until = f" until {said.until:%H:%M:%S} UTC" if said.until else ""
        return warning(
            f"Cloudinary takes no more calls of its Admin API{until}: {detail}",
            "deletions go on, but restoring has to wait",
            "wait; look what else uses this key",
        )
    return problem(
        f"Cloudinary cannot be asked: {detail}",
        "nothing is deleted meanwhile; the gate `breaker` closes and tests by itself",
        "look whether this host reaches api.cloudinary.com, or what upload_prefix names, by HTTPS",
    )


def triggers(said: Answer) -> list[Finding]:
    """Judge whom Cloudinary tells of what changes there."""
    if not said.ok or (said.response or {}).get("triggers"):
        return []
    return note(
        "Cloudinary tells nobody of what changes there",
        "a library has what is uploaded, changed or deleted there only once it is reconciled",
        "with a library: `mediasweep webhook register` with the address of a daemon",
    )


def exposed(addresses: Sequence[str]) -> list[Finding]:
    """Judge where notifications come in from elsewhere, though no token is set."""
    if not addresses:
        return []
    return warning(
        f"Cloudinary tells {', '.join(addresses)}, and MEDIASWEEP_API_TOKEN is not set",
        "what passes that on to a daemon looks like this machine, so that whoever finds it may do "
        "everything, unless nothing but the one path is passed on",
        "set MEDIASWEEP_API_TOKEN for all daemons, and here; `openssl rand -hex 32` makes one",
    )


def clock(told: str | None, now: datetime) -> list[Finding]:
    """Judge this host's clock by the `Date` of an answer that has just come."""
    try:
        there = parsedate_to_datetime(told or "")
    except ValueError:
        return []
    if there.tzinfo is None:
        return []
    skew = abs(now - there)
    if skew <= SKEW_MOST:
        return []
    side = "ahead of" if now > there else "behind"
    return (problem if skew > STALE else warning)(
        f"this host's clock is {ago(skew)} {side} Cloudinary's",
        "Cloudinary refuses calls that are signed for a time an hour off",
        "let this host keep time by NTP",
    )


def quota(headers: Mapping[str, str]) -> list[Finding]:
    """Judge how many calls of the Admin API are left in this hour."""
    try:
        limit, left = int(headers[LIMIT]), int(headers[LEFT])
    except (KeyError, ValueError):
        return []
    if limit <= 0 or left >= limit * LEFT_LEAST:
        return []
    return warning(
        f"{number(left)} of {number(limit)} calls of Cloudinary's Admin API are left until "
        f"{headers.get(RESET, 'the next hour')}",
        "deletions go on, but restoring needs this API",
        "look what else uses this key",
    )
