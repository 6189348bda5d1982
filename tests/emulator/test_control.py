"""The emulator's controls and its process: clouds, the log, waiting, starting and stopping."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import cloudinary.uploader
import pytest
from cloudinary.exceptions import Error

from mediasweep.emulator.calls import CALLS_KEPT, CallLog
from mediasweep.emulator.client import Cloud, Emulator

STARTER = """
import sys
from mediasweep.emulator.client import Emulator
emulator = Emulator.start()
print(emulator.url, flush=True)
sys.stdin.read()
"""


@contextmanager
def running(*command: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Run a Python process; give it and its first line of output, and leave nothing behind."""
    with subprocess.Popen(
        [sys.executable, "-P", *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().decode()
        finally:
            process.kill()


def destroy(cloud: Cloud, public_id: str, timeout: float = 10) -> str:
    """Destroy by the SDK and return the result."""
    told = cloudinary.uploader.destroy(public_id, timeout=timeout, **cloud.options())
    return str(told["result"])


def test_clouds_know_nothing_of_each_other(emulator: Emulator) -> None:
    """What happens in one cloud leaves no trace in another of the same process."""
    one, other = emulator.cloud(), emulator.cloud()
    one.fill("a/", 3)
    one.faults({"status": 500})
    assert (destroy(other, "a/0"), len(one.assets())) == ("not found", 3)
    assert (one.state()["calls"], other.state()["calls"]) == ({}, {"destroy": 1})


def test_the_log_tells_each_call(cloud: Cloud) -> None:
    """A call is logged with number, times, what was asked, what was answered and done."""
    cloud.fill("a/", 1, "raw")
    before_ns, before_monotonic_ns = time.time_ns(), time.monotonic_ns()
    options = {**cloud.options(), "resource_type": "raw"}
    answers = [cloudinary.uploader.destroy("a/0", **options) for _ in range(2)]
    first, second = cloud.calls()
    assert (first["seq"], second["seq"]) == (1, 2)
    assert before_ns <= first["received_ns"] <= second["received_ns"] <= time.time_ns()
    assert before_monotonic_ns <= first["monotonic_ns"] <= time.monotonic_ns()
    asked = {"action": "destroy", "resource_type": "raw", "type": "upload", "public_id": "a/0"}
    assert first.items() >= {**asked, "status": 200, "result": "ok", "acted": True}.items()
    assert second.items() >= {**asked, "result": "not found", "acted": False}.items()
    assert [c["request_id"] for c in (first, second)] == [a["request_id"] for a in answers]


def test_the_log_is_read_in_parts(cloud: Cloud) -> None:
    """The log can be read on from a number, a few calls at a time, and by action."""
    for n in range(4):
        destroy(cloud, str(n))
    assert [c["public_id"] for c in cloud.calls(after=1, limit=2)] == ["1", "2"]
    assert (cloud.calls("upload"), len(cloud.calls(""))) == ([], 4)


def test_the_log_drops_the_oldest() -> None:
    """A full log keeps the newest calls, numbers them on and counts all."""
    log = CallLog(kept=deque(maxlen=3))
    for _ in range(5):
        log.answer(log.receive("destroy", 0, 0), 200)
    seen = [[call.seq for call in log.after(seq, None, 2)] for seq in (0, 3, 4, 5)]
    assert seen == [[3, 4], [4, 5], [5], []]
    assert (log.seq, log.by_status) == (5, {"destroy 200": 5})
    assert CallLog().kept.maxlen == CALLS_KEPT


def test_counters_add_up(cloud: Cloud) -> None:
    """Calls are counted by action and by status, and deletions once more by public id."""
    cloud.fill("a/", 1)
    for _ in range(2):
        destroy(cloud, "a/0")
        cloud.fill("a/", 1)
    destroy(cloud, "a/0")
    state = cloud.state()
    assert (state["calls"], state["by_status"]) == ({"destroy": 3}, {"destroy 200": 3})
    assert (state["deleted"], state["deleted_twice"], state["seq"]) == (2 + 1, ["a/0"], 3)
    assert (state["destroying"], state["destroying_most"]) == (0, 1)


def test_a_wait_ends_when_it_holds(cloud: Cloud) -> None:
    """A wait for assets or calls returns when the last one is gone or has come."""
    cloud.fill("a/", 2)
    with ThreadPoolExecutor(3) as pool:
        waits = [
            pool.submit(cloud.wait_assets, 0),
            pool.submit(cloud.wait_calls, 2),
            pool.submit(cloud.wait_answered, 2),
        ]
        assert [destroy(cloud, f"a/{n}") for n in range(2)] == ["ok", "ok"]
        assert [wait.result(10) for wait in waits] == [None] * 3


def test_a_wait_in_vain_ends_too(cloud: Cloud) -> None:
    """A wait for what does not come raises TimeoutError at its deadline."""
    cloud.fill("a/", 1)
    with pytest.raises(TimeoutError):
        cloud.wait_assets(0, timeout_s=0.05)


def test_many_assets_are_made_at_once(cloud: Cloud) -> None:
    """Thousands of assets can be had without uploading them."""
    cloud.fill("bulk/", 5000, "video")
    assert len(cloud.assets()) == 5000
    assert ("video", "upload", "bulk/4999") in cloud.assets()


def test_a_cloud_is_made_anew(cloud: Cloud) -> None:
    """A reset leaves the credentials and nothing else."""
    cloud.fill("a/", 1)
    cloud.faults({"status": 500})
    cloud.switch(asset_id_road=False)
    cloud.reset()
    assert (destroy(cloud, "a/0"), cloud.state()["switches"]["asset_id_road"]) == (
        "not found",
        True,
    )


def test_a_forgotten_cloud_is_unknown(emulator: Emulator) -> None:
    """After a cloud is forgotten its calls are refused, and so are its controls."""
    gone = emulator.cloud()
    gone.forget()
    with pytest.raises(Error, match="Invalid cloud_name"):
        destroy(gone, "a")
    with pytest.raises(ValueError, match="no such cloud"):
        gone.state()


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "", {"asset_road": False}),
        ("PATCH", "", {"revoked": 1}),
        ("PATCH", "", {"concurrency": True}),
        ("PATCH", "", ["revoked"]),
        ("PUT", "", {"key": "k"}),
        ("PUT", "/faults", {}),
        ("POST", "/assets", {"prefix": "a", "count": "3"}),
        ("POST", "/assets", {"prefix": "a?", "count": 3}),
        ("GET", "/calls?after=x", None),
        ("GET", "/wait", None),
    ],
)
def test_nonsense_is_refused(cloud: Cloud, method: str, path: str, body: object) -> None:
    """A control request that makes no sense is refused, and changes nothing."""
    before = cloud.state()
    with pytest.raises(ValueError, match="error"):
        cloud.ask(method, path, body)
    assert cloud.state() == before


