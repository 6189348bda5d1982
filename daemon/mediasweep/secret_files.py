"""Secrets that stand in files: named by a variable, or systemd credentials."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def read_secret(name: str, env: Mapping[str, str]) -> str | None:
    """Return a secret from a file: `NAME_FILE`, else a systemd credential of that name.

    None: there is none; raises ValueError for one that cannot be read.
    """
    named = env.get(f"{name}_FILE")
    path = Path(named or Path(env.get("CREDENTIALS_DIRECTORY", "/nonexistent"), name))
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        if isinstance(error, FileNotFoundError) and not named:
            return None
        what = f"{name}_FILE" if named else f"the credential {name}"
        raise ValueError(f"{what} cannot be read: {error}") from None
