"""GET and POST /api/cloudinary/sync: bring the library in step with the account."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, BeforeValidator, Field, StrictBool, StrictFloat, StrictInt

from mediasweep.http.comparison import WITHIN_S, Comparison, comparison
from mediasweep.http.examples import like
from mediasweep.http.media import DatabaseSetup, MediaStats
from mediasweep.http.models import RequestModel, ResponseModel, Text
from mediasweep.http.overview import BIGINT_MOST
from mediasweep.http.selection import ResourceType
from mediasweep.operations import media
from mediasweep.operations.backend import Backend
from mediasweep.operations.reconcile import Ghosts, Orphans, ReconcileOptions
from mediasweep.operations.reconcile_runner import ReconcileState
from mediasweep.operations.refusal import RefusedError

PATH = "/cloudinary/sync"
UNOWNED = (
    'say in `owned` how your own public ids begin, as in ["uploads/"]; what others keep in this '
    "account looks like an orphan, too"
)
Prefix = Annotated[Text, Field(min_length=1)]


def _no_single_asset(said: object) -> None:
    """Take what names none, as the origin's clients send it along."""
    if said is not None and said != "":
        raise ValueError(
            "names one asset, and a comparison looks at all: leave it out; what is uploaded comes "
            "into the library by the webhook, or by POST /api/cloudinary/upload"
        )


class SyncRequest(RequestModel):
    """What is done about what differs; nothing is deleted unless `orphans` says so.

    `force`, `batch_size`, `max_retries` and `include_deleted` are the origin's, and say nothing
    here: each comparison looks at all, 500 assets a call. So do null and an empty filter.
    """

    orphans: Orphans = Field(default=Orphans.ADOPT, description="Assets that no row uses.")
    ghosts: Ghosts = Field(default=Ghosts.MARK, description="Rows whose asset is not there.")
    owned: list[Prefix] = Field(
        default=[], max_length=100, description="Prefixes of your public ids."
    )
    folder_filter: Text | None = Field(
        default=None, description="As `owned`, with a slash behind it."
    )
    resource_type_filter: ResourceType | Literal["all", ""] | None = Field(
        default=None, description="Only what is of this type is acted upon; all: of any."
    )
    single_asset: Annotated[None, BeforeValidator(_no_single_asset)] = Field(
        default=None, description="Nothing: see the error that anything else gets."
    )
    age_hours: StrictFloat = Field(
        default=24, ge=1, le=8760, description="Younger assets are no orphans."
    )
    shrunken: StrictBool = Field(default=False, description="Either side may be less than half.")
    run: StrictInt | None = Field(
        default=None, ge=1, le=BIGINT_MOST, description="Act upon this report alone."
    )
    dry_run: StrictBool = Field(default=False, description="Only count, by the newest report.")
    force: StrictBool | None = False
    batch_size: StrictInt | None = Field(default=100, ge=1, le=500)
    max_retries: StrictInt | None = Field(default=3, ge=0, le=100)
    include_deleted: StrictBool | None = False

    def wanted(self) -> ReconcileOptions:
        """Return it as the operation takes it; RefusedError: whose orphans are to be deleted?"""
        folder = (self.folder_filter or "").strip("/")
        owned = self.owned + ([f"{folder}/"] if folder else [])
        if self.orphans is Orphans.DELETE and not owned:
            raise RefusedError(UNOWNED)
        kind = self.resource_type_filter
        return ReconcileOptions(
            self.orphans,
            self.ghosts,
            owned,
            timedelta(hours=self.age_hours),
            self.shrunken,
            kind.value if isinstance(kind, ResourceType) else None,
        )


class AccountSyncStatus(BaseModel):
    """How the library stands to the account; `last_sync`: the end of the last comparison."""

    last_sync: datetime | None
    is_synced: bool
    pending_operations: int
    sync_in_progress: bool
    total_assets: int
    synced_assets: int
    error_assets: int
    last_error: str | None