def test_a_cloud_name_is_one_that_the_sdk_keeps(emulator: Emulator) -> None:
    """A name that the SDK would lower in its URL is refused."""
    with pytest.raises(ValueError, match="a cloud name is"):
        emulator.cloud("Demo")


def test_the_url_is_understood_by_the_sdk(cloud: Cloud) -> None:
    """The value for CLOUDINARY_URL leads the SDK to this cloud."""
    script = "import cloudinary.uploader as u; print(u.destroy('a')['result'])"
    told = subprocess.run(
        [sys.executable, "-c", script],
        env={"CLOUDINARY_URL": cloud.url},
        capture_output=True,
        check=True,
        timeout=30,
    )
    assert told.stdout.strip() == b"not found"


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_zero(sent: signal.Signals) -> None:
    """It stops at once when asked to, whatever is under way, and has printed one line only."""
    with running("-m", "mediasweep.emulator") as (process, line), ThreadPoolExecutor(1) as pool:
        cloud = Cloud(json.loads(line)["url"], "hanging")
        cloud.faults({"effect": "hang"})
        hanging = pool.submit(destroy, cloud, "a")
        cloud.wait_calls(1)
        url = "http://127.0.0.1:1/hook"
        cloudinary.uploader.upload(b"a", notification_url=url, **cloud.options())
        process.send_signal(sent)
        assert process.wait(5) == 0
        assert isinstance(hanging.exception(), Error)
        assert process.stdout is not None
        assert process.stderr is not None
        assert (process.stdout.read(), process.stderr.read()) == (b"", b"")


def test_a_cloud_can_be_given_at_the_start() -> None:
    """The cloud named on the command line is there from the first request on."""
    given = ["--cloud", "mine", "--key", "1", "--secret", "s"]
    with running("-m", "mediasweep.emulator", *given) as (_, line):
        told = cloudinary.uploader.destroy(
            "a",
            cloud_name="mine",
            api_key="1",
            api_secret="s",
            upload_prefix=json.loads(line)["url"],
        )
    assert told["result"] == "not found"


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux does it")
def test_it_dies_with_its_parent() -> None:
    """When the process that started it is killed, the emulator goes too."""
    with running("-c", STARTER) as (parent, line), ThreadPoolExecutor(1) as pool:
        cloud = Cloud(line.strip(), "orphan")
        # the wait is cut off when the emulator goes, so nothing has to be polled
        waiting = pool.submit(cloud.wait_calls, 1, timeout_s=20)
        parent.kill()
        assert isinstance(waiting.exception(10), OSError)
