"""The emulator's own controls, in JSON, under /_emulator/clouds/{cloud}. Open: for loopback only.

    PUT     {"key", "secret"}: make the cloud, or make it anew, empty        DELETE  forget it
    GET     counters, peak, switches
    PATCH   {switch: value …}, also "key" and "secret"
    /faults  PUT [fault …]: these and no others; POST [fault …]: after those there are
    /calls   GET ?after=SEQ&action=&limit=: the log, oldest first
    /assets  GET [[resource type, type, public id] …]
             POST {"prefix", "count", "resource_type", "backup"}: make many
    /plantings POST {"prefix", "count", "resource_type", "age_s", "missing", "data"}: let many be
             there by a rule (`planting.Planting`), in no memory; missing: the numbers of those that
             are not; data: the file that each is, in base64
    /hooks   GET ?after=SEQ: the log of notifications (`hooks.Delivery`), oldest first
             PUT {mishap: value …} (`hooks.Mishaps`): these and no others
             POST {"release": "sent", "reversed" or "shuffled"}: send what is held, in that order;
             or {"again": [seq …], "old"}: send those once more, `old`: as they were signed
    /wait    GET ?assets=N (at most so many are left), ?calls=N (have come in), ?answered=N (are
             over), ?hooks=N (at most so many are under way) or ?delivered=N (have been),
             &action=destroy&timeout=SECONDS; 200 as soon as it holds, 408 if it does not

A request that makes no sense raises ValueError here, and is answered 400 with the reason.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mediasweep.emulator import naming, uploads
from mediasweep.emulator.calls import CALLS_KEPT
from mediasweep.emulator.cloud import Cloud
from mediasweep.emulator.faults import read_fault
from mediasweep.emulator.hooks import Mishaps
from mediasweep.emulator.planting import DATA, Planting

T = TypeVar("T")
# lower case, because the SDK lowers what stands in CLOUDINARY_URL
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{1,127}")
WAIT_LONGEST_S = 600.0
FILL_MOST = 1_000_000
PLANT_MOST = 100_000_000
ORDERS = ("sent", "reversed", "shuffled")
FAULTS_MOST = 1_000


async def make(clouds: dict[str, Cloud], request: Request) -> Response:
    """Make a cloud, or make it anew."""
    given, name = await _object(request), request.path_params["cloud"]
    if not NAME.fullmatch(name):
        raise ValueError(f"a cloud name is {NAME.pattern}, not {name}")
    if name in clouds:
        clouds[name].hooks.close()
    clouds[name] = Cloud(name, _field(given, "key", str), _field(given, "secret", str))
    return JSONResponse({"name": name})


async def forget(clouds: dict[str, Cloud], request: Request) -> Response:
    """Forget a cloud; calls that hang in it go on hanging."""
    gone = clouds.pop(request.path_params["cloud"], None)
    if gone is not None:
        gone.hooks.close()
    return JSONResponse({"forgotten": gone is not None})


async def state(cloud: Cloud, _: Request) -> Response:
    """Tell the counters, and what is there."""
    log, deleted, restored = cloud.calls, cloud.store.deleted, cloud.store.restored
    return JSONResponse(
        {
            "assets": len(cloud.store),
            "seq": log.seq,
            "calls": dict(log.received),
            "answered": dict(log.answered),
            "by_status": dict(log.by_status),
            "deleted": deleted.total(),
            "deleted_twice": sorted(k for k, n in deleted.items() if n > 1),
            "restored": restored.total(),
            "restored_twice": sorted(k for k, n in restored.items() if n > 1),
            "backups": len(cloud.store.backups),
            "uploading": len(cloud.chunks.uploads),
            "hooks": cloud.hooks.seq,
            "hooks_held": len(cloud.hooks.held),
            "hooks_under_way": cloud.hooks.under_way,
            "delivered": cloud.hooks.delivered,
            "windows": [fault.met for fault in cloud.faults.rules if fault.windows],
            "destroying": cloud.destroys.inside,
            "destroying_most": cloud.destroys.most,
            "switches": asdict(cloud.switches),
        }
    )


async def switch(cloud: Cloud, request: Request) -> Response:
    """Turn switches, or change the key or the secret."""
    given, known = await _object(request), asdict(cloud.switches)
    for name, value in given.items():
        wanted = str if name in {"key", "secret"} else type(known.get(name))
        if type(value) is not wanted:
            raise ValueError(f"no switch {name}, or it cannot be {value!r}")
    for name, value in given.items():
        setattr(cloud.switches if name in known else cloud, name, value)
    return JSONResponse(asdict(cloud.switches))


async def faults(cloud: Cloud, request: Request) -> Response:
    """Install faults: in place of those there are (PUT), or after them (POST)."""
    given = await request.json()
    if not isinstance(given, list):
        raise ValueError("faults are a list")  # noqa: TRY004  all that is wrong is a ValueError
    kept = cloud.faults.rules if request.method == "POST" else []
    rules = kept + [read_fault(fault) for fault in given]
    if len(rules) > FAULTS_MOST:
        raise ValueError(f"at most {FAULTS_MOST} faults")
    cloud.faults.rules = rules
    return JSONResponse({"faults": len(rules)})


async def calls(cloud: Cloud, request: Request) -> Response:
    """Tell the calls after a sequence number, of one action or all."""
    after, limit = _query(request, "after", int, 0), _query(request, "limit", int, CALLS_KEPT)
    action = request.query_params.get("action") or None
    return JSONResponse([asdict(c) for c in cloud.calls.after(after, action, max(0, limit))])


async def assets(cloud: Cloud, _: Request) -> Response:
    """Tell what is there."""
    return JSONResponse([list(key) for key in cloud.store.there()])


async def fill(cloud: Cloud, request: Request) -> Response:
    """Make many tiny assets at once, `prefix` and a number each."""
    given = {"resource_type": "image", "backup": False, **await _object(request)}
    count = _field(given, "count", int)
    if not 0 <= count <= FILL_MOST:
        raise ValueError(f"count is at most {FILL_MOST}")
    prefix, kind = _field(given, "prefix", str), _field(given, "resource_type", str)
    uploads.fill(cloud, prefix, count, kind, backup=_field(given, "backup", bool))
    cloud.changed()
    return JSONResponse({"assets": len(cloud.store)})


async def plant(cloud: Cloud, request: Request) -> Response:
    """Let many assets be there by a rule."""
    given = {"resource_type": "image", "age_s": 0, "missing": [], **await _object(request)}
    data = b64decode(_field(given, "data", str)) if "data" in given else DATA
    count, age_s = _field(given, "count", int), _field(given, "age_s", int)
    prefix, kind = _field(given, "prefix", str), _field(given, "resource_type", str)
    missing = _field(given, "missing", list)
    if not (0 < count <= PLANT_MOST and age_s >= 0 and kind in uploads.RESOURCE_TYPES):
        raise ValueError(f"count is 1 to {PLANT_MOST}, age_s not negative, resource_type known")
    if any(type(n) is not int or not 0 <= n < count for n in missing):
        raise ValueError("missing are numbers below the count")
    if naming.normalised(f"{prefix}{count}") != f"{prefix}{count}":
        raise ValueError(f"no public id begins with {prefix!r}")
    cloud.store.plant(Planting(prefix, count, kind, age_s, set(missing), data))
    cloud.changed()
    return JSONResponse({"assets": len(cloud.store)})


async def hooks(cloud: Cloud, request: Request) -> Response:
    """Tell the notifications after a number."""
    after = _query(request, "after", int, 0)
    return JSONResponse([asdict(delivery) for delivery in cloud.hooks.after(after)])


async def mishaps(cloud: Cloud, request: Request) -> Response:
    """Let these mishaps happen to notifications, and no others."""
    given, known = await _object(request), asdict(Mishaps())
    for name, value in given.items():
        wanted = (int, float) if type(known.get(name)) is float else (type(known.get(name)),)
        if type(value) not in wanted:
            raise ValueError(f"no mishap {name}, or it cannot be {value!r}")
    cloud.hooks.expect(Mishaps(**given))
    return JSONResponse(asdict(cloud.hooks.mishaps))


async def send(cloud: Cloud, request: Request) -> Response:
    """Send notifications that are held, or others once more."""
    given = {"old": False, **await _object(request)}
    if "again" in given:
        again = _field(given, "again", list)
        if any(type(seq) is not int for seq in again):
            raise ValueError("again takes the numbers of notifications")
        return JSONResponse({"sent": cloud.hooks.again(again, old=_field(given, "old", bool))})
    order = _field(given, "release", str)
    if order not in ORDERS:
        raise ValueError(f"release in one of the orders {ORDERS}")
    return JSONResponse({"sent": cloud.hooks.release(order)})


async def wait(cloud: Cloud, request: Request) -> Response:
    """Wait until so much is left, has come in or is over."""
    action = request.query_params.get("action", "destroy")
    timeout_s = min(_query(request, "timeout", float, 30.0), WAIT_LONGEST_S)
    at_most: dict[str, Callable[[], int]] = {
        "assets": lambda: len(cloud.store),
        "hooks": lambda: cloud.hooks.under_way,
    }
    at_least: dict[str, Callable[[], int]] = {
        "calls": lambda: cloud.calls.received[action],
        "answered": lambda: cloud.calls.answered[action],
        "delivered": lambda: cloud.hooks.delivered,
    }
    wanted = {name: _query(request, name, int, -1) for name in (*at_most, *at_least)}
    if max(wanted.values()) < 0:
        raise ValueError(f"wait for one of {', '.join(wanted)}")

    def holds() -> bool:
        return all(wanted[name] < 0 or now() <= wanted[name] for name, now in at_most.items()) and (
            all(now() >= wanted[name] for name, now in at_least.items())
        )

    held = await cloud.wait(holds, timeout_s)
    counted = {"assets": len(cloud.store), "calls": dict(cloud.calls.received)}
    return JSONResponse(counted, 200 if held else 408)


async def _object(request: Request) -> dict[str, Any]:
    given = await request.json()
    if not isinstance(given, dict):
        raise ValueError("an object is wanted")  # noqa: TRY004  all that is wrong is a ValueError
    return given


def _field(given: dict[str, Any], name: str, wanted: type[T]) -> T:
    value = given.get(name)
    if not isinstance(value, wanted):
        raise ValueError(f"{name} has to be {wanted.__name__}")  # noqa: TRY004  see above
    return value


def _query(request: Request, name: str, read: Callable[[str], T], default: T) -> T:
    given = request.query_params.get(name)
    return default if given is None else read(given)
