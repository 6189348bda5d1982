"""Each way in which a call can go wrong, as the SDK sees it, and whether it was acted on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cloudinary
import cloudinary.api
import cloudinary.exceptions
import cloudinary.uploader
import pytest
from cloudinary import exceptions
from cloudinary.api_client import call_api
from cloudinary.utils import get_http_connector

from mediasweep.emulator.client import Cloud

QUICK_S = 0.3  # how long the SDK waits for an answer that never comes


@pytest.fixture
def full(cloud: Cloud) -> Cloud:
    """Give a cloud with `bulk/0` and `bulk/1` in it."""
    cloud.fill("bulk/", 2)
    return cloud


def destroy(cloud: Cloud, public_id: str = "bulk/0", **options: object) -> Any:  # noqa: ANN401  lies
    """Destroy by the SDK."""
    given = {**cloud.options(), "timeout": 10, **options}
    return cloudinary.uploader.destroy(public_id, **given)


@pytest.mark.parametrize(
    ("status", "raised"),
    [
        (400, exceptions.BadRequest),
        (401, exceptions.AuthorizationRequired),
        (403, exceptions.NotAllowed),
        (420, exceptions.RateLimited),
        (423, exceptions.Error),
        (429, exceptions.RateLimited),
        (500, exceptions.GeneralError),
        (502, exceptions.Error),
        (503, exceptions.GeneralError),
        (504, exceptions.Error),
    ],
)
def test_a_status_is_raised(full: Cloud, status: int, raised: type[Exception]) -> None:
    """An error status becomes the SDK's exception for it, and nothing is deleted."""
    full.faults({"status": status})
    with pytest.raises(raised):
        destroy(full)
    assert destroy(full, return_error=True)["error"]["http_code"] == status
    assert len(full.assets()) == 2


def test_a_rate_limit_says_until_when(full: Cloud) -> None:
    """The message of a 420 is Cloudinary's, with the time that was set."""
    full.faults({"status": 420, "until": "2030-01-02 03:00:00"})
    with pytest.raises(exceptions.RateLimited, match=r"Try again on 2030-01-02 03:00:00 UTC$"):
        destroy(full)


@pytest.mark.parametrize(
    "fault", [{"effect": "html"}, {"effect": "html", "status": 503}, {"effect": "garbage"}]
)
def test_what_is_no_json_is_an_error(full: Cloud, fault: dict[str, Any]) -> None:
    """A gateway's page or garbage cannot be parsed, which the SDK says with the status."""
    full.faults(fault)
    status = fault.get("status", 502 if fault["effect"] == "html" else 200)
    with pytest.raises(exceptions.Error, match=rf"Error parsing server response \({status}\)"):
        destroy(full)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ({"effect": "empty"}, {}),
        ({"effect": "lie"}, {"status": "ok"}),
        ({"effect": "lie", "body": {"result": "queued"}}, {"result": "queued"}),
    ],
)
def test_a_lie_passes_for_success(full: Cloud, fault: dict[str, Any], told: dict[str, Any]) -> None:
    """JSON of another shape is returned by the SDK as if all were well, though nothing was done."""
    full.faults(fault)
    answer = destroy(full)
    del answer["request_id"]
    assert answer == told
    assert len(full.assets()) == 2


@pytest.mark.parametrize("act", [True, False])
@pytest.mark.parametrize("effect", ["truncated", "reset", "hang", "status"])
def test_a_lost_answer_may_have_been_acted_on(full: Cloud, effect: str, *, act: bool) -> None:
    """Whether the asset is gone cannot be told from the error; the log knows."""
    full.faults({"effect": effect, "act": act})
    with pytest.raises(exceptions.Error):
        destroy(full, timeout=QUICK_S)
    full.wait_answered(1)
    assert (("image", "upload", "bulk/0") in full.assets()) is not act
    (call,) = full.calls()
    assert (call["acted"], call["result"], call["fault"]) == (act, "ok" if act else "", effect)
    assert call["status"] == {"truncated": 200, "status": 500}.get(effect, 0)


def test_a_hanging_call_is_seen_while_it_hangs(full: Cloud) -> None:
    """A call that hangs after acting has acted before the client gives up."""
    full.faults({"effect": "hang", "act": True})
    with ThreadPoolExecutor(1) as pool:
        hanging = pool.submit(destroy, full, timeout=2)
        full.wait_assets(1)
        (call,) = full.calls()
        assert (call["status"], call["acted"], hanging.done()) == (0, True, False)
    assert isinstance(hanging.exception(), exceptions.Error)


