"""Notification triggers: which event is told where.

Facts: Cloudinary documentation, "Webhook notifications" and "Admin API reference". What cannot be
raises ValueError with the message that the API answers.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

MOST = 30
URI_TYPES = ("webhook", "flow", "poll")
AUTH_SCHEMES = ("default", "legacy_hmac", "eddsa_v2")


@dataclass(slots=True)
class Trigger:
    """One trigger. `additive`: it is told of an event although the call named a URL of its own."""

    id: str
    uri: str
    event_type: str
    uri_type: str
    additive: bool
    auth_scheme: str
    created_at: str
    updated_at: str

    def told(self, cloud: str) -> dict[str, Any]:
        """Return it as the API does."""
        return {
            "id": self.id,
            "product_environment_id": cloud,
            "uri": self.uri,
            "uri_type": self.uri_type,
            "event_type": self.event_type,
            "additive": self.additive,
            "auth_scheme": self.auth_scheme,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        }


@dataclass(slots=True)
class Triggers:
    """The triggers of a cloud, by id."""

    by_id: dict[str, Trigger] = field(default_factory=dict)

    def add(self, params: dict[str, Any]) -> Trigger:
        """Make one of what was asked for; raises ValueError for what cannot be."""
        uri, event_type = params.get("uri"), params.get("event_type")
        if not uri or not event_type:
            raise ValueError(f"Missing required parameter - {'event_type' if uri else 'uri'}")
        uri_type = params.get("uri_type") or "webhook"
        scheme = params.get("auth_scheme") or "default"
        if uri_type not in URI_TYPES or scheme not in AUTH_SCHEMES:
            raise ValueError(f"Invalid value for uri_type or auth_scheme - {uri_type}, {scheme}")
        if len(self.by_id) >= MOST:
            raise ValueError(f"Too many triggers: at most {MOST}")
        additive, now = params.get("additive") is True, _now()
        made = Trigger(
            secrets.token_hex(32), str(uri), str(event_type), uri_type, additive, scheme, now, now
        )
        self.by_id[made.id] = made
        return made

    def of(self, event_type: str | None) -> list[Trigger]:
        """Return the triggers of one event type, or all."""
        return [t for t in self.by_id.values() if event_type in {None, t.event_type}]

    def hears(self, event_type: str, *, own_url: bool) -> Iterable[Trigger]:
        """Yield who is told of an event; `own_url`: the call named a URL, which replaces most."""
        for trigger in self.by_id.values():
            wanted = trigger.event_type in {"all", event_type} and trigger.uri_type == "webhook"
            if wanted and (trigger.additive or not own_url):
                yield trigger

    def move(self, trigger: Trigger, uri: str) -> None:
        """Let a trigger tell another place."""
        trigger.uri, trigger.updated_at = uri, _now()


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
