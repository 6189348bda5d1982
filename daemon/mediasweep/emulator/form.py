"""The parameters and the file of a request to the Upload API: multipart, or an ordinary form.

A body that cannot be read is no exception but a form that is not `readable`, so that the call is
logged and answered like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from mediasweep.emulator.uploads import File

LARGEST = 100 * 2**20  # bytes; what Cloudinary takes in one request


@dataclass(frozen=True, slots=True)
class Form:
    """What was sent. `file`: bytes with a name, or text that may be a data URI."""

    params: Mapping[str, str] = field(default_factory=dict)
    file: File | str | None = None
    readable: bool = True


async def read_form(request: Request) -> Form:
    """Return what the request holds; the items of a list (`name[]`) are joined by commas."""
    params: dict[str, str] = {}
    file: File | str | None = None
    try:
        async with request.form(max_part_size=LARGEST) as form:
            for name, value in form.multi_items():
                if isinstance(value, UploadFile):
                    file = File(await value.read(), value.filename or "file")
                elif name == "file":
                    file = value
                else:
                    plain = name.removesuffix("[]")
                    joined = plain != name and plain in params
                    params[plain] = f"{params[plain]},{value}" if joined else value
    except HTTPException:
        return Form(readable=False)
    return Form(params, file)
