"""The kinds of the Prometheus operator, whose schemas no package brings: what matters of each."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.system.manifests import Object, built_on, one

KUSTOMIZATION = """
resources: [deploy/kubernetes/overlays/small]
components: [deploy/kubernetes/components/prometheus-operator]
"""


@pytest.fixture
def objects(tmp_path: Path) -> list[Object]:
    """Give one daemon with what watches it."""
    return built_on(tmp_path, KUSTOMIZATION)


def test_the_daemon_is_watched_under_its_name(objects: list[Object]) -> None:
    """Its metrics are read at the port that it names, and the job is called as it is."""
    monitor = one(objects, "PodMonitor")["spec"]
    template = one(objects, "Deployment")["spec"]["template"]
    labels = template["metadata"]["labels"]
    assert monitor["selector"]["matchLabels"].items() <= labels.items()
    assert labels[monitor["jobLabel"]] == "mediasweep"
    (endpoint,) = monitor["podMetricsEndpoints"]
    (container,) = template["spec"]["containers"]
    assert endpoint == {"port": container["ports"][0]["name"], "path": "/metrics"}
