"""What a notification says of assets: for each, what is so since when, as `hear` of the database
takes it.

Bodies are Cloudinary's; what is not as its documentation has it is left out rather than guessed,
and what says nothing of an asset that a library could show is no change. It is read when it is
applied, not when it comes: what cannot be read today is kept, and may be by a later release.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from mediasweep.rules.text import storable

Said = dict[str, Any]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
AHEAD = timedelta(minutes=10)  # of the signature; a later time is no time
TYPES = {"image", "video", "raw"}
MIME = {"jpg": "image/jpeg", "svg": "image/svg+xml", "mp3": "audio/mpeg", "pdf": "application/pdf"}
UPLOAD = "upload"
SIDE_MOST, LASTS_MOST_S = 2**31 - 1, 1e7


@dataclass(frozen=True, slots=True)
class Change:
    """What is said of one asset; `at_us` is when it became so, in microseconds since 1970."""

    asset_id: str
    at_us: int
    said: Said

    whole: bool = False  # all that is so: a tag or an entry of the context that is not said is gone

    def as_json(self) -> dict[str, Any]:
        """Return it as the database reads it."""
        told = {"asset_id": self.asset_id, "at": self.at_us, "said": self.said}
        return {**told, "whole": True} if self.whole else told

    def since(self, moment: datetime) -> Change:
        """Return what an upload says beside the file, as what is so since this moment."""
        said = {what: value for what, value in self.said.items() if what != UPLOAD}
        return Change(self.asset_id, _us(moment), said, whole=True)


@dataclass(frozen=True, slots=True)
class Notification:
    """A body that could be read: an object with the type of the notification."""

    type: str
    body: Mapping[str, Any] = field(repr=False)

    @classmethod
    def read(cls, body: bytes) -> Notification:
        """Parse a body; raises ValueError for what is no notification."""
        try:
            told = json.loads(body)
        except RecursionError as error:
            raise ValueError("it is nested too deeply") from error
        if not isinstance(told, dict) or not isinstance(told.get("notification_type"), str):
            raise ValueError("it is no object with a notification_type")  # noqa: TRY004  a body's
        return cls(told["notification_type"][:100], told)

    def changes(self, signed_at: datetime) -> list[Change]:
        """Return what it says of assets, each asset once; none if its type says nothing of any."""
        reader = READERS.get(self.type)
        if reader is None:
            return []
        at_us = self._at_us(signed_at)
        found: dict[str, Said] = {}
        for resource, name in self._resources():
            asset_id = _text(resource.get("asset_id"))
            if asset_id:
                found.setdefault(asset_id, {}).update(reader(resource, name))
        return [Change(asset_id, at_us, said) for asset_id, said in found.items() if said]

    def _at_us(self, signed_at: datetime) -> int:
        """Return when it happened; the time of the signature where the body does not say."""
        context = self.body.get("notification_context")
        said = context.get("triggered_at") if isinstance(context, dict) else None
        at = _moment(said) or _moment(self.body.get("timestamp")) or signed_at
        return _us(min(at, signed_at + AHEAD))

    def _resources(self) -> Iterable[tuple[Mapping[str, Any], str]]:
        """Yield each resource and its public id: a list, a map by public id, or the body itself."""
        told = self.body.get("resources", [self.body])
        listed = told if isinstance(told, list) else []
        for name, resource in (
            told.items() if isinstance(told, dict) else (("", one) for one in listed)
        ):
            if isinstance(resource, dict):
                yield resource, _text(resource.get("public_id")) or name


def _upload(told: Mapping[str, Any], name: str) -> Said:
    if told.get("placeholder") or not _whole(told.get("bytes")) or not _name(told, name):
        return {}  # an asset of which there is no file yet
    made, form = _moment(told.get("created_at")), _text(told.get("format"))
    file = {
        "public_id": name,
        "version": _whole(told.get("version")),
        "bytes": _whole(told.get("bytes")),
        "width": _whole(told.get("width"), SIDE_MOST) or None,
        "height": _whole(told.get("height"), SIDE_MOST) or None,
        "duration": _seconds(told.get("duration")),
        "created_at": made.isoformat() if made else None,
        "access_mode": "authenticated" if told.get("access_mode") == "authenticated" else "public",
        "format": form,
        "mime_type": _mime(str(told.get("resource_type")), form),
        **{key: _text(told.get(key)) for key in ("signature", "etag", "original_filename")},
        **{key: _text(told.get(key)) for key in ("secure_url", "url")},
    }
    context = told.get("context")
    custom = context.get("custom", {}) if isinstance(context, dict) else {}
    tags = {f"tag:{tag}": True for tag in _texts(told.get("tags"))}
    return {"upload": file, **_place(told, name), **tags, **_entries(custom)}


def _delete(told: Mapping[str, Any], name: str) -> Said:
    was = _name(told, name)
    return {"gone": True, **({"was": was["name"]} if was else {})}


def _rename(told: Mapping[str, Any], _: str) -> Said:
    old, new = _text(told.get("from_public_id")), _text(told.get("to_public_id"))
    if old is None or new is None:
        return {}
    was = _name(told, old)
    return {**_place(told, new), **({"was": was["name"]} if was else {})}


def _move(told: Mapping[str, Any], name: str) -> Said:
    folder = _text(told.get("to_asset_folder"))
    return {**_name(told, name), **({} if folder is None else {"folder": folder})}


def _tags(told: Mapping[str, Any], name: str) -> Said:
    gone = {f"tag:{tag}": False for tag in _texts(told.get("removed"))}
    return {**_name(told, name), **gone, **{f"tag:{t}": True for t in _texts(told.get("added"))}}


def _context(told: Mapping[str, Any], name: str) -> Said:
    gone = dict.fromkeys(_entries(told.get("removed")))
    now = _entries(told.get("added")) | _entries(told.get("updated"))
    return {**_name(told, name), **gone, **now}


def _display_name(told: Mapping[str, Any], name: str) -> Said:
    called = _text(told.get("new_display_name"))
    return {**_name(told, name), **({} if called is None else {"display_name": called})}


def _name(told: Mapping[str, Any], name: str) -> Said:
    """Return what an asset is called, if all three parts of it are told."""
    kind, delivery = _text(told.get("resource_type")), _text(told.get("type"))
    if not name or kind not in TYPES or not delivery:
        return {}
    return {"name": {"public_id": name, "resource_type": kind, "type": delivery}}


def _place(told: Mapping[str, Any], name: str) -> Said:
    """Return name, folder and display name; without folders of its own, the id says the folder."""
    folder = _text(told.get("asset_folder"))
    shown = _text(told.get("display_name"))
    said = {**_name(told, name), "folder": name.rpartition("/")[0] if folder is None else folder}
    return said if shown is None else {**said, "display_name": shown}


def _entries(told: object) -> Said:
    """Return entries of a context: a map, or a list of names and values."""
    if isinstance(told, list):
        pairs = ((one.get("name"), one.get("value")) for one in told if isinstance(one, dict))
        told = {name: value for name, value in pairs if isinstance(name, str)}
    entries = told.items() if isinstance(told, dict) else ()
    return {
        f"context:{storable(name)}": None if value is None else storable(str(value))
        for name, value in entries
    }


def _mime(resource_type: str, form: str | None) -> str:
    if form in MIME:
        return MIME[form]
    if resource_type == "raw" or form is None:
        return "application/octet-stream"
    return f"{resource_type}/{form}"


def _us(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def _moment(said: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(said) if isinstance(said, str) else None
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment


def _whole(said: object, most: int = 2**63 - 1) -> int | None:
    try:
        number = int(str(said))
    except ValueError:
        return None
    return number if 0 <= number <= most else None


def _seconds(said: object) -> float | None:
    known = isinstance(said, int | float) and 0 <= said < LASTS_MOST_S
    return said if known else None  # type: ignore[return-value]  # as was just looked at


def _texts(said: object) -> list[str]:
    return [storable(one) for one in said if isinstance(one, str)] if isinstance(said, list) else []


def _text(said: object) -> str | None:
    return storable(said) if isinstance(said, str) else None


READERS: dict[str, Callable[[Mapping[str, Any], str], Said]] = {
    UPLOAD: _upload,
    "delete": _delete,
    "rename": _rename,
    "move": _move,
    "resource_tags_changed": _tags,
    "resource_context_changed": _context,
    "resource_metadata_changed": _name,  # no column is for more
    "resource_display_name_changed": _display_name,
}
