"""Which public ids are allowed, and what becomes of the others.

Fact: Cloudinary documentation, "Permitted naming conventions". Pure; an id that cannot be had
raises ValueError with the message that the API answers.
"""

from __future__ import annotations

import re
import unicodedata

LONGEST = 255
FORBIDDEN = re.compile(r"[?&#\\%<>+]")
VERSION_FOLDER = re.compile(r"(?:^|/)v\d+/")
PLAIN = frozenset("._-/ ")


def normalised(public_id: str) -> str:
    """Return the id under which an upload is stored: letters of any language, digits and `._-/`.

    Other characters become `_` inside and vanish at the ends. Raises ValueError for characters that
    are forbidden, for a folder that looks like a version, and for what is too long or empty.
    """
    if len(public_id) > LONGEST:
        raise ValueError(f"public_id is too long: at most {LONGEST} characters")
    if FORBIDDEN.search(public_id) or VERSION_FOLDER.search(public_id):
        raise ValueError(f"public_id ({public_id}) is invalid")
    trimmed = public_id
    while trimmed and not _plain(trimmed[0]):
        trimmed = trimmed[1:]
    while trimmed and not _plain(trimmed[-1]):
        trimmed = trimmed[:-1]
    if not trimmed or trimmed != trimmed.strip(" /"):
        raise ValueError(f"public_id ({public_id}) is invalid")
    return "".join(letter if _plain(letter) else "_" for letter in trimmed)


def from_filename(stem: str) -> str:
    """Return a public id made of a file's name, in which what is forbidden is replaced too."""
    return normalised(FORBIDDEN.sub("_", stem).replace("/", "_").strip() or "file")


def _plain(letter: str) -> bool:
    # L, M, N: letters, the marks that some scripts write them with, numbers
    return letter in PLAIN or unicodedata.category(letter)[0] in "LMN"
