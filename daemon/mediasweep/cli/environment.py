"""adopt."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mediasweep.cli.consent import Yes, agree
from mediasweep.cli.output import Json, in_a_line, print_json, print_table
from mediasweep.cli.session import database, do, who

COPY = """
Is this database a copy of one that is still in use? Then adopting it with the original's account
lets it delete assets that the original uses. Give it an account of its own instead.
"""


def adopt(
    yes: Yes = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show it, and change nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Accept this database and account after a move or copy.

    After a move, a copy or a failover, or with another account.
    """
    from mediasweep.operations import environment
    from mediasweep.settings import load

    cloud = str(load().credentials()["cloud_name"])

    async def run() -> dict[str, Any]:
        async with database() as connection:
            found = await environment.look(connection, cloud=cloud)
            if not as_json:
                _show(found)
            if dry_run or not (found["differences"] or found["gates"]):
                return found | {"adopted": False}
            if not yes:
                agree("Adopt")
            await environment.adopt(connection, cloud=cloud, who=who())
            return found | {"adopted": True}

    done = do(run())
    if as_json:
        print_json(done)
    typer.echo(
        "adopted" if done["adopted"] else "nothing was changed",
        err=True,
    )


def _show(found: dict[str, Any]) -> None:
    if found["differences"]:
        print_table(found["differences"], {"what": "what", "was": "was", "is": "is"})
    else:
        typer.echo("nothing differs from the place of the installation", err=True)
    for gate in found["gates"]:
        typer.echo(f"closed gate {gate['gate']}: {gate['reason']}", err=True)
    if found["guard"]:
        said = in_a_line(found["guard"])
        typer.echo(f"the guard cannot answer, so nothing is sent: {said}", err=True)
    if found["differences"]:
        typer.echo(COPY, err=True)
