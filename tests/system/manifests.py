"""The manifests as kubectl renders them, and the checks that they have to stand.

The rules of Pod Security are those of the published standard, levels Baseline and Restricted.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.daemons import ROOT

KUBERNETES = ROOT / "deploy" / "kubernetes"
OVERLAYS = ("small", "replicas", "supabase")
VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral"} | {
    *("persistentVolumeClaim", "projected", "secret")
}
SYSCTLS = {"kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.tcp_syncookies"} | {
    *("net.ipv4.ip_unprivileged_port_start", "net.ipv4.ping_group_range"),
    *("net.ipv4.ip_local_reserved_ports", "net.ipv4.tcp_keepalive_time"),
    *("net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes"),
}
Object = dict[str, Any]


def tool(name: str) -> str:
    """Return a program of requirements/system.txt, which stands beside our Python."""
    return str(Path(sys.executable).with_name(name))


def rendered(folder: Path) -> list[Object]:
    """Return what `kubectl kustomize` makes of a folder."""
    done = subprocess.run(
        [tool("kubectl"), "kustomize", folder], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return list(yaml.safe_load_all(done.stdout))


def built_on(folder: Path, kustomization: str) -> list[Object]:
    """Return what a kustomization of a user's makes of ours, which it names from deploy/ on."""
    ours = os.path.relpath(ROOT / "deploy", folder)
    (folder / "kustomization.yaml").write_text(
        kustomization.replace("deploy/", f"{ours}/"), encoding="utf-8"
    )
    return rendered(folder)


def one(objects: list[Object], kind: str, name: str = "mediasweep") -> Object:
    """Return the one object of this kind and name."""
    (found,) = (o for o in objects if (o["kind"], o["metadata"]["name"]) == (kind, name))
    return found


def pod(workload: Object) -> Object:
    """Return the pod's spec of a Deployment or a Job."""
    spec: Object = workload["spec"]["template"]["spec"]
    return spec


def unrestricted(spec: Object) -> Iterator[str]:
    """Yield what Pod Security at its level `restricted` would refuse in a pod."""
    own = spec.get("securityContext", {})
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(name):
            yield name
    for volume in spec.get("volumes", []):
        if not VOLUMES & volume.keys():
            yield f"volume {volume['name']}"
    for sysctl in own.get("sysctls", []):
        if sysctl["name"] not in SYSCTLS:
            yield f"sysctl {sysctl['name']}"
    for container in spec["containers"] + spec.get("initContainers", []):
        yield from (f"{container['name']}: {found}" for found in _of_container(container, own))


def _of_container(container: Object, of_pod: Object) -> list[str]:
    own = container.get("securityContext", {})
    both = of_pod | own
    capabilities = own.get("capabilities", {})
    probes = (container.get(f"{when}Probe", {}) for when in ("liveness", "readiness", "startup"))
    asked = (probe[how] for probe in probes for how in ("httpGet", "tcpSocket") if how in probe)
    app_armor = both.get("appArmorProfile", {}).get("type")
    seccomp = both.get("seccompProfile", {}).get("type")
    refused = {
        "privileged": own.get("privileged"),
        "allowPrivilegeEscalation": own.get("allowPrivilegeEscalation") is not False,
        "capabilities are not dropped": "ALL" not in capabilities.get("drop", []),
        "capabilities are added": {*capabilities.get("add", [])} - {"NET_BIND_SERVICE"},
        "may be root": both.get("runAsNonRoot") is not True or both.get("runAsUser") == 0,
        "seccompProfile": seccomp not in {"RuntimeDefault", "Localhost"},
        "procMount": own.get("procMount", "Default") != "Default",
        "SELinux or AppArmor": both.get("seLinuxOptions") or app_armor == "Unconfined",
        "hostPort": any(port.get("hostPort") for port in container.get("ports", [])),
        "a probe of another host": any("host" in target for target in asked),
    }
    return [name for name, broken in refused.items() if broken]
