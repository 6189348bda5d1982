"""The kinds of the Prometheus operator, whose schemas no package brings: what matters of each."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from tests.daemons import ROOT
from tests.system.manifests import Object, built_on, one

ALERTS = ROOT / "deploy/prometheus/alerts.yaml"
DASHBOARD = ROOT / "deploy/grafana/mediasweep.json"
KUSTOMIZATION = """
resources: [deploy/kubernetes/overlays/small]
components: [deploy/kubernetes/components/prometheus-operator]
"""


@pytest.fixture
def objects(tmp_path: Path) -> list[Object]:
    """Give one daemon with what watches it."""
    return built_on(tmp_path, KUSTOMIZATION)


def test_the_daemon_is_watched_under_its_name(objects: list[Object]) -> None:
    """Its metrics are read at the port that it names, and the alerts know the job's name."""
    monitor = one(objects, "PodMonitor")["spec"]
    template = one(objects, "Deployment")["spec"]["template"]
    labels = template["metadata"]["labels"]
    assert monitor["selector"]["matchLabels"].items() <= labels.items()
    (known,) = {*re.findall(r'job=~"(.+?)"', ALERTS.read_text(encoding="utf-8"))}
    assert re.fullmatch(known, labels[monitor["jobLabel"]])
    (endpoint,) = monitor["podMetricsEndpoints"]
    (container,) = template["spec"]["containers"]
    assert endpoint == {"port": container["ports"][0]["name"], "path": "/metrics"}


def test_the_alerts_are_those_of_the_file(objects: list[Object]) -> None:
    """What `make render` has put into the PrometheusRule is what lies beside Prometheus."""
    alerts = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))
    assert one(objects, "PrometheusRule")["spec"] == alerts, "run `make render`"


def test_the_dashboard_is_found_by_grafanas_sidecar(objects: list[Object]) -> None:
    """It is the file of deploy/, in a ConfigMap with the label that the sidecar looks for."""
    board = one(objects, "ConfigMap", "mediasweep-dashboard")
    assert board["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert json.loads(board["data"][DASHBOARD.name]) == json.loads(DASHBOARD.read_text("utf-8"))
