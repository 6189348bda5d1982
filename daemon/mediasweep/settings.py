"""The settings: each with its limits and default, checked together before anything starts.

Read from the environment only; a secret also from a file (`NAME_FILE`) or a systemd credential of
that name. What does not fit is refused with a sentence that says what to do; a `MEDIASWEEP_*` name
that does not exist is refused too, because a typing error must not become a default.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import (
    AliasChoices,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import SettingsConfigDict

from mediasweep.http_settings import HttpSettings
from mediasweep.rules.address import checked_dsn, credentials, read_cloudinary_url
from mediasweep.secret_files import read_secret

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
PREFIX = "MEDIASWEEP_"
SUPABASE = ("NEXT_PUBLIC_SUPABASE_URL", "SUPABASE_SERVICE_ROLE_KEY")
CONCURRENCY_CAP = 20  # beyond it, Cloudinary answers 420

Positive = Annotated[float, Field(gt=0, le=30 * 86400)]


class SettingsError(Exception):
    """The settings cannot work together; the message says what to do."""


class StartError(Exception):
    """The daemon cannot start; `code` is the exit code, the message says what to do."""

    def __init__(self, message: str, code: int) -> None:
        """Keep the exit code."""
        super().__init__(message)
        self.code = code


class Settings(HttpSettings):
    """Everything that can be set, as `docs/settings.md` tells and a test compares.

    Durations are seconds unless name or comment says otherwise.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    # postgresql://user:password@host:port/database; required
    database_url: SecretStr | None = Field(None, validation_alias=AliasChoices("DATABASE_URL"))
    # a direct address of the same database, where the first leads through a pooler
    listen_url: SecretStr | None = None
    # cloudinary://key:secret@cloud; or the three below
    cloudinary_url: SecretStr | None = Field(None, validation_alias=AliasChoices("CLOUDINARY_URL"))
    cloud_name: str | None = Field(
        None,
        validation_alias=AliasChoices("CLOUDINARY_CLOUD_NAME", "NEXT_PUBLIC_CLOUDINARY_CLOUD_NAME"),
    )
    api_key: str | None = Field(None, validation_alias=AliasChoices("CLOUDINARY_API_KEY"))
    api_secret: SecretStr | None = Field(
        None, validation_alias=AliasChoices("CLOUDINARY_API_SECRET")
    )
    enabled: bool = True  # false: it only beats and answers probes
    auto_start: bool = True  # false: the first daemon pauses the fleet
    dry_run: bool = False
    interval_minutes: Positive = 5  # between sweeps while notifications are proven to arrive
    batch_size: int = Field(10, ge=1, le=100)  # rows of a claim at the least
    max_retries: int = Field(3, ge=1, le=100)  # attempts with an unknown outcome
    health_check_interval: Positive = 60
    concurrency: int = Field(8, ge=1, le=CONCURRENCY_CAP)  # calls to Cloudinary, of the fleet
    http_timeout: Positive = 10  # for one answer of Cloudinary
    lease: Positive = 60
    stop_timeout: Positive = 25  # for what was sent, after SIGTERM
    grace: float = Field(0, ge=0, le=30 * 86400)  # that every row rests before its first claim
    brake_floor: int = Field(1000, ge=1)  # rows of one source within the window
    brake_share: float = Field(0.05, ge=0, le=1)  # of a table's rows
    brake_window: Positive = 10  # minutes
    retention: float = Field(30, ge=1, le=3650)  # days
    retry_base: Positive = 15  # after the first unknown outcome
    webhook_secrets: SecretStr | None = None  # if not the API secret
    webhook_window: float = Field(1200, ge=60, le=86400)  # that a notification may be old, or ahead
    reconcile_hours: float = Field(0, ge=0, le=8760)  # 0: none by itself
    reconcile_share: float = Field(0.5, gt=0, le=1)  # of the Admin API's hourly calls
    log_format: Literal["json", "console"] = "json"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @model_validator(mode="after")
    def _times_fit(self) -> Settings:
        if self.lease < 3 * self.http_timeout:
            raise ValueError(
                f"MEDIASWEEP_LEASE ({self.lease:g} s) must be at least three times "
                f"MEDIASWEEP_HTTP_TIMEOUT ({self.http_timeout:g} s), or claims end before calls do"
            )
        if self.stop_timeout < 2 * self.http_timeout:
            raise ValueError(
                f"MEDIASWEEP_STOP_TIMEOUT ({self.stop_timeout:g} s) must be at least twice "
                f"MEDIASWEEP_HTTP_TIMEOUT ({self.http_timeout:g} s), or a stop cuts off calls"
            )
        return self

    def dsn(self) -> str:
        """Return the database's address, or raise SettingsError."""
        if self.database_url:
            return _read(checked_dsn, "DATABASE_URL", self.database_url.get_secret_value())
        hint = ""
        if any(os.environ.get(name) for name in SUPABASE):
            hint = (
                " A Supabase URL or service key is not enough: in the dashboard, Connect shows the "
                "connection string (direct, or session pooler on an IPv4 network)."
            )
        raise SettingsError(
            "DATABASE_URL is not set: give postgresql://user:password@host:port/database." + hint
        )

    def direct_dsn(self) -> str:
        """Return the address for LISTEN and migrations."""
        if self.listen_url:
            return _read(checked_dsn, "MEDIASWEEP_LISTEN_URL", self.listen_url.get_secret_value())
        return self.dsn()

    def credentials(self) -> dict[str, str | None]:
        """Return cloud_name, api_key, api_secret and upload_prefix, or raise SettingsError."""
        if self.cloud_name and self.api_key and self.api_secret:
            secret = self.api_secret.get_secret_value()
            url = self.cloudinary_url.get_secret_value() if self.cloudinary_url else ""
            prefix = _read(read_cloudinary_url, url)["upload_prefix"] if url else None
            return credentials(self.cloud_name, self.api_key, secret, prefix)
        if self.cloudinary_url:
            return _read(read_cloudinary_url, self.cloudinary_url.get_secret_value())
        raise SettingsError(
            "Cloudinary is not set: give CLOUDINARY_URL=cloudinary://key:secret@cloud, or all of "
            "CLOUDINARY_CLOUD_NAME, CLOUDINARY_API_KEY and CLOUDINARY_API_SECRET."
        )

    def signing_secrets(self) -> list[str]:
        """Return what a notification may be signed with, or raise SettingsError."""
        given = self.webhook_secrets.get_secret_value() if self.webhook_secrets else ""
        return given.replace(",", " ").split() or [str(self.credentials()["api_secret"])]

    def seconds(self, name: str) -> timedelta:
        """Return a duration that is set in seconds."""
        return timedelta(seconds=getattr(self, name))


