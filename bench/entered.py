"""The daemon, noting when it enters the SDK for each asset."""

from __future__ import annotations

import sys
import time
from typing import Any

import cloudinary.uploader

from mediasweep.cli import main

NOTED: list[tuple[str, int]] = []
_call = cloudinary.uploader.call_api


def _noting(action: str, params: dict[str, Any], **options: Any) -> Any:  # noqa: ANN401  the SDK's own
    NOTED.append((params["public_id"], time.time_ns()))
    return _call(action, params, **options)


if __name__ == "__main__":
    cloudinary.uploader.call_api = _noting
    sys.argv[1:] = ["run"]
    try:
        main()
    finally:
        sys.stdout.write("".join(f"{id_} {ns}\n" for id_, ns in NOTED))
