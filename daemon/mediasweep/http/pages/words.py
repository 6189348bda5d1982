"""How pages write times, lengths, sizes and counts.

Markup is made here of numbers and times only; all that people wrote goes through Jinja's escaping.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from markupsafe import Markup, escape

from mediasweep.rules.number import counted, number
from mediasweep.rules.reason import ago

NONE = "\N{EN DASH}"
KIB = 1024
UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
ROUND_FROM = 10  # from which on a size needs no decimal
TIME = Markup('<time datetime="{}" title="{}">{}</time>')
CODE = Markup("<code>{}</code>")


def moment(at: datetime | None) -> str:
    """Return a time as people say it, with the exact one behind it."""
    if at is None:
        return NONE
    at = at.astimezone(UTC)
    left = at - datetime.now(UTC)
    said = f"in {ago(left)}" if left > timedelta(seconds=1) else f"{ago(-left)} ago"
    return TIME.format(at.isoformat(), f"{at:%Y-%m-%d %H:%M:%S} UTC", said)


def ending(at: datetime) -> str:
    """Return how long something goes on that ends at this time, with the exact one behind it."""
    at = at.astimezone(UTC)
    left = at - datetime.now(UTC)
    said = f"for {ago(left)} more" if left > timedelta(seconds=1) else "until now"
    return TIME.format(at.isoformat(), f"{at:%Y-%m-%d %H:%M:%S} UTC", said)


def lasting(given: timedelta | float | None) -> str:
    """Return a length of time, or so many seconds, in one unit."""
    if given is None:
        return NONE
    return ago(given if isinstance(given, timedelta) else timedelta(seconds=given))


def size(count: float | None) -> str:
    """Return bytes in the unit that fits."""
    if count is None:
        return NONE
    unit = 0
    while count >= KIB and unit < len(UNITS) - 1:
        count, unit = count / KIB, unit + 1
    return (
        f"{count:.1f} {UNITS[unit]}"
        if unit and count < ROUND_FROM
        else f"{count:.0f} {UNITS[unit]}"
    )


def known(count: float | None) -> str:
    """Return a count as `number` has it, or that it is not known."""
    return NONE if count is None else number(count)


def sentence(text: str) -> str:
    """Return a text that begins a line."""
    return text[:1].upper() + text[1:]


def words(name: str | None) -> str:
    """Return a name of ours as people read it."""
    return (name or "").replace("_", " ")


def called(public_id: str, *names: str | None) -> str:
    """Return what people call an asset: only if they do not, the end of its public id, often
    random, which Cloudinary takes for a name too.
    """
    end = public_id.rpartition("/")[2]
    return next((name for name in names if name and name != end), end)


def commands(text: str) -> Markup:
    """Return a sentence whose commands, between backquotes, are set as such."""
    parts = text.split("`")
    marked = [CODE.format(part) if odd % 2 else escape(part) for odd, part in enumerate(parts)]
    return Markup("").join(marked)


FILTERS: dict[str, Callable[..., Any]] = {
    "called": called,
    "commands": commands,
    "moment": moment,
    "ending": ending,
    "lasting": lasting,
    "size": size,
    "number": known,
    "plural": counted,
    "words": words,
    "sentence": sentence,
}
