"""What a cloud allows: calls an hour, destroys at a time, and for how long none at all."""

from __future__ import annotations

import calendar
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import cloudinary.api
import cloudinary.exceptions
import cloudinary.uploader
import pytest

from mediasweep.emulator import limits
from mediasweep.emulator.client import Cloud
from mediasweep.emulator.faults import Fault, read_fault
from mediasweep.emulator.limits import Quota, Turnstile

SOON_S = 10.0


def destroy(cloud: Cloud, public_id: str) -> str:
    """Destroy by the SDK and return the result, or the error's text."""
    given = {**cloud.options(), "timeout": SOON_S, "return_error": True}
    told = cloudinary.uploader.destroy(public_id, **given)
    return str(told.get("result") or told["error"]["message"])


def until(said: str) -> datetime:
    """Return the time that the text of a 420 names."""
    found = re.search(r"Try again on (.{19}) UTC$", said)
    assert found, said
    return datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)


# -- the hourly limit ------------------------------------------------------------------------------


def test_an_answer_tells_what_is_left_of_the_hour(cloud: Cloud) -> None:
    """Every answer of the Admin API has the limit, what is left, and when it begins anew."""
    told = [cloudinary.api.ping(**cloud.options()) for _ in range(2)]
    assert [(t.rate_limit_allowed, t.rate_limit_remaining) for t in told] == [
        (500, 499),
        (500, 498),
    ]
    reset = calendar.timegm(told[1].rate_limit_reset_at)
    assert reset % 3600 == 0
    assert 0 < reset - time.time() <= 3600


def test_beyond_the_limit_every_call_of_the_admin_api_is_refused(cloud: Cloud) -> None:
    """Ping, details and restore share the limit; the refusal names it and the next reset."""
    cloud.switch(admin_limit=2, admin_window_s=86400)
    for _ in range(2):
        cloudinary.api.ping(**cloud.options())
    expected = r"Rate Limit Exceeded\. Limit of 2 api operations reached\. Try again on .* UTC$"
    calls: tuple[Callable[[], object], ...] = (
        lambda: cloudinary.api.ping(**cloud.options()),
        lambda: cloudinary.api.resource("a", **cloud.options()),
        lambda: cloudinary.api.restore(["a"], **cloud.options()),
    )
    for call in calls:
        with pytest.raises(cloudinary.exceptions.RateLimited, match=expected) as refused:
            call()
        assert until(str(refused.value)).timestamp() % 86400 == 0
    assert destroy(cloud, "a") == "not found"


def test_a_new_window_begins_with_nothing_spent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The count starts again at the full window, and says how many are left."""
    now = 7199.9
    monkeypatch.setattr(time, "time", lambda: now)
    quota = Quota()
    assert [quota.spend(2, 3600) for _ in range(3)] == [1, 0, -1]
    assert limits.next_reset(3600) == 7200
    now = 7200.0
    assert (quota.spend(2, 3600), limits.next_reset(3600)) == (1, 10800)


# -- windows of refusal ----------------------------------------------------------------------------


def test_a_limit_that_is_reached_names_the_next_reset_until_its_windows_are_over(
    cloud: Cloud,
) -> None:
    """For two windows destroys are refused, each time until the next reset; then they pass."""
    cloud.fill("a/", 1)
    cloud.faults({"windows": 2, "window_s": 1})
    resets: list[datetime] = []
    deadline = time.monotonic() + SOON_S
    while (said := destroy(cloud, "a/0")) != "ok":
        resets.append(until(said))
        assert time.monotonic() < deadline
    assert resets == sorted(resets)
    assert (resets[-1] - resets[0]).total_seconds() == 1
    assert datetime.now(UTC) >= resets[-1]
    (met,) = cloud.state()["windows"]
    assert (len(met), min(met) > 0, sum(met)) == (2, True, len(resets))


def test_calls_are_counted_in_the_window_in_which_they_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each window has a count of its own, and the text names the end of the present one."""
    now = 1_000_000.5
    monkeypatch.setattr(time, "time", lambda: now)
    fault = read_fault({"windows": 3, "window_s": 60})
    assert isinstance(fault, Fault)
    assert [fault.hits("destroy", ("a",)) for _ in range(2)] == [True, True]
    assert fault.text(420).endswith("Try again on 1970-01-12 13:47:41 UTC")
    now += 120.5
    assert fault.hits("destroy", ("b",))
    assert fault.text(420).endswith("Try again on 1970-01-12 13:49:41 UTC")
    now += 60
    assert not fault.hits("destroy", ("c",))
    assert fault.met == [2, 0, 1]


@pytest.mark.parametrize("wrong", [{"windows": 0}, {"windows": 1, "window_s": 0}, {"windows": 1.5}])
def test_a_window_that_is_none_is_refused(cloud: Cloud, wrong: dict[str, object]) -> None:
    """Windows have a number and whole seconds."""
    with pytest.raises(ValueError, match="window"):
        cloud.faults(wrong)


# -- the peak --------------------------------------------------------------------------------------


def test_the_peak_counts_who_came_before_another_had_left() -> None:
    """A call that is noticed late overlaps with those that were at work when it came."""
    gate = Turnstile()
    with gate.enter(0, time.monotonic_ns()):
        came_ns = time.monotonic_ns()
    with gate.enter(0, came_ns):
        assert gate.inside == 1
    assert gate.most == 2


def test_the_peak_does_not_count_who_came_after_another_had_left() -> None:
    """Calls one after the other never were two at a time."""
    gate = Turnstile()
    for _ in range(3):
        with gate.enter(0, time.monotonic_ns()):
            pass
    assert gate.most == 1


def test_the_peak_is_kept_when_the_past_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ended long ago takes no room, and its peak still counts."""
    monkeypatch.setattr(limits, "NOTICED_WITHIN_NS", 0)
    gate = Turnstile()
    with gate.enter(0, time.monotonic_ns()), gate.enter(0, time.monotonic_ns()):
        assert gate.most == 2
    assert gate.most == 2
    with gate.enter(0, time.monotonic_ns()):
        assert gate.most == 2
    assert len(gate._spans) <= 1  # noqa: SLF001  there is no other way to see what it keeps


def test_who_is_refused_counts_in_the_peak_but_takes_no_place() -> None:
    """Under a limit of one the second is refused, a third as well, and all three are the peak."""
    gate = Turnstile()
    with gate.enter(1, 1) as one, gate.enter(1, 2) as two, gate.enter(1, 3) as three:
        assert (one, two, three) == (True, False, False)
    with gate.enter(1, time.monotonic_ns()) as again:
        assert again
    assert gate.most == 3


def test_eight_threads_are_counted_as_eight(cloud: Cloud) -> None:
    """Destroys that take their time are at work together, exactly as many as there are threads."""
    cloud.fill("a/", 16)
    cloud.faults({"latency_s": 0.5})  # long enough for all eight to have begun
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda n: destroy(cloud, f"a/{n}"), range(16)))
    assert told == ["ok"] * 16
    assert cloud.state()["destroying_most"] == 8
