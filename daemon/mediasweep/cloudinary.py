"""The Cloudinary account: the real SDK, in threads of its own, made to answer in time and only
once.

Owns the thread pool and the SDK's connection pool, which have the same size. Every call carries its
credentials and a timeout, and is sent once: the SDK waits for ever and retries on its own by
default, and a repeated call could turn a success into "not found". On failure it never raises for
what the network or Cloudinary did: that is an Answer. It raises only for our own mistakes.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import urllib3

from mediasweep.answers import OK, read_body, read_exception
from mediasweep.rules.asset import Asset, Road, roads
from mediasweep.rules.events import CloudinaryCalled
from mediasweep.rules.outcome import Answer, Outcome, read_result
from mediasweep.rules.quota import read_quota
from mediasweep.sdk import build_upload_params, call_json_api, cloudinary, get_http_connector, now

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import timedelta

    from mediasweep.rules.events import Emit
    from mediasweep.rules.upload import Part

NOT_FOUND = 404  # also how an account answers that does not delete by asset id
PAGE = 500  # the most that one call lists
PART_S = 300.0  # a part may have to go over a slow line, and a film to be looked through
RULED_OUT_MOST = 1000
RULED_OUT_S = 30.0  # later, a file may have been uploaded there
Told = tuple[Answer, Mapping[str, str]]  # and the headers, under names in lower case


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """Whose assets, and where; `upload_prefix` is None for Cloudinary itself."""

    cloud_name: str
    api_key: str
    api_secret: str
    upload_prefix: str | None = None

    def __repr__(self) -> str:
        """Name the cloud and nothing secret."""
        return f"Credentials(cloud_name={self.cloud_name!r})"

    def options(self) -> dict[str, Any]:
        """Return the options that free one SDK call from the SDK's global configuration."""
        prefix = {"upload_prefix": self.upload_prefix} if self.upload_prefix else {}
        return {
            "cloud_name": self.cloud_name,
            "api_key": self.api_key,
            "api_secret": self.api_secret,
            "oauth_token": None,
            **prefix,
        }


