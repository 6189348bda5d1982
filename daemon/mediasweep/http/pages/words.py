"""How pages write times, lengths, sizes and counts.

Markup is made here of numbers and times only; all that people wrote goes through Jinja's escaping.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from markupsafe import Markup, escape

from mediasweep.rules.number import counted, number, scale, size
from mediasweep.rules.reason import ago

NONE = "\N{EN DASH}"
NOW = timedelta(seconds=1)
TIME = Markup('<time datetime="{}" title="{}">{}</time>')
CODE = Markup("<code>{}</code>")


def moment(at: datetime | None) -> str:
    """Return a time as people say it, with the exact one behind it."""
    if at is None:
        return NONE
    return TIME.format(at.isoformat(), _stamp(at), _said(at))


def exact(at: datetime) -> str:
    """Return a time to the second, with how people say it behind it."""
    return TIME.format(at.isoformat(), _said(at), _stamp(at))


def _stamp(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _said(at: datetime) -> str:
    left = at - datetime.now(UTC)
    if abs(left) < NOW:
        return "just now"
    return f"in {ago(left)}" if left > NOW else f"{ago(-left)} ago"


def ending(at: datetime) -> str:
    """Return how long something goes on that ends at this time, with the exact one behind it."""
    left = at - datetime.now(UTC)
    said = f"for {ago(left)} more" if left > NOW else "until now"
    return TIME.format(at.isoformat(), _stamp(at), said)


def lasting(given: timedelta | float | None) -> str:
    """Return a length of time, or so many seconds, in one unit."""
    if given is None:
        return NONE
    return ago(given if isinstance(given, timedelta) else timedelta(seconds=given))


def sized(count: float | None) -> str:
    """Return bytes as `size` has them, or that they are not known."""
    return NONE if count is None else size(count)


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
    "exact": exact,
    "ending": ending,
    "lasting": lasting,
    "size": sized,
    "number": known,
    "plural": counted,
    "scale": scale,
    "words": words,
    "sentence": sentence,
}
