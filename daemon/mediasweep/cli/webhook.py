"""webhook register, list, test."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mediasweep.cli.output import count, print_json, print_table
from mediasweep.cli.session import account, database, do

Url = Annotated[
    str, typer.Argument(help="Where daemons are reached; /webhooks/cloudinary may be left out.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
SHOWN = {"event_type": "events", "uri": "address", "id": "id"}
INBOX = {"outcome": "outcome", "notifications": "notifications", "oldest": "oldest"}
INBOX |= {"error": "error"}
app = typer.Typer(help="What Cloudinary tells: have it sent here, and see what came.")


@app.command()
def register(url: Url, *, as_json: Json = False) -> None:
    """Have Cloudinary tell every change to this address.

    Run again, it changes nothing.
    """
    from mediasweep.operations import webhooks

    with account() as asked:
        trigger, new = do(webhooks.register(asked, url))
    if as_json:
        print_json(trigger)
    said = "registered" if new else "was registered already"
    typer.echo(f"{webhooks.address(url)} {said}", err=True)


@app.command("list")
def list_(*, as_json: Json = False) -> None:
    """Show where Cloudinary sends notifications, and what became of those that came."""
    from mediasweep.operations import webhooks
    from mediasweep.postgres.inbox import Inbox

    async def run() -> dict[str, Any]:
        with account() as asked:
            triggers = await webhooks.triggers(asked)
        async with database() as connection:
            return {"triggers": triggers, "inbox": await Inbox(connection).state()}

    found = do(run())
    if as_json:
        print_json(found)
        return
    rows = [{key: trigger.get(key) for key in SHOWN} for trigger in found["triggers"]]
    print_table(rows, SHOWN)
    typer.echo(count(len(rows), "trigger"), err=True)
    if found["inbox"]:
        print_table(found["inbox"], INBOX)


@app.command()
def test(url: Url) -> None:
    """Send a signed notification there, and see whether it comes into this database.

    It changes nothing. Cloudinary's own test sends nothing.
    """
    from mediasweep.operations import webhooks
    from mediasweep.settings import load

    secret = load().signing_secrets()[0]

    async def run() -> str:
        async with database() as connection:
            return await webhooks.test(connection, url, secret)

    typer.echo(do(run()), err=True)
