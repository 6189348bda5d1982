"""queue retry, cancel: choose rows, ask, move them step by step, and say what became of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from mediasweep.cli.consent import Yes, agree, need_terminal
from mediasweep.cli.filters import (
    NAMES,
    Actor,
    App,
    Filename,
    InDoubt,
    MoveLimit,
    NotInDoubt,
    NotOwn,
    Own,
    PublicId,
    Reason,
    Since,
    Source,
    Statuses,
    Until,
    either,
    row_id,
)
from mediasweep.cli.foresight import plain, say_kept
from mediasweep.cli.output import Json, misused, print_json, print_table
from mediasweep.cli.session import database, do, who
from mediasweep.rules.filter import RawFilter
from mediasweep.rules.job import ByHand
from mediasweep.rules.number import counted, number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mediasweep.operations.queue import Choice, MovePreview

NAMED = 10  # ids of each kind of refusal

Ids = Annotated[
    list[UUID] | None,
    typer.Argument(metavar="[ID]...", parser=row_id, help="As `queue list` shows them."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
DONE = {ByHand.RETRY: "put back to pending", ByHand.CANCEL: "cancelled"}


@dataclass(frozen=True, slots=True)
class MoveCommand:
    """What a command line asked for."""

    move: ByHand
    ids: Sequence[UUID]
    said: RawFilter
    limit: int
    dry_run: bool
    yes: bool
    as_json: bool
    why: str | None = None

    @property
    def has_to_ask(self) -> bool:
        """Tell whether a person has to agree first: not to a retry of rows that they named."""
        return not self.yes and (self.move is ByHand.CANCEL or not self.ids)


def retry(
    ids: Ids = None,
    *,
    status: Statuses = None,
    source: Source = None,
    public_id: PublicId = None,
    filename: Filename = None,
    reason: Reason = None,
    app: App = None,
    actor: Actor = None,
    since: Since = None,
    until: Until = None,
    in_doubt: InDoubt = False,
    not_in_doubt: NotInDoubt = False,
    own: Own = False,
    not_own: NotOwn = False,
    limit: MoveLimit = 1000,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Retry failed or skipped rows.

    By id or by a filter; through guard, gates and brake.
    """
    statuses = tuple(status or ())
    unsure, ours = either("in-doubt", in_doubt, not_in_doubt), either("own", own, not_own)
    said = RawFilter(
        statuses, source, public_id, filename, reason, app, actor, since, until, unsure, ours
    )
    _do(MoveCommand(ByHand.RETRY, ids or [], said, limit, dry_run, yes, as_json))


