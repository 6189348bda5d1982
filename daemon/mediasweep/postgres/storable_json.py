"""An answer from outside, as jsonb can hold it. Nothing here fails: see `storable_json`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

RESPONSE_MOST = 65_536


def storable_json(response: Mapping[str, Any]) -> str:
    """Return an answer as jsonb can hold it; what it cannot hold is kept as its representation."""
    try:
        text = json.dumps(response, default=str, ensure_ascii=False, allow_nan=False)
        text.encode()
        if len(text) > RESPONSE_MOST:
            return json.dumps({"unreadable": text[:2000]})
    except (ValueError, RecursionError):
        return json.dumps({"unreadable": repr(response)[:2000].encode("ascii", "replace").decode()})
    return (
        text if "\\u0000" not in text else json.dumps({"unreadable": text.replace("\\u0000", "")})
    )
