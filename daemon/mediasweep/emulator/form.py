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
    """What was sent. `file`: bytes with a name, or text that may be a data URI.

    `lists`: the items of each list, which stand in `params` as one text.
    """

    params: Mapping[str, str] = field(default_factory=dict)
    lists: Mapping[str, list[str]] = field(default_factory=dict)
    file: File | str | None = None
    readable: bool = True


async def read_form(request: Request) -> Form:
    """Return what the request holds; the items of a list (`name[]`) are joined by commas."""
    params: dict[str, str] = {}
    lists: dict[str, list[str]] = {}
    file: File | str | None = None
    try:
        async with request.form(max_part_size=LARGEST) as form:
            for name, value in form.multi_items():
                if isinstance(value, UploadFile):
                    file = File(await value.read(), value.filename or "file")
                elif name == "file":
                    file = value
                elif name.endswith("[]"):
                    lists.setdefault(name[:-2], []).append(value)
                else:
                    params[name] = value
    except HTTPException:
        return Form(readable=False)
    params |= {name: ",".join(items) for name, items in lists.items()}
    return Form(params, lists, file)