def cancel(
    ids: Ids = None,
    *,
    status: Statuses = None,
    source: Source = None,
    public_id: PublicId = None,
    filename: Filename = None,
    reason: Reason = None,
    app: App = None,
    actor: Actor = None,
    since: Since = None,
    until: Until = None,
    in_doubt: InDoubt = False,
    not_in_doubt: NotInDoubt = False,
    own: Own = False,
    not_own: NotOwn = False,
    limit: MoveLimit = 1000,
    why: Annotated[
        str | None, typer.Option(help="The reason, for the journal.", metavar="TEXT")
    ] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Cancel pending rows; their assets stay.

    By id or by a filter; only what was never sent, and all rows of an asset or none.
    """
    statuses = tuple(status or ())
    unsure, ours = either("in-doubt", in_doubt, not_in_doubt), either("own", own, not_own)
    said = RawFilter(
        statuses, source, public_id, filename, reason, app, actor, since, until, unsure, ours
    )
    _do(MoveCommand(ByHand.CANCEL, ids or [], said, limit, dry_run, yes, as_json, why))


def say_left(left: int, limit: int, hint: str = "") -> None:
    """Say on stderr that more rows match than were asked for."""
    if left:
        typer.echo(f"mediasweep: {number(left)} more match; --limit is {limit}{hint}", err=True)


def _do(command: MoveCommand) -> None:
    if not command.ids and command.said.is_empty:
        misused(f"say which rows to {command.move}: give their ids, or a filter: {NAMES}")
    if command.ids and not command.said.is_empty:
        misused("give ids, or a filter, not both")
    chosen = _choose(command)
    if command.dry_run:
        _preview(command, chosen)
        say_left(chosen.left, command.limit)
        return
    if chosen.ids and command.has_to_ask:
        _ask(command, chosen)
    moved, refused = do(_move(command, chosen.ids))
    if command.as_json:
        _print(command, moved, refused, chosen.left)
    _say_refused(refused)
    _say_moved(moved, chosen, DONE[command.move])
    say_left(chosen.left, command.limit, ": give the command again, or a higher one")
    if command.ids and refused:
        raise typer.Exit(1)


def _choose(command: MoveCommand) -> Choice:
    from mediasweep.operations import queue

    async def ask() -> Choice:
        if command.ids:
            return queue.Choice(list(dict.fromkeys(command.ids)))
        async with database() as connection:
            return await queue.choose(connection, command.move, command.said, limit=command.limit)

    return do(ask())


def _ask(command: MoveCommand, chosen: Choice) -> None:
    question = f"{command.move.capitalize()} {counted(len(chosen.ids), 'row')}"
    question += " and the others of the same assets" * (command.move is ByHand.CANCEL)
    need_terminal(question)
    say_left(chosen.left, command.limit)
    agree(question)


async def _move(command: MoveCommand, ids: Sequence[UUID]) -> tuple[list[UUID], dict[UUID, str]]:
    """Move the rows, telling how far it is; what was moved is printed as it is done."""
    from mediasweep.operations import queue

    moved: list[UUID] = []
    refused: dict[UUID, str] = {}
    async with database() as connection:
        steps = queue.move_rows(connection, command.move, ids, who=who(), why=command.why)
        async for step in steps:
            moved += step.moved
            refused |= step.refused
            if not command.as_json:
                for id_ in step.moved:
                    typer.echo(str(id_))
            if len(ids) > queue.STEP:
                typer.echo(f"{number(step.done)} of {number(len(ids))}", err=True)
    return moved, refused


def _preview(command: MoveCommand, chosen: Choice) -> None:
    from mediasweep.operations import queue

    async def ask() -> MovePreview:
        async with database() as connection:
            return await queue.rehearse(connection, command.move, chosen.ids)

    told = do(ask())
    moved, refused, foreseen = told.moved, told.refused, told.foreseen
    if command.as_json:
        _print(command, moved, refused, chosen.left, plain(foreseen) if foreseen else {})
    else:
        columns = {"id": "id", "status": "status", "cloudinary_public_id": "public id"}
        print_table(told.rows, columns | {"source": "source", "queued_at": "queued"})
    _say_refused(refused)
    _say_moved(moved, chosen, f"would be {DONE[command.move]}")
    if foreseen and moved:
        say_kept(foreseen, len(moved))


def _say_moved(moved: Sequence[UUID], chosen: Choice, what: str) -> None:
    along = len(set(moved) - set(chosen.ids))
    more = f", {number(along)} of them as other rows of the same assets" if along else ""
    typer.echo(f"{number(len(moved))} {what}{more}", err=True)


def _print(
    command: MoveCommand,
    moved: Sequence[UUID],
    refused: Mapping[UUID, str],
    left: int,
    more: Mapping[str, Any] | None = None,
) -> None:
    print_json(
        {
            "move": command.move,
            "dry_run": command.dry_run,
            "moved": moved,
            "refused": [{"id": id_, "why": why} for id_, why in refused.items()],
            "left": left,
            **(more or {}),
        }
    )


def _say_refused(refused: Mapping[UUID, str]) -> None:
    """Say on stderr what was refused, by reason, naming the first few of each."""
    for reason in dict.fromkeys(refused.values()):
        ids = [str(id_) for id_, why in refused.items() if why == reason]
        more = f" and {number(len(ids) - NAMED)} more" if len(ids) > NAMED else ""
        typer.echo(f"mediasweep: refused, {reason}: {' '.join(ids[:NAMED])}{more}", err=True)
