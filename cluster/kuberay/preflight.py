"""Whether a Kubernetes cluster has what an overlay needs, before anything is applied.

    python -m cluster.kuberay.preflight dev

builds the overlay and its jobs as they stand now, and checks them; asks by kubectl for KubeRay's definitions,
the Secrets and the nodes; and changes nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from adcraft import console
from adcraft.errors import ClusterError, SettingsError
from cluster.kuberay.check import check
from cluster.kuberay.checks.manifest import (
    Manifest,
    Pod,
    at,
    clusters,
    groups,
    items,
    pods,
    read_manifests,
)
from cluster.kuberay.render import OVERLAYS, built
from cluster.passwords import ALL_SECRETS

Kubectl = Callable[[Sequence[str]], Mapping[str, Any]]
_KINDS = ("rayclusters", "rayjobs", "rayservices", "raycronjobs")
_MONITORS = "podmonitors.monitoring.coreos.com"
_NAMESPACE = "adcraft"
_BYTES = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "k": 10**3, "M": 10**6, "G": 10**9}


def kubectl(arguments: Sequence[str]) -> Mapping[str, Any]:
    """What it answers as JSON.

    Raises:
        ClusterError: it is not installed, or the cluster does not answer.
    """
    command = ["kubectl", *arguments, "--output=json", "--request-timeout=20s"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise ClusterError("kubectl is not installed. Install it, 1.28 or newer.") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise ClusterError(f"{' '.join(command)}: {last}")
    found: Mapping[str, Any] = json.loads(done.stdout)
    return found


def lacks(manifests: Sequence[Manifest], ask: Kubectl) -> Iterator[str]:
    """What the cluster lacks for them, a sentence each."""
    known = {each["metadata"]["name"] for each in ask(["get", "crds"])["items"]}
    if missing := [kind for kind in _KINDS if f"{kind}.ray.io" not in known]:
        yield f"There is no {missing[0]}.ray.io: install KubeRay 1.7."
    if _MONITORS not in known:
        yield f"There is no {_MONITORS}: install the Prometheus operator."
    there = {each["metadata"]["name"]: set(each.get("data", {})) for each in _secrets(ask)}
    for name, keys in ALL_SECRETS.items():
        if name not in there:
            yield f"There is no Secret {name} in namespace {_NAMESPACE}: docs/kuberay.md says how it is made."
        elif absent := sorted(set(keys) - there[name]):
            yield f"Secret {name} has no key {absent[0]}."
    nodes = ask(["get", "nodes"])["items"]
    for resource, unit in (("cpu", "CPUs"), ("memory", "GiB")):
        scale = 1 if resource == "cpu" else 2**30
        needed = sum(requests(manifests, resource)) / scale
        free = sum(quantity(at(node, "status", "allocatable").get(resource, 0)) for node in nodes) / scale
        if needed > free:
            yield f"It asks for {needed:.1f} {unit}, and all nodes have {free:.1f} to give: add nodes."
        largest = max(_of_pods(manifests, resource)) / scale
        room = max(
            (quantity(at(each, "status", "allocatable").get(resource, 0)) for each in nodes), default=0
        )
        if largest > room / scale:
            yield (
                f"One pod asks for {largest:.1f} {unit}, and no node has more than {room / scale:.1f} to "
                "give: take larger nodes."
            )


def _secrets(ask: Kubectl) -> list[Any]:
    found: list[Any] = ask(["get", "secrets", f"--namespace={_NAMESPACE}"])["items"]
    return found


def requests(manifests: Sequence[Manifest], resource: str) -> Iterator[float]:
    """What each pod asks for that is started at once."""
    for manifest in manifests:
        counts: dict[str, int] = {}
        for where, cluster in clusters(manifest):
            counts.update(
                {f"{path}.template": each.get("minReplicas", 1) for path, _, each in groups(where, cluster)}
            )
            if cluster.get("enableInTreeAutoscaling") is True:
                asked = at(cluster, "autoscalerOptions", "resources", "requests")
                yield quantity(asked.get(resource, 0))
        for pod in pods(manifest):
            count = counts.get(pod.where, int(manifest.spec.get("replicas", 1)))
            yield count * _of_pod(pod, resource)


def _of_pods(manifests: Sequence[Manifest], resource: str) -> Iterator[float]:
    yield from (_of_pod(pod, resource) for manifest in manifests for pod in pods(manifest))


def _of_pod(pod: Pod, resource: str) -> float:
    containers = items(pod.spec, "containers")
    return sum(quantity(at(each, "resources", "requests").get(resource, 0)) for each in containers)


def quantity(value: object) -> float:
    """A quantity of Kubernetes, in CPUs or bytes."""
    text = str(value)
    for suffix, factor in _BYTES.items():
        if text.endswith(suffix):
            return float(text.removesuffix(suffix)) * factor
    return float(text.removesuffix("m")) / 1000 if text.endswith("m") else float(text)


def main() -> int:
    """Ask."""
    parser = console.Parser(prog="python -m cluster.kuberay.preflight", description=__doc__)
    parser.add_argument("overlay", choices=OVERLAYS)
    parsed = parser.parse_args()
    return console.run("cluster.kuberay.preflight", "preflight", False, lambda: _run(parsed.overlay))


def _run(overlay: str) -> dict[str, Any]:
    started, jobs = _built(overlay)
    # Found as 'kubectl apply -k' would send it, which 'make manifests' may not have seen.
    if faults := [f"{manifest}: {finding}" for manifest, finding in check([*started, *jobs])]:
        raise SettingsError("\n  ".join([f"Overlay {overlay} must not be applied as it stands:", *faults]))
    if found := list(lacks(started, kubectl)):
        raise ClusterError("\n  ".join([f"The cluster can't run overlay {overlay}:", *found]))
    cpus, memory = (sum(requests(started, resource)) for resource in ("cpu", "memory"))
    return {"overlay": overlay, "cpus": cpus, "memory_gib": memory / 2**30}


def _built(overlay: str) -> list[list[Manifest]]:
    """The objects of an overlay, and those of its jobs."""
    with tempfile.TemporaryDirectory(prefix="adcraft-") as folder:
        found = []
        for name, text in built(overlay).items():
            file = Path(folder) / Path(name).name
            file.write_text(text, encoding="utf-8")
            found.append(read_manifests([file]))
    return found


if __name__ == "__main__":
    sys.exit(main())
