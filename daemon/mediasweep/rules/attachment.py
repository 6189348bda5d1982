"""How a table is attached: from flags to the options that the database reads, and back.

What flags cannot say stands in --options as JSON. What cannot be meant is an AttachError; whether
the columns are there is for the database to say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

CONSTANTS = {
    "resource_type": ("image", "video", "audio", "raw"),
    "delivery_type": ("upload", "private", "authenticated"),
}
COLUMNS = ("asset_id", "version")
WORDS = {"filter": "--where", "grace": "--grace", "cloud": "--cloud", "references": "--references"}
CLOUD = re.compile(r"[A-Za-z0-9_-]+")
PATH = re.compile(r"(\S+)\s+((?:strict\s+|lax\s+)?\$.*)", flags=re.DOTALL)
FORM = "--json-path is 'COLUMN PATH', as in 'data $.images[*].publicId'"


class AttachError(Exception):
    """What was asked of attach or detach cannot be meant; the message says what to write.

    `column`: the one that there is not.
    """

    def __init__(self, message: str, column: str | None = None) -> None:
        super().__init__(message)
        self.column = column


@dataclass(frozen=True, slots=True)
class AttachFlags:
    """What the flags of `attach` say; `options` is the text of --options."""

    public_id: Sequence[str] = ()
    url: Sequence[str] = ()
    json_path: Sequence[str] = ()
    resource_type: str | None = None
    delivery_type: str | None = None
    asset_id: str | None = None
    version: str | None = None
    deleted: str | None = None
    filter: str | None = None
    grace: str | None = None
    cloud: str | None = None
    references: str | None = None
    strict: bool = False
    notify: bool = True
    brake_floor: int | None = None
    options: str | None = None

    @property
    def nothing(self) -> bool:
        """Tell whether nothing at all was said."""
        return self == AttachFlags()

    def read(self) -> dict[str, Any]:
        """Return the options as `mediasweep.attach` takes them; raises AttachError."""
        self._check()
        given = dict(self._flags())
        more = _read_json(self.options)
        if twice := sorted(given.keys() & more.keys()):
            raise AttachError(f"{', '.join(twice)}: given by a flag and in --options")
        if ("public_id" in given and "refs" in more) or ("refs" in given and "public_id" in more):
            raise AttachError("say where the ids stand by flags or in --options, not by both")
        if not (given.keys() | more.keys()) & {"public_id", "refs"}:
            raise AttachError(
                "say which column names the assets: --public-id COLUMN, --url COLUMN or --json-path"
                " 'COLUMN PATH'; `mediasweep attach --suggest` looks for some"
            )
        return given | more

    def _check(self) -> None:
        """Raise AttachError for what is empty, given twice, or means nothing as it stands."""
        for name in (*CONSTANTS, *COLUMNS, *WORDS, "deleted"):
            if getattr(self, name) == "":
                raise AttachError(f"{WORDS.get(name, '--' + name.replace('_', '-'))} is empty")
        said = [*self.public_id, *self.url, *self.json_path]
        if twice := sorted({one for one in said if said.count(one) > 1} - set(self.url)):
            raise AttachError(f"given twice: {', '.join(twice)}")
        if self.deleted and self.deleted.endswith(("=", ",")):
            raise AttachError("--deleted COLUMN=VALUES names the values, as in status=deleted")
        if self.cloud and not CLOUD.fullmatch(self.cloud):
            raise AttachError(f"--cloud {self.cloud!r} is no name of a cloud")
        if self.cloud and not (self.url or self.options):
            raise AttachError("--cloud says whose URLs count: it goes with --url")

    def _flags(self) -> Iterator[tuple[str, Any]]:
        refs: list[Any] = [*self.public_id, *({"column": c, "url": True} for c in self.url)]
        refs += map(_read_path, self.json_path)
        if refs:
            several = [{"public_id": ref} for ref in refs]
            yield ("public_id", refs[0]) if len(refs) == 1 else ("refs", several)
        for name, constants in CONSTANTS.items():
            if text := getattr(self, name):
                yield name, {"value": text} if text in constants else text
        for name in (*COLUMNS, *WORDS):
            if text := getattr(self, name):
                yield name, text
        if self.deleted:
            column, is_, values = self.deleted.partition("=")
            yield "deleted", {"column": column, "in": values.split(",")} if is_ else column
        if self.strict:
            yield "strict", True
        if not self.notify:
            yield "notify", False
        if self.brake_floor is not None:
            yield "brake", {"floor": self.brake_floor}


def _read_path(text: str) -> dict[str, str]:
    found = PATH.fullmatch(text.strip())
    if found is None:
        raise AttachError(f"{FORM}, not {text!r}")
    return {"column": found[1], "path": found[2]}


def _read_json(text: str | None) -> dict[str, Any]:
    try:
        read = json.loads(text or "{}")
    except ValueError as error:
        raise AttachError(f"--options is no JSON: {error}") from None
    if not isinstance(read, dict):
        raise AttachError('--options is a JSON object, as in \'{"folder": "folder"}\'')
    return read


def flags(options: dict[str, Any]) -> list[str]:
    """Return flags that say these options, what they cannot say in --options."""
    left = dict(options)
    words: list[str] = []
    refs = [one.get("public_id") if one.keys() == {"public_id"} else None for one in _refs(options)]
    said = [_ref_flag(ref) for ref in refs]
    kinds = [one[0] for one in said if one]
    if all(said) and kinds == sorted(kinds, key=["--public-id", "--url", "--json-path"].index):
        words += [word for one in said if one for word in one]
        left.pop("refs" if "refs" in left else "public_id", None)
    for name, value in options.items():
        if (one := _flag(name, value)) is not None:
            words += one
            del left[name]
    return words + (["--options", json.dumps(left, ensure_ascii=False)] if left else [])


def _refs(options: dict[str, Any]) -> list[dict[str, Any]]:
    refs = options.get("refs", [{"public_id": options.get("public_id")}])
    return refs if "refs" not in options or len(refs) > 1 else [{}]  # one ref is not said as refs


def _ref_flag(ref: object) -> list[str] | None:
    if isinstance(ref, str) and _plain(ref):
        return ["--public-id", ref]
    match ref:
        case {"column": str(column), "url": True, **rest} if not rest and _plain(column):
            return ["--url", column]
        case {"column": str(column), "path": str(path), **rest} if not rest:
            text = f"{column} {path}"
            fits = PATH.fullmatch(text)
            return ["--json-path", text] if fits and fits[1] == column else None
    return None


def _flag(name: str, value: object) -> list[str] | None:
    """Return the flag for one option, or None where only JSON can say it."""
    flag = f"--{name.replace('_', '-')}"
    match name, value:
        case "resource_type" | "delivery_type", {"value": str(text), **rest} if not rest:
            return [flag, text] if text in CONSTANTS[name] else None
        case "resource_type" | "delivery_type", str(text) if text not in CONSTANTS[name]:
            return [flag, text] if _plain(text) else None
        case "deleted", str(text) if "=" not in text and _plain(text):
            return [flag, text]
        case "deleted", {"column": str(column), "in": [*values], **rest} if not rest:
            told = f"{column}={','.join(map(str, values))}"
            back = AttachFlags(public_id=("c",), deleted=told).read()["deleted"]
            return [flag, told] if back == value and _plain(column) else None
        case "asset_id" | "version" | "filter" | "grace" | "cloud" | "references", str(text) if (
            _plain(text)
        ):
            return [WORDS.get(name, flag), text]
        case "strict", True:
            return [flag]
        case "notify", False:
            return ["--no-notify"]
        case "brake", {"floor": int(floor), **rest} if not rest:
            return ["--brake-floor", str(floor)]
    return None


def _plain(text: str) -> bool:
    """Tell whether a text can be the value of a flag: not empty, and not like a flag."""
    return bool(text) and not text.startswith("-")
