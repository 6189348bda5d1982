"""What a destroy by the real SDK finds, removes and answers."""

from __future__ import annotations

import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cloudinary.exceptions
import cloudinary.uploader
import cloudinary.utils
import pytest

from mediasweep.emulator.client import Cloud


def destroy(cloud: Cloud, public_id: str, **options: object) -> dict[str, Any]:
    """Destroy by public id; an error is returned, with its status in `http_code`."""
    given = {**cloud.options(), "timeout": 10, "return_error": True, **options}
    answer: dict[str, Any] = cloudinary.uploader.destroy(public_id, **given)
    return answer


def by_asset_id(cloud: Cloud, asset_id: str, resource_type: str = "asset") -> dict[str, Any]:
    """Destroy by asset id, by the low-level way that the SDK has."""
    params = {"timestamp": cloudinary.utils.now(), "asset_id": asset_id}
    answer: dict[str, Any] = cloudinary.uploader.call_api(
        "destroy", params, resource_type=resource_type, return_error=True, **cloud.options()
    )
    return answer


def uploaded(cloud: Cloud, public_id: str, **options: object) -> str:
    """Upload something and return its asset id."""
    given = {**cloud.options(), "public_id": public_id, **options}
    return str(cloudinary.uploader.upload(b"some bytes", **given)["asset_id"])


def test_an_asset_is_destroyed_once(cloud: Cloud) -> None:
    """The first destroy is ok, the second finds nothing."""
    uploaded(cloud, "a")
    assert [destroy(cloud, "a")["result"] for _ in range(2)] == ["ok", "not found"]
    assert cloud.state()["deleted"] == 1


@pytest.mark.parametrize(
    "wrong", [{"resource_type": "raw"}, {"resource_type": "video"}, {"type": "private"}]
)
def test_a_wrong_type_is_not_found(cloud: Cloud, wrong: dict[str, str]) -> None:
    """Under another resource or delivery type the asset is not found, and stays."""
    uploaded(cloud, "a")
    assert destroy(cloud, "a", **wrong)["result"] == "not found"
    assert cloud.assets() == {("image", "upload", "a")}


def test_the_same_id_under_other_types_stays(cloud: Cloud) -> None:
    """Only the asset of the given types is removed."""
    uploaded(cloud, "a")
    uploaded(cloud, "a", type="authenticated")
    uploaded(cloud, "a", resource_type="raw")
    assert destroy(cloud, "a", type="authenticated")["result"] == "ok"
    assert cloud.assets() == {("image", "upload", "a"), ("raw", "upload", "a")}


@pytest.mark.parametrize("road", ["asset", "image"])
def test_an_asset_id_names_any_asset(cloud: Cloud, road: str) -> None:
    """An asset id destroys its asset whatever its types, once."""
    asset_id = uploaded(cloud, "a.txt", resource_type="raw", type="private")
    told = [by_asset_id(cloud, asset_id, road)["result"] for _ in range(2)]
    assert told == ["ok", "not found"]


def test_the_road_by_asset_id_can_be_closed(cloud: Cloud) -> None:
    """Without it, /asset/destroy is unknown and asset_id does not stand in for public_id."""
    asset_id = uploaded(cloud, "a")
    cloud.switch(asset_id_road=False, asset_id_in_destroy=False)
    assert by_asset_id(cloud, asset_id)["error"]["http_code"] == 404
    assert by_asset_id(cloud, asset_id, "image")["error"]["http_code"] == 400
    assert len(cloud.assets()) == 1


def test_a_public_id_is_needed(cloud: Cloud) -> None:
    """A destroy of nothing is a bad request, as the SDK leaves out what is empty."""
    error = destroy(cloud, "")["error"]
    assert (error["http_code"], error["message"]) == (
        400,
        "Missing required parameter - public_id",
    )


def test_not_found_may_be_a_status(cloud: Cloud) -> None:
    """Switched so, what is not there is a 404, which the SDK raises."""
    cloud.switch(not_found_status=404)
    with pytest.raises(cloudinary.exceptions.NotFound):
        destroy(cloud, "a", return_error=False)


def test_what_is_open_is_a_switch(cloud: Cloud) -> None:
    """Case and the folder in the answer follow their switches."""
    uploaded(cloud, "f/A")
    assert destroy(cloud, "F/a")["result"] == "not found"
    cloud.switch(case_sensitive=False, destroy_tells_folder=True)
    assert destroy(cloud, "F/a").items() >= {"result": "ok", "asset_folder": "f"}.items()


def test_too_many_at_once_are_refused(cloud: Cloud) -> None:
    """Of five destroys at once under a limit of two, two get in and three are refused with 420."""
    cloud.fill("bulk/", 5)
    cloud.switch(concurrency=2)
    cloud.faults({"effect": "hang", "act": True})
    with ThreadPoolExecutor(5) as pool:
        hanging = [pool.submit(destroy, cloud, f"bulk/{n}", timeout=2) for n in range(5)]
        cloud.wait_calls(5)
        assert cloud.state()["destroying"] >= 2
        cloud.wait_answered(5)
    refused = [done.result() for done in hanging if not done.exception()]
    assert [told["error"]["http_code"] for told in refused] == [420] * 3
    assert all("Too many concurrent" in told["error"]["message"] for told in refused)
    assert cloud.state()["by_status"] == {"destroy 0": 2, "destroy 420": 3}
    assert (len(cloud.assets()), cloud.state()["destroying"]) == (3, 0)


def test_late_destroys_under_the_limit_all_pass(cloud: Cloud) -> None:
    """A limit that is not exceeded refuses nobody, and the peak is recorded."""
    cloud.fill("bulk/", 4)
    cloud.switch(concurrency=4)
    cloud.faults({"latency_s": 0.3})
    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(lambda n: destroy(cloud, f"bulk/{n}")["result"], range(4)))
    assert told == ["ok"] * 4
    assert cloud.state()["destroying_most"] == 4


def test_an_unknown_action_is_an_error_in_json(cloud: Cloud) -> None:
    """What is no endpoint is a 404 that the SDK can read, with a request id."""
    with pytest.raises(cloudinary.exceptions.NotFound):
        cloudinary.uploader.explode("a", **cloud.options())
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(f"{cloud.api}/v1_1/{cloud.name}/image/destroy", timeout=10)  # noqa: S310
    with raised.value as answer:
        assert len(answer.headers["X-Request-Id"]) == 32
