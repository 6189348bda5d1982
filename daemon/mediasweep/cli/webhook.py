"""webhook register, unregister, list, test."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mediasweep.cli.consent import Yes, agree
from mediasweep.cli.output import Json, print_json, print_table
from mediasweep.cli.session import account, database, do
from mediasweep.rules.number import counted

Url = Annotated[
    str, typer.Argument(help="Public URL of the daemons; /webhooks/cloudinary may be left out.")
]
Where = Annotated[
    str | None,
    typer.Argument(metavar="[URL]", help="As registered; without one: all that end in our path."),
]
SHOWN = {"event_type": "events", "uri": "address", "id": "id"}
INBOX = {"outcome": "outcome", "notifications": "notifications", "oldest": "oldest"}
INBOX |= {"error": "error"}
OF_THE_API = (
    "notifications are signed with the API's own secret: where an application signs with it what "
    "its clients choose, they can forge them; give notifications a key of their own, and its "
    "secret as MEDIASWEEP_WEBHOOK_SECRETS"
)
app = typer.Typer(help="Manage the webhook that Cloudinary calls.")


@app.command()
def register(url: Url, *, as_json: Json = False) -> None:
    """Register a webhook at this address.

    Run again, it changes nothing.
    """
    from mediasweep.operations import webhooks
    from mediasweep.settings import load

    set_ = load()

    async def run() -> tuple[dict[str, Any], bool, list[dict[str, Any]]]:
        with account() as asked:
            made = await webhooks.register(asked, url, guarded=set_.api_token is not None)
            return *made, await webhooks.triggers(asked)

    trigger, new, all_ = do(run())
    if as_json:
        print_json(trigger)
    to = webhooks.address(url)
    typer.echo(f"{to} {'registered' if new else 'was registered already'}", err=True)
    if hint := webhooks.leads_astray(to):
        typer.echo(hint, err=True)
    if set_.webhook_secrets is None:
        typer.echo(OF_THE_API, err=True)
    for uri in sorted({one["uri"] for one in all_} - {to}):
        typer.echo(
            f"{uri} is told, too: `mediasweep webhook unregister {uri}` if it need not be", err=True
        )


@app.command()
def unregister(url: Where = None, *, yes: Yes = False) -> None:
    """Remove the webhook at this address.

    The library is brought in line by `reconcile` only, then.
    """
    from mediasweep.operations import webhooks

    with account() as asked:
        found = do(webhooks.leading(asked, url))
        where = ", ".join(sorted({one["uri"] for one in found}))
        if not found:
            typer.echo(
                "mediasweep: no trigger leads there: see `mediasweep webhook list`", err=True
            )
            raise typer.Exit(1)
        if not yes:
            agree(f"Have Cloudinary tell nothing to {where}", "; `mediasweep webhook list` has all")
        do(webhooks.unregister(asked, found))
    typer.echo(f"{where} is told nothing more", err=True)


@app.command("list")
def list_(*, as_json: Json = False) -> None:
    """Show the webhooks, and what became of notifications."""
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
    typer.echo(counted(len(rows), "trigger"), err=True)
    if found["inbox"]:
        print_table(found["inbox"], INBOX)


@app.command()
def test(url: Url) -> None:
    """Send a signed test notification, and follow it.

    It changes nothing. Cloudinary's own test sends nothing.
    """
    from mediasweep.operations import webhooks
    from mediasweep.settings import load

    secret = load().signing_secrets()[0]

    async def run() -> str:
        async with database() as connection:
            return await webhooks.test(connection, url, secret)

    typer.echo(do(run()), err=True)
