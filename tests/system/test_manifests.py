"""The manifests in deploy/: known to Kubernetes, restricted, and what the daemon can start with.

No API server has seen them: there is none to be had here. What one would look at is looked at.
"""

from __future__ import annotations

import copy
import re
import stat
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from mediasweep import __version__
from mediasweep.http import app
from mediasweep.http.access import access_policy
from mediasweep.settings import SECRETS, Settings, SettingsError, load
from tests.daemons import ROOT
from tests.pages import MANUAL, blocks
from tests.system.manifests import (
    KUBERNETES,
    OVERLAYS,
    Object,
    built_on,
    one,
    pod,
    rendered,
    tool,
    unrestricted,
)

FOREIGN = "monitoring.coreos.com/"  # kinds of the Prometheus operator, which no schema here knows
NEWEST = kubernetes_validate.latest_version()
ANYWHERE = "0.0.0.0"  # noqa: S104  where a pod is asked from outside
GRACE_BEYOND_S = 10  # after the stop time: to leave the fleet, and to close


@pytest.fixture(scope="module", params=[*OVERLAYS, "the manual's"])
def objects(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> list[Object]:
    """Give what an overlay makes, or the one that the manual shows."""
    if request.param in OVERLAYS:
        return rendered(KUBERNETES / "overlays" / request.param)
    (shown,) = (b.text for b in blocks(*MANUAL) if "kustomize.config.k8s.io" in b.text)
    return built_on(tmp_path_factory.mktemp("overlay"), shown)


def workloads(objects: list[Object]) -> list[Object]:
    """Return what makes pods."""
    return [one(objects, "Deployment"), one(objects, "Job", "mediasweep-migrate")]


def test_kubernetes_knows_every_field(objects: list[Object]) -> None:
    """Strictly, so that a misspelt one would be found: one is, to prove it."""
    for found in objects:
        if not found["apiVersion"].startswith(FOREIGN):
            kubernetes_validate.validate(found, NEWEST, strict=True)
    broken = copy.deepcopy(one(objects, "Deployment"))
    pod(broken)["containers"][0]["readynessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError, match="readynessProbe"):
        kubernetes_validate.validate(broken, NEWEST, strict=True)


def test_pods_are_restricted_and_more(objects: list[Object]) -> None:
    """They fit Pod Security's `restricted`, write nowhere, ask no API server and have a limit."""
    for spec in map(pod, workloads(objects)):
        assert [*unrestricted(spec)] == []
        (container,) = spec["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["resources"]["limits"] == {"memory": "192Mi"}
        account = one(objects, "ServiceAccount", spec["serviceAccountName"])
        assert account["automountServiceAccountToken"] is False


LOOSE: dict[str, tuple[Object, Object]] = {  # what is found: in the pod, in its container
    "hostNetwork": ({"hostNetwork": True}, {}),
    "volume host": ({"volumes": [{"name": "host", "hostPath": {"path": "/"}}]}, {}),
    "sysctl kernel.msgmax": ({"securityContext": {"sysctls": [{"name": "kernel.msgmax"}]}}, {}),
    "c: may be root": ({"securityContext": {"runAsUser": 0}}, {}),
    "c: privileged": ({}, {"securityContext": {"privileged": True}}),
    "c: allowPrivilegeEscalation": ({}, {"securityContext": {"allowPrivilegeEscalation": True}}),
    "c: capabilities are not dropped": ({}, {"securityContext": {"capabilities": {}}}),
    "c: capabilities are added": (
        {},
        {"securityContext": {"capabilities": {"drop": ["ALL"], "add": ["SYS_TIME"]}}},
    ),
    "c: seccompProfile": ({}, {"securityContext": {"seccompProfile": {"type": "Unconfined"}}}),
    "c: procMount": ({}, {"securityContext": {"procMount": "Unmasked"}}),
    "c: SELinux or AppArmor": ({}, {"securityContext": {"seLinuxOptions": {"type": "spc_t"}}}),
    "c: hostPort": ({}, {"ports": [{"hostPort": 80}]}),
    "c: a probe of another host": ({}, {"livenessProbe": {"httpGet": {"host": "example"}}}),
}


@pytest.mark.parametrize("found", LOOSE)
def test_what_is_not_restricted_is_found(found: str) -> None:
    """Each rule of the standard finds the pod that breaks it, and nothing else in that pod."""
    of_pod, of_container = LOOSE[found]
    context = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    tight: Object = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    own = {**of_container, "securityContext": tight | of_container.get("securityContext", {})}
    whole = {**of_pod, "securityContext": context | of_pod.get("securityContext", {})}
    assert [*unrestricted(whole | {"containers": [{"name": "c"} | own]})] == [found]


def environment(container: Object, objects: list[Object]) -> dict[str, str]:
    """Return the variables of a container."""
    env = {entry["name"]: entry["value"] for entry in container["env"]}
    for source in container.get("envFrom", []):
        env |= one(objects, "ConfigMap", source["configMapRef"]["name"])["data"]
    (mounted,) = (m for m in container["volumeMounts"] if m["name"] == "secrets")
    assert env["CREDENTIALS_DIRECTORY"] == mounted["mountPath"]
    return env


def settings(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return what a daemon would read in this environment."""
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    return load()


@pytest.mark.parametrize(
    "example", ["secrets.example.yaml", "overlays/supabase/secrets.example.yaml"]
)
def test_the_daemon_starts_with_what_it_is_given(
    objects: list[Object], example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its settings are good, it listens where it is asked, and has time to stop."""
    secrets = list(yaml.safe_load_all((KUBERNETES / example).read_text(encoding="utf-8")))
    for workload in workloads(objects):
        spec = pod(workload)
        (container,) = spec["containers"]
        (volume,) = (v for v in spec["volumes"] if v["name"] == "secrets")
        given = one(secrets, "Secret", volume["secret"]["secretName"])["stringData"]
        assert given.keys() <= set(SECRETS)
        folder = tmp_path / workload["kind"]
        folder.mkdir()
        for name, value in given.items():
            (folder / name).write_text(value, encoding="utf-8")
        env = environment(container, objects) | {"CREDENTIALS_DIRECTORY": str(folder)}
        read = settings(env, monkeypatch)
        assert read.dsn() == given["DATABASE_URL"]
        if workload["kind"] == "Deployment":
            assert read.credentials()["cloud_name"] == "cloud"
            assert read.bind() == (ANYWHERE, container["ports"][0]["containerPort"])
            assert spec["terminationGracePeriodSeconds"] >= read.stop_timeout + GRACE_BEYOND_S


def test_a_pod_is_not_given_the_address_of_its_service(objects: list[Object]) -> None:
    """The variables that Kubernetes makes of a Service of our name would be refused as settings."""
    one(objects, "Service")
    with pytest.raises(SettingsError, match="MEDIASWEEP_PORT is not a setting"):
        load({"MEDIASWEEP_PORT": "tcp://10.0.0.1:80"})
    assert all(pod(workload)["enableServiceLinks"] is False for workload in workloads(objects))


def test_what_points_at_the_daemon_meets_it(objects: list[Object]) -> None:
    """Selectors fit the labels of its pods, ports have its names, probes ask what it answers."""
    deployment = one(objects, "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"].items()
    assert deployment["spec"]["selector"]["matchLabels"].items() <= labels
    assert one(objects, "Service")["spec"]["selector"].items() <= labels
    network = one(objects, "NetworkPolicy")["spec"]
    assert network["podSelector"]["matchLabels"].items() <= labels
    migrating = workloads(objects)[1]["spec"]["template"]["metadata"]["labels"]
    assert not one(objects, "Service")["spec"]["selector"].items() <= migrating.items()
    (container,) = pod(deployment)["containers"]
    ports = {port["name"] for port in container["ports"]}
    assert {port["targetPort"] for port in one(objects, "Service")["spec"]["ports"]} <= ports
    assert {port["port"] for rule in network["ingress"] for port in rule["ports"]} <= ports
    answered = re.findall(r'"(/\w+)"', Path(app.__file__).read_text(encoding="utf-8"))
    for probe, path in (("livenessProbe", "/livez"), ("readinessProbe", "/readyz")):
        assert (container[probe]["httpGet"]["path"], path in answered) == (path, True)
    for kind in ("PodDisruptionBudget", "PodMonitor"):
        for found in (o for o in objects if o["kind"] == kind):
            assert found["spec"]["selector"]["matchLabels"].items() <= labels
    for spread in pod(deployment).get("topologySpreadConstraints", []):
        assert spread["labelSelector"]["matchLabels"].items() <= labels


def test_two_replicas_are_spread_and_drained_one_by_one() -> None:
    """A second daemon on another node, of which a drain takes one at a time."""
    objects = rendered(KUBERNETES / "overlays" / "replicas")
    assert one(objects, "Deployment")["spec"]["replicas"] == 2
    assert pod(one(objects, "Deployment"))["topologySpreadConstraints"]
    assert one(objects, "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


def test_supabase_gets_its_authority_where_the_addresses_look_for_it() -> None:
    """Every address of the example verifies by the file that both pods mount."""
    objects = rendered(KUBERNETES / "overlays" / "supabase")
    example = (KUBERNETES / "overlays/supabase/secrets.example.yaml").read_text(encoding="utf-8")
    addresses = re.findall(r"postgresql://\S+", example)
    for workload in workloads(objects):
        (container,) = pod(workload)["containers"]
        (mounted,) = (m["mountPath"] for m in container["volumeMounts"] if m["name"] == "ca")
        verified = f"sslmode=verify-full&sslrootcert={mounted}/ca.crt"
        assert all(address.endswith(verified) for address in addresses)


def test_the_pod_for_the_owner_is_as_the_others_are(objects: list[Object]) -> None:
    """What is shipped to run a command as the owner is known, restricted, and of this version."""
    text = (KUBERNETES / "owner.example.yaml").read_text(encoding="utf-8")
    owner = yaml.safe_load(text)
    kubernetes_validate.validate(owner, NEWEST, strict=True)
    assert [*unrestricted(owner["spec"])] == []
    (container,) = owner["spec"]["containers"]
    assert container["image"] == f"mediasweep:{__version__}"
    job = pod(one(objects, "Job", "mediasweep-migrate"))
    assert owner["spec"]["volumes"][0] == job["volumes"][0]


def test_there_is_one_version(objects: list[Object]) -> None:
    """The image, the manifests and compose name the version that the package has."""
    label = f'org.opencontainers.image.version="{__version__}"'
    assert label in (ROOT / "Dockerfile").read_text(encoding="utf-8")
    for workload in workloads(objects):
        (container,) = pod(workload)["containers"]
        assert container["image"].endswith(f"mediasweep:{__version__}")
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    assert compose["services"]["mediasweep"]["image"] == f"mediasweep:{__version__}"


def test_compose_is_what_compose_knows(tmp_path: Path) -> None:
    """It fits Compose's own schema, strictly: a misspelt word would be found."""
    checked = [tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec"]
    subprocess.run([*checked, ROOT / "compose.yaml"], check=True, capture_output=True)
    misspelt = tmp_path / "compose.yaml"
    misspelt.write_text("services: {a: {image: a, read_onyl: true}}", encoding="utf-8")
    assert subprocess.run([*checked, misspelt], check=False, capture_output=True).returncode == 1


def test_compose_starts_with_what_the_manual_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files of the manual are its secrets, and the daemon that it starts can work with them."""
    (made,) = (b.text for b in blocks(*MANUAL) if b.text.startswith("mkdir -m 700 secrets"))
    subprocess.run(["bash", "-euo", "pipefail", "-c", made], cwd=tmp_path, check=True)
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    files = {name: tmp_path / secret["file"] for name, secret in compose["secrets"].items()}
    assert {*files.values()} == {*(tmp_path / "secrets").iterdir()}
    assert {stat.filemode(file.stat().st_mode) for file in files.values()} == {"-r--r--r--"}
    services = compose["services"]
    daemon, postgres = services["mediasweep"], services["postgres"]
    for given in daemon["secrets"]:
        (tmp_path / given["target"]).write_text(files[given["source"]].read_text("utf-8"), "utf-8")
    read = settings(daemon["environment"] | {"CREDENTIALS_DIRECTORY": str(tmp_path)}, monkeypatch)
    named, password = postgres["environment"], files["postgres_password"].read_text("utf-8")
    login = f"{named['POSTGRES_USER']}:{password}"
    assert read.dsn() == f"postgresql://{login}@postgres/{named['POSTGRES_DB']}"
    assert read.credentials()["cloud_name"] == "cloud"
    assert access_policy(read).keys.asked
    assert (read.bind()[0], daemon["ports"]) == (ANYWHERE, [f"127.0.0.1:8080:{read.bind()[1]}"])
    grace = int(daemon["stop_grace_period"].removesuffix("s"))
    assert grace >= read.stop_timeout + GRACE_BEYOND_S
    for service in (daemon, services["migrate"]):
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
        assert service["depends_on"].keys() <= services.keys()
