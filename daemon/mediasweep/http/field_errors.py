"""What is wrong with a field of a request, as people say it: its name as it was sent, and what is
expected there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

PLACES = {"body", "query", "path"}
WRONG = {  # of pydantic's kinds of errors, those whose own words speak of Python
    "missing": "is missing",
    "extra_forbidden": "is not known here",
    "unknown_parameter": "is not known here; {known}",
    "repeated_parameter": "is said more than once",
    "string_type": "has to be a text",
    "string_too_long": "may not be longer than {max_length}",
    "int_type": "has to be a whole number",
    "int_parsing": "has to be a whole number",
    "int_parsing_size": "is too large",
    "int_from_float": "has to be a whole number",
    "float_type": "has to be a number",
    "bool_type": "has to be true or false",
    "bool_parsing": "has to be true or false",
    "greater_than_equal": "has to be {ge} or more",
    "less_than_equal": "has to be {le} or less",
    "enum": "has to be {expected}",
    "literal_error": "has to be {expected}",
    "uuid_type": "has to look like 3f2c8a5e-0d1b-4c6f-9a7e-5b2d8c1f4e60",
    "uuid_parsing": "has to look like 3f2c8a5e-0d1b-4c6f-9a7e-5b2d8c1f4e60",
    "list_type": "has to be a list",
    "too_short": "may not be empty",
    "too_long": "may not be longer than {max_length}",
    "model_attributes_type": "has to be an object",
    "value_error": "{error}",
}


def field(loc: Sequence[str | int]) -> str:
    """Return the name of a field as it was sent, as in `filter.status[0]`."""
    parts = loc[1:] if loc[0] in PLACES else loc
    named = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    named = named.removeprefix(".")
    return named.strip("_") or named or ("the body" if loc[0] == "body" else '""')


def wrong(error: Mapping[str, Any]) -> str:
    """Return what is expected of the field in which pydantic found an error."""
    said = WRONG.get(error["type"])
    return str(error["msg"]) if said is None else said.format(**error.get("ctx", {}))