class SyncTold(ResponseModel):
    """How it stands."""

    sync_status: AccountSyncStatus
    stats: MediaStats
    run: Comparison


class SyncData(BaseModel):
    """What was done: assets adopted, rows marked, assets queued for deletion."""

    synced_items: int
    updated_items: int
    deleted_items: int
    duration_ms: int
    errors: list[str]
    error_count: int


class ChosenOrphans(BaseModel):
    """Orphans that would be acted upon."""

    assets: int
    bytes: int


class SyncDone(ResponseModel):
    """What was done within five seconds; as long as `run` is under way, it goes on."""

    message: str
    data: SyncData
    database_setup: DatabaseSetup
    run: Comparison
    would: ChosenOrphans | None = None


def add_sync(router: APIRouter, backend: Backend) -> None:
    """Add the routes."""

    @router.get(PATH, tags=["sync"], responses=like("sync_status"))
    async def sync_status() -> SyncTold:
        """Tell how library and account stand to each other."""
        figures = dict(await backend.library.get() or {})
        compared = await backend.reconcile.state()
        return SyncTold(
            sync_status=_status(figures, compared),
            stats=MediaStats(**figures),
            run=comparison(compared),
        )

    @router.post(PATH, tags=["sync"], responses=like("sync"))
    async def sync(request: Request, asked: SyncRequest | None = None) -> SyncDone:
        """Compare, adopt what the library does not have, mark what is not there; go on with it."""
        asked = asked or SyncRequest()
        wanted = asked.wanted()
        if asked.dry_run:
            assets, size = await backend.reconcile.foresee(wanted, asked.run)
            would = ChosenOrphans(assets=assets, bytes=size)
            return _done(await backend.reconcile.state(), asked.run, would)
        await backend.reconcile.begin(wanted, request.state.visitor.who, asked.run)
        acted = await backend.reconcile.task.wait(WITHIN_S)
        done = _done(await backend.reconcile.state(), asked.run)
        if acted and wanted.acts:  # upon a report that was seen, what it has found is no news
            done.message = acted.says if asked.run else f"{done.message}; {acted.says}"
        return done


def _status(figures: dict[str, int], compared: ReconcileState) -> AccountSyncStatus:
    complete = compared.complete
    counts = complete.counts if complete else {}
    open_ = sum(counts.get(kind, 0) for kind in ("orphans", "ghosts", "mismatches"))
    pending = figures.get("pending", 0) + figures.get("error", 0)
    run = compared.newest
    return AccountSyncStatus(
        last_sync=complete.finished_at if complete else None,
        is_synced=complete is not None and not pending and open_ <= sum(compared.acted.values()),
        pending_operations=pending,
        sync_in_progress=compared.under_way,
        total_assets=sum(figures.get(f"total_{kind}", 0) for kind in ("images", "videos", "files")),
        synced_assets=figures.get("synced", 0),
        error_assets=figures.get("error", 0),
        last_error=compared.trouble or (run.reason if run else None),
    )


def _done(
    compared: ReconcileState, report: int | None, would: ChosenOrphans | None = None
) -> SyncDone:
    """Return what came of it; upon a report, it is no error that a newer comparison was refused."""
    run, told, ready = compared.newest, comparison(compared), compared.has_library
    reason = told.reason if report is None else compared.trouble
    errors = [reason] if reason else []
    took = (run.finished_at or run.heard_at) - run.started_at if run else timedelta(0)
    data = SyncData(
        synced_items=told.acted.adopted,
        updated_items=told.acted.marked,
        deleted_items=told.acted.queued,
        duration_ms=max(0, round(took.total_seconds() * 1000)),
        errors=errors,
        error_count=len(errors),
    )
    return SyncDone(
        success=not errors,
        message=told.says,
        data=data,
        database_setup=DatabaseSetup(ready=ready, says=None if ready else media.NO_LIBRARY),
        run=told,
        would=would,
    )
