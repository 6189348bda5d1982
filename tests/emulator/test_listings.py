"""What the real SDK can list: by type, prefix, age, ids, folder, tag, context; page by page."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from itertools import chain
from typing import Any

import cloudinary.api
import cloudinary.uploader
import pytest
from cloudinary.exceptions import BadRequest, NotFound

from mediasweep.demo.files import png
from mediasweep.emulator.client import Cloud
from mediasweep.emulator.listing import Query, page
from mediasweep.emulator.planting import Planting
from mediasweep.emulator.store import Store

PAGE_MS = 20


def upload(cloud: Cloud, public_id: str, **options: object) -> dict[str, Any]:
    """Upload something and return the answer."""
    given = {**cloud.options(), "public_id": public_id, **options}
    answer: dict[str, Any] = cloudinary.uploader.upload(b"bytes", **given)
    return answer


def ids(told: dict[str, Any]) -> list[str]:
    """Return the public ids of a page."""
    return [one["public_id"] for one in told["resources"]]


def pages(cloud: Cloud, **options: object) -> Iterator[list[str]]:
    """Yield the public ids of every page of a listing."""
    cursor = None
    while True:
        given = {"type": "upload", **options, "next_cursor": cursor, **cloud.options()}
        told = cloudinary.api.resources(**given)
        yield ids(told)
        cursor = told.get("next_cursor")
        if cursor is None:
            return


@pytest.fixture
def aged(cloud: Cloud) -> Cloud:
    """Give a cloud with twelve images, i/11 the newest, and a video."""
    cloud.plant("i/", 12)
    cloud.fill("v/", 1, "video")
    return cloud


def test_a_listing_is_of_one_type_and_newest_first(aged: Cloud) -> None:
    """Ten images come at first, the newest of them first, and the others by the cursor."""
    newest = [f"i/{n:02}" for n in range(11, -1, -1)]
    assert list(pages(aged)) == [newest[:10], newest[10:]]
    assert list(pages(aged, max_results=12)) == [newest]
    assert list(pages(aged, direction="asc", max_results=500)) == [newest[::-1]]
    assert list(pages(aged, resource_type="video")) == [["v/0"]]
    for public_id, kind in (("i/10", "image"), ("v/0", "video")):
        cloudinary.uploader.destroy(public_id, resource_type=kind, **aged.options())
    assert next(pages(aged, max_results=2)) == ["i/11", "i/09"]
    assert list(pages(aged, resource_type="video")) == [[]]
    assert cloudinary.api.resource_types(**aged.options())["resource_types"] == [
        "image", "raw", "video",
    ]  # fmt: skip


def test_every_delivery_type_is_listed_unless_one_is_asked_for(cloud: Cloud) -> None:
    """Without a type an image of each delivery type comes; with one only those."""
    for kind in ("upload", "private", "authenticated"):
        upload(cloud, "a", type=kind)
    every = cloudinary.api.resources(**cloud.options())["resources"]
    assert {one["type"] for one in every} == {"upload", "private", "authenticated"}
    some = cloudinary.api.resources(type="private", **cloud.options())["resources"]
    assert [one["type"] for one in some] == ["private"]


def test_a_prefix_sorts_by_public_id(aged: Cloud) -> None:
    """With a prefix the order is that of the ids whatever the direction, and a type is needed."""
    for public_id in ("i/0", "i/055", "i/1", "h/1", "j/1"):
        upload(aged, public_id)
    told = list(pages(aged, prefix="i/0", direction="desc", max_results=500))
    inside = ["i/05", "i/055", *(f"i/0{n}" for n in range(6, 10))]
    assert told == [["i/0", *(f"i/0{n}" for n in range(5)), *inside]]
    assert [*chain(*pages(aged, prefix="i/0", max_results=3))] == told[0]
    with pytest.raises(BadRequest, match="type"):
        cloudinary.api.resources(prefix="i/", **aged.options())


def test_a_listing_may_begin_at_a_time(aged: Cloud) -> None:
    """What is older than start_at is left out, in both directions."""
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() - 3600))
    aged.plant("old/", 5, age_s=7200)
    for direction in ("asc", "desc"):
        (told,) = pages(aged, start_at=since, direction=direction, max_results=500)
        assert (len(told), [name for name in told if name.startswith("old/")]) == (12, [])
    with pytest.raises(BadRequest, match="start_at"):
        list(pages(aged, start_at="yesterday"))


def test_a_cursor_belongs_to_its_query(aged: Cloud) -> None:
    """A cursor of another listing, or a made-up one, is a bad request that says so."""
    given = aged.options()
    cursor = cloudinary.api.resources(max_results=1, **given)["next_cursor"]
    for options in ({"type": "upload"}, {"direction": "asc"}, {"resource_type": "video"}):
        with pytest.raises(BadRequest, match="Invalid value for parameter next_cursor"):
            cloudinary.api.resources(next_cursor=cursor, **options, **given)
    for cursor in ("x", "5b5d", "31"):
        with pytest.raises(BadRequest, match="Invalid value for parameter next_cursor"):
            cloudinary.api.resources(next_cursor=cursor, **given)


def test_a_cursor_is_a_place_or_a_number(aged: Cloud) -> None:
    """What is deleted between two pages makes a listing miss others only if cursors count."""
    for counted, missed in ((False, set()), (True, {"i/04"})):
        aged.reset()
        aged.plant("i/", 12)
        aged.switch(offset_cursors=counted)
        seen: list[str] = []
        for part in pages(aged, prefix="i/", max_results=4):
            seen += part
            cloudinary.uploader.destroy("i/00", **aged.options())
        assert {f"i/{n:02}" for n in range(12)} - set(seen) == missed


def test_ids_name_what_is_listed(aged: Cloud) -> None:
    """By public ids or asset ids come those that are there, of any types by asset ids."""
    given = aged.options()
    video = upload(aged, "v", resource_type="video")["asset_id"]
    image = cloudinary.api.resource("i/03", **given)["asset_id"]
    told = cloudinary.api.resources_by_ids(["i/01", "i/99", "v"], **given)
    assert ids(told) == ["i/01"]
    told = cloudinary.api.resources_by_asset_ids([video, image, "0" * 32], **given)
    assert (ids(told), cloudinary.api.resource_by_asset_id(image, **given)["public_id"]) == (
        ["v", "i/03"],
        "i/03",
    )
    many = [str(n) for n in range(101)]
    with pytest.raises(BadRequest, match="at most 100"):
        cloudinary.api.resources_by_ids(many, **given)
    aged.switch(many_ids_status=404)
    with pytest.raises(NotFound, match="at most 100"):
        cloudinary.api.resources_by_asset_ids(many, **given)


def test_what_is_asked_for_comes_with_each(cloud: Cloud) -> None:
    """Tags, context and metadata come if they are wanted, and only the fields that are named."""
    given = cloud.options()
    upload(cloud, "a", tags=["x"], context={"alt": "hat"}, moderation="manual")
    upload(cloud, "b")
    (b, a) = sorted(
        cloudinary.api.resources(tags=True, context=True, metadata=True, **given)["resources"],
        key=lambda one: -len(one["tags"]),
    )[::-1]
    assert (a["tags"], a["context"], a["metadata"]) == (["x"], {"custom": {"alt": "hat"}}, {})
    assert (b["tags"], b["context"], "moderations" in b) == ([], {"custom": {}}, False)
    plain = cloudinary.api.resources(metadata=False, **given)["resources"][0]
    assert not {"tags", "context", "metadata"} & set(plain)
    assert {"asset_id", "version", "created_at", "bytes", "asset_folder"} <= set(plain)
    named = cloudinary.api.resources(fields=["tags", "url"], **given)["resources"][0]
    assert set(named) == {"asset_id", "public_id", "tags", "url"}


def test_tag_context_moderation_and_folder_list_what_has_them(cloud: Cloud) -> None:
    """Each finds its assets, page by page; a folder finds those of all types directly in it."""
    given = cloud.options()
    for n in range(3):
        upload(cloud, f"f/{n}", tags=["x/y"], context={"k": str(n)}, moderation="manual")
    upload(cloud, "f/r", resource_type="raw")
    upload(cloud, "f/deep/0")
    cloud.plant("f/planted", 2)
    every = {"f/0", "f/1", "f/2"}
    assert set(ids(cloudinary.api.resources_by_tag("x/y", **given))) == every
    assert set(ids(cloudinary.api.resources_by_context("k", **given))) == every
    assert ids(cloudinary.api.resources_by_context("k", "1", **given)) == ["f/1"]
    assert set(ids(cloudinary.api.resources_by_moderation("manual", "pending", **given))) == every
    first = cloudinary.api.resources_by_tag("x/y", max_results=2, **given)
    rest = cloudinary.api.resources_by_tag("x/y", next_cursor=first["next_cursor"], **given)
    assert {*ids(first), *ids(rest)} == every
    inside = set(ids(cloudinary.api.resources_by_asset_folder("F", **given)))
    assert inside == {*every, "f/r", "f/planted0", "f/planted1"}


def test_a_destroyed_one_is_listed_only_if_switched(cloud: Cloud) -> None:
    """A placeholder without bytes stands in a listing by the switch, never by tag or asset id."""
    given = cloud.options()
    asset_id = upload(cloud, "a", backup=True, tags=["x"])["asset_id"]
    upload(cloud, "b")
    cloudinary.uploader.destroy("a", **given)
    assert list(pages(cloud)) == [["b"]]
    cloud.switch(placeholders_listed=True)
    assert sorted(next(pages(cloud))) == ["a", "b"]
    told = cloudinary.api.resources(prefix="a", type="upload", **given)["resources"]
    assert [(one["bytes"], one["placeholder"]) for one in told] == [(0, True)]
    assert ids(cloudinary.api.resources_by_tag("x", **given)) == []
    assert ids(cloudinary.api.resources_by_asset_ids([asset_id], **given)) == []


def work_ms(store: Store, query: Query, cursor: str) -> float:
    """Return how long the processor needs for a page of 500, at best."""
    took: list[float] = []
    for _ in range(3):
        began = time.process_time()
        assets, _ = page(store, query, cursor, 500)
        json.dumps([asset.listed("http://host", "cloud", frozenset()) for asset in assets])
        took.append((time.process_time() - began) * 1000)
        assert len(assets) == 500
    return min(took)


@pytest.mark.parametrize("query", [Query("image"), Query("image", "upload", "m/")])
def test_a_page_of_a_million_costs_the_same_anywhere(query: Query) -> None:
    """A page of 500 takes less than 20 ms at the beginning, in the middle and near the end."""
    store, million = Store(), Planting("m/", 1_000_000)
    store.plant(million)
    for number in (0, 500_000, 999_000):
        place = query.order(million[number if query.upwards else 999_999 - number])
        cursor = json.dumps([query.mark, *place]).encode().hex()
        assert work_ms(store, query, cursor) < PAGE_MS


def test_what_is_planted_can_be_deleted_changed_and_delivered(cloud: Cloud) -> None:
    """A planted asset is like any other: found by both ids, renamed, tagged, and gone for good."""
    given = {**cloud.options(), "resource_type": "raw"}
    cloud.plant("p/", 100, "raw", age_s=86400, missing=[7])
    one = cloudinary.api.resource("p/08", **given)
    assert time.time() - one["version"] >= 86400
    cloudinary.uploader.add_tag("x", ["p/08"], **given)
    cloudinary.uploader.rename("p/08", "q", **given)
    assert cloudinary.api.resource_by_asset_id(one["asset_id"], **cloud.options())["tags"] == ["x"]
    assert cloudinary.uploader.destroy("p/07", **given)["result"] == "not found"
    assert cloudinary.uploader.destroy("p/09", **given)["result"] == "ok"
    with pytest.raises(NotFound):
        cloudinary.api.resource("p/09", **given)
    assert (len(cloud.assets()), cloud.state()["assets"], cloud.state()["deleted"]) == (98, 98, 1)
    with pytest.raises(ValueError, match="below the count"):
        cloud.plant("r/", 5, missing=[5])
    cloud.plant("s/", 2, data=png(8, 4, 0))
    drawn = cloudinary.api.resource("s/1", **cloud.options())
    assert (drawn["width"], drawn["height"], drawn["bytes"]) == (8, 4, len(png(8, 4, 0)))