def test_latency_alone_is_only_late(full: Cloud) -> None:
    """A call that is late goes well otherwise, or times out and is acted on all the same."""
    full.faults({"latency_s": QUICK_S * 2, "times": 1, "public_id": "bulk/1"})
    with pytest.raises(exceptions.Error, match="timed out"):
        destroy(full, "bulk/1", timeout=QUICK_S)
    full.wait_assets(1)
    full.faults({"latency_s": 0.01})
    assert destroy(full)["result"] == "ok"


def test_the_first_fault_that_matches_counts(full: Cloud) -> None:
    """Faults are chosen by action and public id, in the order in which they were installed."""
    full.faults({"action": "ping", "status": 429}, {"public_id": "bulk/*", "status": 423})
    full.add_faults({"action": "*", "status": 503})
    seen = [destroy(full, i, return_error=True)["error"]["http_code"] for i in ("bulk/0", "x")]
    assert seen == [423, 503]
    with pytest.raises(exceptions.RateLimited):
        cloudinary.api.ping(**full.options())
    with pytest.raises(exceptions.GeneralError):
        cloudinary.uploader.upload(b"bytes", **full.options())
    full.faults()
    assert destroy(full)["result"] == "ok"


def test_a_fault_meets_an_asset_id_by_its_public_id(full: Cloud) -> None:
    """A glob on public ids also finds the calls that name an asset by its asset id."""
    asset = cloudinary.uploader.upload(b"bytes", public_id="by/id", **full.options())
    full.faults({"public_id": "by/*", "status": 423})
    params = {"timestamp": cloudinary.utils.now(), "asset_id": asset["asset_id"]}
    with pytest.raises(exceptions.Error, match="being processed"):
        cloudinary.uploader.call_api("destroy", params, resource_type="asset", **full.options())


def outcomes(cloud: Cloud, count: int) -> list[bool]:
    """Return which of so many destroys went wrong."""
    return ["error" in destroy(cloud, "x", return_error=True) for _ in range(count)]


def test_a_fault_is_skipped_and_ends(full: Cloud) -> None:
    """A fault lets the first matches pass, then strikes as often as it was told."""
    full.faults({"skip": 1, "times": 2})
    assert outcomes(full, 5) == [False, True, True, False, False]


def test_chance_can_be_repeated(full: Cloud) -> None:
    """The same seed strikes the same calls, and not all of them."""
    rule = {"probability": 0.5, "seed": 7}
    seen = []
    for _ in range(2):
        full.faults(rule)
        seen.append(outcomes(full, 20))
    assert seen[0] == seen[1]
    assert 0 < sum(seen[0]) < 20


def test_a_fault_is_over_when_its_time_is(full: Cloud) -> None:
    """A fault with no time left strikes nobody."""
    full.faults({"seconds": 0}, {"effect": "none", "seconds": 3600})
    assert destroy(full)["result"] == "ok"
    assert full.calls()[0]["fault"] == "none"


@pytest.mark.parametrize(
    "fault",
    [{"effect": "boom"}, {"action": "explode"}, {"when": 1}, {"status": "500"}, {"times": True},
     {"latency_s": -1}, {"headers": {"a": 1}}, {"chance": 1}, "hang"],
)  # fmt: skip
def test_what_is_no_fault_is_refused(cloud: Cloud, fault: Any) -> None:  # noqa: ANN401  nonsense
    """A misspelt fault is refused when it is installed, rather than never striking."""
    with pytest.raises(ValueError, match=r".+"):
        cloud.faults(fault)


def test_a_header_may_come_with_a_fault(full: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Retry-After is sent along, which makes the SDK's reading requests wait for it."""
    # the SDK's own pool, which tries again: another test may have replaced it
    own = get_http_connector(cloudinary.config(), cloudinary.CERT_KWARGS)
    monkeypatch.setattr(call_api, "_http", own)
    full.faults({"action": "ping", "status": 503, "headers": {"Retry-After": "0"}, "times": 1})
    assert cloudinary.api.ping(**full.options())["status"] == "ok"
    assert [call["status"] for call in full.calls("ping")] == [503, 200]
