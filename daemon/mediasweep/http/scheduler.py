"""/api/cloudinary/scheduler: steer all daemons at once."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field, StrictBool, model_validator
from pydantic.config import JsonDict

from mediasweep.http.examples import like
from mediasweep.http.models import RequestModel, ResponseModel, Text
from mediasweep.operations import scheduler
from mediasweep.operations.backend import Backend
from mediasweep.rules.gate import PAUSE_MINUTES
from mediasweep.rules.number import counted, number
from mediasweep.rules.settable import LIMITS

PATH = "/cloudinary/scheduler"
Config = dict[str, float | int | bool | None]
EXAMPLE: JsonDict = {"interval_minutes": 5, "batch_size": 10, "max_retries": 3}


class Action(StrEnum):
    """What the scheduler can be told."""

    START = "start"
    STOP = "stop"
    RESTART = "restart"
    CONFIGURE = "configure"
    FORCE_CLEANUP = "force_cleanup"
    STATUS = "status"


def _within(name: str) -> Any:  # noqa: ANN401  as Field itself is declared
    _, least, most = LIMITS[name]
    return Field(default=None, ge=least, le=most, strict=True)


class ConfigRequest(RequestModel):
    """What is set for all daemons; null takes a value back, and what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "examples": [EXAMPLE]})

    interval_minutes: float | None = _within("interval_minutes")
    batch_size: int | None = _within("batch_size")
    max_retries: int | None = _within("max_retries")
    health_check_interval: float | None = _within("health_check_interval")
    concurrency: int | None = _within("concurrency")
    enabled: StrictBool | None = None
    auto_start: StrictBool | None = None

    @model_validator(mode="after")
    def _says_something(self) -> ConfigRequest:
        if not self.model_fields_set:
            raise ValueError("is empty: give what is to be set")
        return self


class SchedulerRequest(RequestModel):
    """What it is told; `config` for configure alone, `reason` and `minutes` for stop."""

    action: Action
    config: ConfigRequest | None = None
    reason: Text | None = Field(default=None, description="Why, for those who look later.")
    minutes: float | None = Field(
        default=None,
        ge=PAUSE_MINUTES[0],
        le=PAUSE_MINUTES[1],
        strict=True,
        description="End by itself after so many.",
    )

    @model_validator(mode="after")
    def _fits(self) -> SchedulerRequest:
        if self.action is not Action.CONFIGURE and self.config is not None:
            raise ValueError(f"may have config only with configure, not with {self.action}")
        if self.action is not Action.STOP and (self.reason or self.minutes):
            raise ValueError(f"may have reason and minutes only with stop, not with {self.action}")
        return self


class SchedulerState(BaseModel):
    """How the fleet stands; `success_rate` in percent, what is done since its daemons started."""

    is_running: bool
    last_run: datetime | None
    next_run: datetime | None
    total_processed: int
    total_failed: int
    success_rate: float
    queue_size: int
    uptime_minutes: float
    daemons: int
    only_looking: int
    config: Config
    set_for_all: list[str]
    queue_stats: dict[str, int]


class SchedulerStatus(ResponseModel):
    """How the fleet stands."""

    scheduler: SchedulerState


class SchedulerDone(ResponseModel):
    """What was done, in a sentence, and how the fleet stands after it."""

    message: str
    stats: SchedulerState
    config: Config


def add_scheduler(router: APIRouter, backend: Backend) -> None:
    """Add the routes."""

    async def done(message: str) -> SchedulerDone:
        stats = SchedulerState(**await scheduler.status(backend.pool))
        return SchedulerDone(message=message, stats=stats, config=stats.config)

    @router.get(PATH, tags=["scheduler"], responses=like("scheduler_status"))
    async def scheduler_status() -> SchedulerStatus:
        """Tell how the fleet stands."""
        return SchedulerStatus(scheduler=SchedulerState(**await backend.scheduler.get()))

    @router.post(PATH, tags=["scheduler"], responses=like("scheduler_act"))
    async def scheduler_act(request: Request, asked: SchedulerRequest) -> SchedulerDone:
        """Start, stop, restart, configure, sweep once, or only tell how the fleet stands."""
        who = request.state.visitor.who
        if asked.action is Action.CONFIGURE:
            return await done(await _configure(backend, asked.config, who))
        if asked.action is Action.STOP:
            return await done(await _stop(backend, asked.reason, asked.minutes, who))
        return await done(await _act(backend, asked.action, who))

    @router.put(PATH, tags=["scheduler"], responses=like("scheduler_configure"))
    async def scheduler_configure(request: Request, config: ConfigRequest) -> SchedulerDone:
        """Set values for all daemons; null takes one back."""
        return await done(await _configure(backend, config, request.state.visitor.who))

    @router.delete(PATH, tags=["scheduler"], responses=like("scheduler_stop"))
    async def scheduler_stop(request: Request) -> SchedulerDone:
        """Stop all daemons, as the action does."""
        return await done(await _stop(backend, None, None, request.state.visitor.who))


async def _configure(backend: Backend, asked: ConfigRequest | None, who: str) -> str:
    if asked is None:
        raise HTTPException(400, "`config` is missing: say what to set")
    config = asked.model_dump(exclude_unset=True)
    try:
        await scheduler.configure(backend.pool, config, who=who)
    except ValueError as error:
        raise HTTPException(400, str(error)) from error
    said = {
        "set": [name for name, value in sorted(config.items()) if value is not None],
        "taken back": [name for name, value in sorted(config.items()) if value is None],
    }
    return "; ".join(f"{what}: {', '.join(names)}" for what, names in said.items() if names)


async def _stop(backend: Backend, reason: str | None, minutes: float | None, who: str) -> str:
    duration = None if minutes is None else timedelta(minutes=minutes)
    stop = await scheduler.stop(backend.pool, who=who, reason=reason, duration=duration)
    until = f" until {stop.until:%Y-%m-%d %H:%M:%S} UTC" if stop.until else ""
    return f"stopped{until}"


async def _act(backend: Backend, action: Action, who: str) -> str:
    if action is Action.START:
        return "started" if await scheduler.start(backend.pool, who=who) else "was not stopped"
    if action is Action.RESTART:
        opened = await scheduler.restart(backend.pool, who=who)
        return f"restarted; opened: {', '.join(opened)}" if opened else "restarted"
    if action is Action.FORCE_CLEANUP:
        forced = await scheduler.force_cleanup(backend.pool, who=who)
        behind = "".join(
            f"; {number(rows)} stay behind {gate}" for gate, rows in forced.behind.items()
        )
        return f"{counted(forced.rows, 'row')} may go now{behind}"
    return "nothing was changed"
