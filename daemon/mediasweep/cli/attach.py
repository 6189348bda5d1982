"""attach: a table, the list of attached ones, suggestions. And `sql attach`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mediasweep.cli.attach_options import (
    AssetId,
    BrakeFloor,
    CloudName,
    Deleted,
    DeliveryType,
    Grace,
    JsonPaths,
    NoNotify,
    Options,
    PublicIds,
    References,
    ResourceType,
    Strict,
    Urls,
    Version,
    Where,
    text_of,
)
from mediasweep.cli.output import cell, misused, print_json, print_table
from mediasweep.cli.session import database, do
from mediasweep.rules.attachment import AttachFlags
from mediasweep.rules.number import counted, number

if TYPE_CHECKING:
    from mediasweep.operations.attach import Attaching

QUESTION = "Build it now? Writers go on meanwhile"
REVIEW = "review them first: they go by column names and a look at some rows of each table"
NONE_FOUND = (
    "no candidates found; plain ids in a column like cover_id are not recognised: go through your "
    "tables yourself"
)
OptionalTable = Annotated[str | None, typer.Argument(metavar="TABLE", show_default=False)]


def attach(
    table: OptionalTable = None,
    *,
    public_id: PublicIds = None,
    url: Urls = None,
    json_path: JsonPaths = None,
    resource_type: ResourceType = None,
    delivery_type: DeliveryType = None,
    asset_id: AssetId = None,
    version: Version = None,
    deleted: Deleted = None,
    where: Where = None,
    grace: Grace = None,
    cloud: CloudName = None,
    references: References = None,
    strict: Strict = False,
    no_notify: NoNotify = False,
    brake_floor: BrakeFloor = None,
    options: Options = None,
    index: Annotated[
        bool | None,
        typer.Option(
            "--index/--no-index",
            help="Build the guard's index if it is missing, or never; asks by default.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the SQL, and change nothing.")
    ] = False,
    list_: Annotated[bool, typer.Option("--list", help="List what is attached.")] = False,
    suggest: Annotated[
        bool, typer.Option("--suggest", help="Look for tables that name assets.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, with --list or --suggest.")
    ] = False,
) -> None:
    """Attach a table: say which columns name its assets.

    From then on what it lets go of is deleted, and what it names is kept. Refs may be several:
    repeat --public-id, --url and --json-path.
    """
    said = _said(
        *(public_id, url, json_path, resource_type, delivery_type, asset_id, version, deleted),
        *(where, grace, cloud, references, strict, not no_notify, brake_floor, text_of(options)),
    )
    _check(table, said, looks=list_ + suggest, as_json=as_json)
    if list_:
        _list(as_json=as_json)
    elif suggest:
        _suggest(as_json=as_json)
    elif dry_run:
        do(_rehearse(str(table), said, aloud=True))
    else:
        _attach(str(table), said, index=index)


def sql_attach(
    table: Annotated[str, typer.Argument(metavar="TABLE", show_default=False)],
    *,
    public_id: PublicIds = None,
    url: Urls = None,
    json_path: JsonPaths = None,
    resource_type: ResourceType = None,
    delivery_type: DeliveryType = None,
    asset_id: AssetId = None,
    version: Version = None,
    deleted: Deleted = None,
    where: Where = None,
    grace: Grace = None,
    cloud: CloudName = None,
    references: References = None,
    strict: Strict = False,
    no_notify: NoNotify = False,
    brake_floor: BrakeFloor = None,
    options: Options = None,
) -> None:
    """Print the SQL that attaches a table."""
    said = _said(
        *(public_id, url, json_path, resource_type, delivery_type, asset_id, version, deleted),
        *(where, grace, cloud, references, strict, not no_notify, brake_floor, text_of(options)),
    )
    do(_rehearse(table, said, aloud=False))


def _said(public_id: PublicIds, url: Urls, json_path: JsonPaths, *rest: Any) -> AttachFlags:  # noqa: ANN401  the other fields of AttachFlags, in their order
    return AttachFlags(tuple(public_id or ()), tuple(url or ()), tuple(json_path or ()), *rest)


def _check(table: str | None, said: AttachFlags, *, looks: int, as_json: bool) -> None:
    """Refuse what does not go together."""
    if looks and (looks > 1 or table is not None or not said.nothing):
        misused("--list and --suggest stand alone: they look at all tables")
    if not looks and table is None:
        misused("which TABLE? `mediasweep attach --suggest` looks for some; --list has what is")
    if as_json and not looks:
        misused("--json is for --list and --suggest")


async def _rehearse(table: str, said: AttachFlags, *, aloud: bool) -> None:
    from mediasweep.operations import attach as operation

    async with database() as connection:
        found = await operation.find(connection, table)
        script = await found.script(said)
        if aloud:
            _say_found(found.table.shown, await found.look(said))
            _say("nothing was done")
        typer.echo(script, nl=False)


def _attach(table: str, said: AttachFlags, *, index: bool | None) -> None:
    from mediasweep.operations import attach as operation
    from mediasweep.settings import load

    async def run() -> tuple[Attaching, list[Mapping[str, Any]]]:
        async with database() as connection:
            found = await operation.find(connection, table, _say)
            source = await found.number(said)
            if source is None:
                _say_found(found.table.shown, await found.look(said))
                _say(f"attached as source {await found.attach(said)}")
            else:
                _say(f"{found.table.shown} is attached already, as source {source}")
                if parts := await found.cover():
                    _say(f"triggers were made on {counted(parts, 'part')} without them")
            return found, await found.missing()

    found, missing = do(run())
    buildable = [one for one in missing if one["build"] is not None]
    for one in missing:
        if one["build"] is None:
            _say(
                f"while this builds an index on partitions, their writers wait: {one['statement']}"
            )
    if buildable and _wanted(found.table.shown, index):
        for name in do(operation.build_indexes(load().direct_dsn(), found.table, _say)):
            _say(f"built {name}")


def _wanted(table: str, index: bool | None) -> bool:
    """Tell whether an index is to be built: asks where somebody can answer."""
    if index is None and sys.stdin.isatty():
        index = typer.confirm(QUESTION, err=True)
    if not index:
        _say(f"the index is still missing: `mediasweep attach {table} --index` builds it")
    return bool(index)


def _say_found(table: str, found: Mapping[str, Any]) -> None:
    """Say what a table holds, and how the guard will find it."""
    rows = counted(found["looked"], "row")
    if not found["whole"]:
        rows = f"of about {number(found['about'])} rows, the first {number(found['looked'])}"
    _say(f"{table}: {rows}; assets that they name: {number(found['named'])}")
    if found["unread"]:
        _say(
            f"in {number(found['unread'])} of them nobody can tell which asset is meant, for"
            f' example in "{cell(found["example"])}": they keep assets, and queue none'
        )
    elif found["looked"] and not found["named"]:
        holds = (
            f'they hold, for example, "{cell(found["example"])}"'
            if found["example"]
            else "it is empty"
        )
        _say(
            "WARNING: no row names an asset: is this the right column, and the way to read it?"
            f" {holds}"
        )
    for statement in found["missing"]:
        _say(f"before each deletion the guard reads all of it, for want of an index: {statement}")
    if found["unserved"]:
        _say("no index can serve the guard here: before each deletion it reads all of the table")
    elif not found["missing"]:
        _say("the guard has the index that it needs")


def _list(*, as_json: bool) -> None:
    from mediasweep.operations import attach as operation

    async def ask() -> tuple[list[dict[str, Any]], list[Mapping[str, Any]]]:
        async with database() as connection:
            return await operation.listing(connection), await operation.strays(connection)

    found, strays = do(ask())
    if as_json:
        print_json(found)
        return
    columns = ("source", "table", "names assets in", "triggers", "index", "unfinished")
    print_table([_line(one) for one in found], {name: name for name in columns})
    for one in found:
        for lack in one["uncovered"]:
            _say(f"not captured: {lack}; `mediasweep migrate` makes missing triggers")
        for statement in one["missing_indexes"]:
            _say(f"missing: {statement}")
    for stray in strays:
        _say(stray_says(stray))


def stray_says(stray: Mapping[str, Any]) -> str:
    """Say what is to be decided about a table that was a part of an attached one."""
    return (
        f"{stray['table']} is no part of {stray['of']} any more; it is captured and kept as before,"
        f" until you attach it by itself, or `mediasweep detach {stray['table']}`"
    )


def _line(one: Mapping[str, Any]) -> dict[str, Any]:
    triggers = (
        f"missing on {len(one['uncovered'])} of {one['parts']}" if one["uncovered"] else "all"
    )
    index = (
        "missing" if one["missing_indexes"] else "none can serve" if one["unserved"] else "there"
    )
    if not one["attached"] or one["table"] is None:
        triggers = index = ""
    gone = "the table is gone" if one["table"] is None else one["table"]
    return {
        "source": one["source"],
        "table": gone if one["attached"] else f"{gone} (detached)",
        "names assets in": "; ".join(one["shape"]),
        "triggers": triggers,
        "index": index,
        "unfinished": one["unfinished"],
    }


def _suggest(*, as_json: bool) -> None:
    from mediasweep.operations import attach as operation

    async def ask() -> list[dict[str, Any]]:
        async with database() as connection:
            return await operation.suggestions(connection)

    found = do(ask())
    if as_json:
        print_json(found)
        return
    for one in found:
        typer.echo(f"# {one['why']}")
        typer.echo(f"{'# ' * (one['options'] is None)}{one['command']}")
    _say(REVIEW if found else NONE_FOUND)


def _say(line: str) -> None:
    typer.echo(line, err=True)
