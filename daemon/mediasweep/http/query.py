"""What an address asks of the API: nothing but what its route knows, and each once."""

from __future__ import annotations

from typing import get_origin

from fastapi import Request
from fastapi.exceptions import RequestValidationError


def check_parameters(request: Request) -> None:
    """Raise RequestValidationError for parameters of no meaning here: a slip would do nothing.

    So would all but the last of one that is said again where one value is meant.
    """
    asked = request.scope["route"].dependant.query_params
    fields = [one.field_info.annotation.model_fields for one in asked]
    known = {name: field for some in fields for name, field in some.items()}
    ctx = {"known": f"known are {', '.join(known)}" if known else "no parameter is"}
    wrong = [
        {"type": "unknown_parameter", "loc": ("query", name), "ctx": ctx}
        for name in request.query_params
        if name not in known
    ]
    wrong += [
        {"type": "repeated_parameter", "loc": ("query", name)}
        for name, field in known.items()
        if get_origin(field.annotation) is not list
        and sum(said != "" for said in request.query_params.getlist(name)) > 1
    ]
    if wrong:
        raise RequestValidationError(wrong)
