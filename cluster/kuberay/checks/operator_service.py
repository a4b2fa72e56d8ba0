"""The operator's rules for a Ray service."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cluster.kuberay.checks.manifest import Finding, Manifest, at
from cluster.kuberay.checks.operator_cluster import finding

_INCREMENTAL = "NewClusterWithIncrementalUpgrade"
_UPGRADES = ("NewCluster", "None", _INCREMENTAL)
_TIMEOUT = "ray.io/initializing-timeout"
_DURATION = re.compile(r"(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+|\d+")


def check_service(manifest: Manifest) -> Iterator[Finding]:
    """What the operator refuses of a RayService beside its cluster."""
    spec, cluster = manifest.spec, at(manifest.spec, "rayClusterConfig")
    if at(cluster, "headGroupSpec", "headService", "metadata").get("name"):
        path = "spec.rayClusterConfig.headGroupSpec.headService.metadata.name"
        yield finding(path, "the service's name is made by the operator", "Remove it")
    delay = spec.get("rayClusterDeletionDelaySeconds")
    if isinstance(delay, int) and delay < 0:
        yield finding("spec.rayClusterDeletionDelaySeconds", f"{delay} is below 0", "Raise it")
    timeout = manifest.annotations.get(_TIMEOUT)
    if timeout and (not _DURATION.fullmatch(str(timeout)) or not re.search(r"[1-9]", str(timeout))):
        what = f"{_TIMEOUT} is {timeout!r}"
        yield finding("metadata.annotations", what, "Write seconds above 0, or a duration such as 30m")
    yield from _check_upgrade(manifest)
    yield from _check_config(spec.get("serveConfigV2"))


def _check_upgrade(manifest: Manifest) -> Iterator[Finding]:
    strategy = at(manifest.spec, "upgradeStrategy")
    kind, path = strategy.get("type"), "spec.upgradeStrategy"
    if kind is not None and kind not in _UPGRADES:
        yield finding(f"{path}.type", f"{kind!r} is none", f"Take one of {', '.join(_UPGRADES)}")
    if kind != _INCREMENTAL:
        return
    options = at(strategy, "clusterUpgradeOptions")
    if at(manifest.spec, "rayClusterConfig").get("enableInTreeAutoscaling") is not True:
        yield finding(
            f"{path}.type", f"{kind} needs autoscaling", "Set enableInTreeAutoscaling, or NewCluster"
        )
    if not options.get("gatewayClassName"):
        what = f"{kind} is beta, and moves traffic by a Gateway, which is not named"
        yield finding(f"{path}.clusterUpgradeOptions", what, "Set gatewayClassName, or use NewCluster")
    for key, least in (("stepSizePercent", 0), ("maxSurgePercent", 0), ("intervalSeconds", 1)):
        number, most = options.get(key), 100 if key.endswith("Percent") else 2**31 - 1
        if isinstance(number, int) and not least <= number <= most:
            yield finding(
                f"{path}.clusterUpgradeOptions.{key}", f"{number} is not {least} to {most}", "Change it"
            )


def _check_config(text: object) -> Iterator[Finding]:
    import yaml

    path = "spec.serveConfigV2"
    try:
        tree = yaml.safe_load(text) if isinstance(text, str) else None
    except yaml.YAMLError as error:
        yield finding(path, f"it is no YAML: {' '.join(str(error).split())}", "Mend it")
        return
    if not isinstance(tree, dict) or not tree.get("applications"):
        yield finding(path, "it has no applications", "Embed a Serve configuration: make manifests")
