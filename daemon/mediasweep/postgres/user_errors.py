"""Whose an error is: of the schema, or of a trigger or constraint of the user's where it writes."""

from __future__ import annotations

import re

import asyncpg

from mediasweep.postgres.pool import PASSING

__all__ = ["PostgresError", "user_constraint", "user_function"]

PostgresError = asyncpg.PostgresError
# innermost first; by its whole name, because what we run has no schema of the user's in its path
RAN_IN = re.compile(r"PL/pgSQL\S*(?: function)? ([^\s(]+)\(")


def user_function(error: BaseException) -> str | None:
    """Return the function of the user's that raised an error; None if it was none, or if it passes
    by itself.
    """
    if not isinstance(error, asyncpg.PostgresError) or isinstance(error, PASSING):
        return None
    found = RAN_IN.search(error.context or "")
    return found[1] if found and not found[1].startswith("mediasweep.") else None


def user_constraint(error: BaseException) -> str | None:
    """Return what a constraint of a table of the user's says, without the row that it refuses; None
    if the error is of none.
    """
    if not isinstance(error, asyncpg.IntegrityConstraintViolationError):
        return None
    return None if error.schema_name in {None, "mediasweep"} else str(error.args[0])
