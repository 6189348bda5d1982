"""The settings of the HTTP server: where it listens, under which names, and for whom."""

from __future__ import annotations

import re

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings

from mediasweep.rules.access import Scope, host_name, tokens

ROOT_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+")


class HttpSettings(BaseSettings):
    """What can be set of the HTTP server."""

    http_bind: str = "127.0.0.1:8080"  # port 0 takes a free one
    http_hosts: str | None = None  # further names by which browsers reach it
    http_root_path: str | None = None  # under which a proxy shows it, as /mediasweep
    http_read_only: bool = False
    upload_most: int = Field(100, ge=1, le=10_000)  # megabytes of a file
    api_token: SecretStr | None = None  # several, separated by spaces; needed beyond loopback

    @field_validator("http_bind")
    @classmethod
    def _bind_has_port(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        if not host or not port.isdecimal() or int(port) > 65535:  # noqa: PLR2004  the last port
            raise ValueError("must be host:port, as in 127.0.0.1:8080")
        return value

    @field_validator("http_hosts")
    @classmethod
    def _hosts_are_names(cls, value: str | None) -> str | None:
        for name in (value or "").replace(",", " ").split():
            if host_name(name) != name.lower():
                raise ValueError("must be names without a port, as in mediasweep.example.com")
        return value

    @field_validator("http_root_path")
    @classmethod
    def _root_path_is_one(cls, value: str | None) -> str | None:
        if value is not None and not ROOT_PATH.fullmatch(value):
            raise ValueError("must be a path as /mediasweep, without a slash at its end")
        return value

    @field_validator("api_token")
    @classmethod
    def _tokens_are_good(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            tokens(value.get_secret_value())
        return value

    def bind(self) -> tuple[str, int]:
        """Return host and port of the HTTP server."""
        host, _, port = self.http_bind.rpartition(":")
        return host.strip("[]"), int(port)

    def hosts(self) -> frozenset[str]:
        """Return the further names by which it is reached."""
        return frozenset((self.http_hosts or "").replace(",", " ").lower().split())

    def tokens(self) -> list[tuple[Scope, str]]:
        """Return each token with what it is good for."""
        return tokens(self.api_token.get_secret_value()) if self.api_token else []