class Account:
    """Deletes assets of one cloud, and brings them back. `threads` calls run at a time; each may
    take `timeout`. `emit` hears of each call.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        threads: int,
        timeout: timedelta,
        emit: Emit = lambda _: None,
    ) -> None:
        """Size both pools to `threads`; the SDK's own pools are module globals and are replaced."""
        self.credentials = credentials
        self.asset_id_proven = False
        self._threads = threads
        self._timeout_s = timeout.total_seconds()
        self._emit = emit
        self._seen = threading.local()
        self._ruled_out: dict[Asset, tuple[float, set[Road]]] = {}
        self._renew()

    def _renew(self) -> None:
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="cloudinary")
        cloudinary.uploader._http = self._connector()  # noqa: SLF001  there is no public way
        cloudinary.api_client.call_api._http = self._connector()  # noqa: SLF001  as above

    def _connector(self) -> Any:  # noqa: ANN401  the SDK's own
        options = {**cloudinary.CERT_KWARGS, "maxsize": self._threads, "retries": False}
        connector = get_http_connector(cloudinary.config(), options)
        send = connector.request

        def request(*args: object, **more: object) -> Any:  # noqa: ANN401  a response of urllib3
            response = send(*args, **more)
            getattr(self._seen, "heard", []).append(response)  # the SDK keeps half of it to itself
            return response

        connector.request = request
        return connector

    async def destroy(self, asset: Asset, may_not: Callable[[], str | None]) -> Answer:
        """Delete one asset; `may_not` is asked immediately before each call that this takes.

        Unknown types are tried one after the other until one call finds the asset. Where that had
        to be broken off, the next try goes on with the types that are left.
        """
        since_s, ruled_out = self._ruled_out.pop(asset, (0.0, set()))
        if time.monotonic() - since_s > RULED_OUT_S:
            ruled_out = set()
        answer, calls = Answer(Outcome.ABSENT), 0
        for road in roads(asset, asset_id_proven=self.asset_id_proven):
            if road in ruled_out:
                continue
            answer = await self._take(road, may_not)
            calls += answer.outcome is not Outcome.UNSENT
            self.asset_id_proven |= answer.ok and answer.by_asset_id
            if answer.outcome is not Outcome.ABSENT and answer.status != NOT_FOUND:
                break
            ruled_out.add(road)
        if answer.outcome is Outcome.UNSENT and calls and len(self._ruled_out) < RULED_OUT_MOST:
            self._ruled_out[asset] = (time.monotonic(), ruled_out)
        return replace(answer, calls=calls)

    async def ping(self) -> Answer:
        """Ask whether key and secret are good, without touching an asset."""
        return (await self.greet())[0]

    async def greet(self) -> Told:
        """Ping, and return the headers of the answer as well, under names in lower case."""
        return await self._manage(cloudinary.api.ping)

    async def restore(self, ids: Sequence[str], types: tuple[str, str] | None) -> Answer:
        """Bring assets back from their backup: public ids under (resource type, delivery type), or
        asset ids where `types` is None.

        DELETED is a good answer here, as that to a ping: its `response` maps ids to assets or
        errors. Asking twice does no harm.
        """
        if types is None:
            return (await self._manage(cloudinary.api.restore_by_asset_ids, list(ids)))[0]
        named = {"resource_type": types[0], "type": types[1]}
        return (await self._manage(cloudinary.api.restore, list(ids), **named))[0]

    async def triggers(self) -> Answer:
        """Ask for the notification triggers. DELETED is a good answer, as that to a ping."""
        return (await self._manage(cloudinary.api.triggers))[0]

    async def add_trigger(self, uri: str, event_type: str) -> Answer:
        """Make a trigger that also hears of calls which name a notification_url of their own."""
        params = {"uri": uri, "event_type": event_type, "additive": True}
        return (await self._manage(call_json_api, "post", ["triggers"], params))[0]

    async def remove_trigger(self, id_: str) -> Answer:
        """Remove a trigger."""
        return (await self._manage(cloudinary.api.delete_trigger, id_))[0]

    async def listed(self, resource_type: str, cursor: str | None) -> Told:
        """List assets of one type from a cursor on. DELETED is a good answer here, too."""
        more = {"next_cursor": cursor, "max_results": PAGE, "tags": True, "context": True}
        return await self._manage(cloudinary.api.resources, resource_type=resource_type, **more)

    async def told(self, ids: Sequence[str], types: tuple[str, str] | None) -> Told:
        """Ask about public ids under (resource type, delivery type), or about asset ids."""
        said: dict[str, object] = {"tags": True, "context": True}
        if types is None:
            return await self._manage(cloudinary.api.resources_by_asset_ids, list(ids), **said)
        said |= {"resource_type": types[0], "type": types[1]}
        return await self._manage(cloudinary.api.resources_by_ids, list(ids), **said)

    async def store(
        self, part: Part, named: Mapping[str, object], may_not: Callable[[], str | None]
    ) -> Answer:
        """Send a file, or a part of one; `may_not` is asked immediately before. DELETED is a good
        answer here, too: its `response` is the asset once the last part has come.

        `named` is what the SDK calls the options of an upload. Each phase may take `PART_S`.
        """

        def call() -> Any:  # noqa: ANN401  whatever the SDK parsed
            if reason := may_not():
                raise _NotSentError(reason)
            return cloudinary.uploader.call_api(
                "upload",
                build_upload_params(**named) | {"timestamp": named.get("timestamp", now())},
                http_headers=part.headers(),
                file=(part.filename, part.data),
                resource_type=named["resource_type"],
                # a whole part has to be sent within the first of the two
                timeout=urllib3.Timeout(connect=PART_S, read=PART_S),
                return_error=True,
                **self.credentials.options(),
            )

        def stored(body: Any) -> Answer:  # noqa: ANN401  as above
            return Answer(Outcome.DELETED, response=body)

        return (await self._run("upload", call, stored, PART_S))[0]

    def close(self) -> None:
        """Release the threads; calls that are still running end by their own timeout."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _take(self, road: Road, may_not: Callable[[], str | None]) -> Answer:
        by_id, by_name = {"asset_id": road.asset_id}, {"public_id": road.public_id}
        params = by_id if road.asset_id else by_name | {"type": road.delivery_type}

        def call() -> Any:  # noqa: ANN401  whatever the SDK parsed
            if reason := may_not():
                raise _NotSentError(reason)
            return cloudinary.uploader.call_api(
                "destroy",
                params | {"invalidate": True, "timestamp": now()},
                resource_type=road.resource_type or "asset",
                timeout=self._timeout(),
                return_error=True,
                **self.credentials.options(),
            )

        answer, _ = await self._run("upload", call, read_result)
        return replace(
            answer,
            resource_type=road.resource_type,
            delivery_type=road.delivery_type,
            by_asset_id=road.asset_id is not None,
        )

    async def _run(
        self,
        api: str,
        call: Callable[[], Any],
        read: Callable[[Any], Answer],
        within_s: float | None = None,
    ) -> Told:
        """Make a call and tell of it; returns also the headers, under names in lower case."""
        began_s, heard = time.monotonic(), list[Any]()
        answer = await self._ask(call, read, heard, within_s or self._timeout_s)
        headers = {name.lower(): told for one in heard for name, told in one.headers.items()}
        if answer.outcome is not Outcome.UNSENT:
            status = heard[0].status if heard else answer.status
            seconds = time.monotonic() - began_s
            self._emit(CloudinaryCalled(api, status, seconds, read_quota(headers)))
        return answer, headers

    async def _ask(
        self,
        call: Callable[[], Any],
        read: Callable[[Any], Answer],
        heard: list[Any],
        within_s: float,
    ) -> Answer:
        started = threading.Event()

        def noticed() -> Any:  # noqa: ANN401  whatever the SDK parsed
            started.set()
            self._seen.heard = heard
            return call()

        pool = self._pool
        try:
            # urllib3's timeout runs between bytes: a server that drips would never reach it
            async with asyncio.timeout(2 * within_s):
                body = await asyncio.get_running_loop().run_in_executor(pool, noticed)
        except TimeoutError:
            if not started.is_set():
                return Answer(Outcome.UNSENT, "not sent: no thread was free in time")
            if pool is self._pool:  # its threads may hang for as long as the server likes
                self._renew()
            return Answer(Outcome.UNCLEAR, "no whole answer in time")
        except _NotSentError as error:
            return Answer(Outcome.UNSENT, f"not sent: {error}")
        except Exception as error:  # noqa: BLE001  the SDK raises bare Exception and TypeError too
            return read_exception(error)
        return read_body(body, heard[0].status if heard else OK, read)

    async def _manage(self, call: Callable[..., Any], *args: object, **more: object) -> Told:
        made = partial(call, *args, **self.credentials.options(), timeout=self._timeout(), **more)
        return await self._run("admin", made, lambda body: Answer(Outcome.DELETED, response=body))

    def _timeout(self) -> urllib3.Timeout:
        return urllib3.Timeout(connect=self._timeout_s / 2, read=self._timeout_s)


class _NotSentError(Exception):
    """The call was not made, and why."""