def _env_name(field: str) -> str:
    alias = Settings.model_fields[field].validation_alias
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else PREFIX + field.upper()


SECRETS = tuple(
    _env_name(n) for n, f in Settings.model_fields.items() if f.annotation == SecretStr | None
)


def load(environ: dict[str, str] | None = None) -> Settings:
    """Read and check the environment; raises SettingsError with one sentence a problem."""
    env = dict(os.environ) if environ is None else dict(environ)
    _refuse_unknown(env)
    given = {name: _read(read_secret, name, env) for name in SECRETS}
    try:
        return Settings(**_by_field(given))
    except ValidationError as error:
        raise SettingsError("; ".join(_sentence(problem) for problem in error.errors())) from None


def _refuse_unknown(env: dict[str, str]) -> None:
    known = {_env_name(field) for field in Settings.model_fields} | {f"{n}_FILE" for n in SECRETS}
    unknown = sorted(n for n in env if n.startswith(PREFIX) and n not in known)
    if unknown:
        raise SettingsError(
            f"{', '.join(unknown)} is not a setting of mediasweep: correct or remove it "
            "(`docs/settings.md` lists them)"
        )


def _by_field(given: dict[str, str | None]) -> dict[str, Any]:
    """Name what was found in files as pydantic expects it: by alias where there is one."""
    return {
        (
            field if Settings.model_fields[field].validation_alias is None else _env_name(field)
        ): value
        for field in Settings.model_fields
        if (value := given.get(_env_name(field))) is not None
    }


def _sentence(problem: Any) -> str:  # noqa: ANN401  pydantic's own shape
    name = _env_name(str(problem["loc"][0])) if problem["loc"] else ""
    message = str(problem["msg"]).removeprefix("Value error, ")
    return f"{name}: {message}" if name else message


def _read(reader: Callable[..., T], *given: object) -> T:
    try:
        return reader(*given)
    except ValueError as error:
        raise SettingsError(str(error)) from None
