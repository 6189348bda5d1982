"""What the system tests share: containers, and a stand-in for Python's official image."""

from __future__ import annotations

import pytest

from tests.system.containers import CACHE, LIKE_OFFICIAL, Containers


@pytest.fixture(scope="session")
def containers() -> Containers:
    """Give buildah and podman, on a storage that is kept between runs."""
    return Containers(CACHE / "containers")


@pytest.fixture(scope="session")
def python_image(containers: Containers) -> str:
    """Give the name of the image that the Dockerfile starts from; Debian's Python stands in."""
    return containers.debian(
        *("docker.io/library/python:3.13-slim", "ca-certificates", "python3", "python3-pip"),
        then=LIKE_OFFICIAL,
    )
