"""What an address asks of the API: nothing but what its route knows."""

from __future__ import annotations

from fastapi import Request
from fastapi.exceptions import RequestValidationError


def refuse_unknown(request: Request) -> None:
    """Raise RequestValidationError for parameters of no meaning here: a slip would do nothing."""
    asked = request.scope["route"].dependant.query_params
    known = [name for one in asked for name in one.field_info.annotation.model_fields]
    ctx = {"known": f"known are {', '.join(known)}" if known else "no parameter is"}
    wrong = [
        {"type": "unknown_parameter", "loc": ("query", name), "ctx": ctx}
        for name in request.query_params
        if name not in known
    ]
    if wrong:
        raise RequestValidationError(wrong)
