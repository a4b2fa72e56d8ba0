"""The operator's rules for a Ray cluster, wherever it is described."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cluster.kuberay.checks.manifest import Finding, Manifest, Tree, at, groups, items

_TOKENS_SINCE = (2, 52)
_OF_RAY_START = ("num-cpus", "num-gpus", "memory", "resources")
_AUTOSCALER_V2 = "RAY_enable_autoscaler_v2"
_FT_ANNOTATION = "ray.io/ft-enabled"
_STORAGE_ANNOTATION = "ray.io/external-storage-namespace"


def finding(where: str, what: str, todo: str) -> Finding:
    """Of this layer."""
    return Finding("operator", where, what, todo)


def check_cluster(manifest: Manifest, where: str, cluster: Tree) -> Iterator[Finding]:
    """What the operator refuses of a cluster's specification.

    Args:
        manifest: that it stands in.
        where: its path there.
        cluster: itself.
    """
    yield from _check_groups(where, cluster)
    yield from _check_fault_tolerance(manifest, where, cluster)
    yield from _check_autoscaling(where, cluster)
    yield from _check_tokens(manifest, where, cluster)
    if at(cluster, "networkPolicy"):
        what = "KubeRay 1.7 ignores it: the feature is alpha, and off"
        yield finding(f"{where}.networkPolicy", what, "Write NetworkPolicy objects")


def _check_groups(where: str, cluster: Tree) -> Iterator[Finding]:
    names = [group.get("groupName") for group in items(cluster, "workerGroupSpecs")]
    for name in sorted({str(name) for name in names if names.count(name) > 1}):
        yield finding(f"{where}.workerGroupSpecs", f"two groups are called {name!r}", "Rename one")
    for path, name, group in groups(where, cluster):
        parameters, resources = at(group, "rayStartParams"), at(group, "resources")
        if at(group, "template", "spec").get("containers") == []:
            yield finding(f"{path}.template.spec.containers", f"{name} has no container", "Add Ray's")
        if resources and (both := [key for key in _OF_RAY_START if parameters.get(key)]):
            what = f"{name} has resources here, and {both[0]} in rayStartParams"
            yield finding(f"{path}.resources", what, "Keep one of the two")
        if "labels" in parameters:
            yield finding(f"{path}.rayStartParams.labels", "it is not supported", f"Use {path}.labels")
        yield from _check_numbers(path, name, group)


def _check_numbers(path: str, name: str, group: Tree) -> Iterator[Finding]:
    least, most = group.get("minReplicas", 0), group.get("maxReplicas", 2**31 - 1)
    wanted = group.get("replicas", least)
    if not all(isinstance(number, int) for number in (least, most, wanted)):
        return
    if least > most:
        yield finding(f"{path}.minReplicas", f"{name} has {least}, above maxReplicas {most}", "Lower it")
    elif not least <= wanted <= most:
        what = f"{name} has {wanted}, which is not between minReplicas {least} and maxReplicas {most}"
        yield finding(f"{path}.replicas", what, "Choose a number between them")


def _check_fault_tolerance(manifest: Manifest, where: str, cluster: Tree) -> Iterator[Finding]:
    options, head = at(cluster, "gcsFaultToleranceOptions"), at(cluster, "headGroupSpec")
    names, env = _environment(head), f"{where}.headGroupSpec.template.spec.containers[0].env"
    parameters = at(head, "rayStartParams")
    instead = f"Use {where}.gcsFaultToleranceOptions"
    if "REDIS_USERNAME" in names or parameters.get("redis-username"):
        yield finding(env, "the name of Redis's user does not belong here", f"{instead}.redisUsername")
    if not options:
        if "RAY_REDIS_ADDRESS" in names and not manifest.annotations.get(_FT_ANNOTATION):
            yield finding(env, "RAY_REDIS_ADDRESS turns fault tolerance on behind the operator", instead)
        return
    for annotation in (_FT_ANNOTATION, _STORAGE_ANNOTATION):
        if manifest.annotations.get(annotation):
            what = f"{annotation} and gcsFaultToleranceOptions are both set"
            yield finding("metadata.annotations", what, "Remove the annotation")
    for name in ("REDIS_PASSWORD", "RAY_REDIS_ADDRESS"):
        if name in names:
            yield finding(env, f"{name} is set beside gcsFaultToleranceOptions", f"{instead} alone")
    if parameters.get("redis-password"):
        what = "redis-password is set beside gcsFaultToleranceOptions"
        yield finding(f"{where}.headGroupSpec.rayStartParams", what, f"{instead}.redisPassword")


def _check_autoscaling(where: str, cluster: Tree) -> Iterator[Finding]:
    on, options = cluster.get("enableInTreeAutoscaling") is True, at(cluster, "autoscalerOptions")
    by_variable = _environment(at(cluster, "headGroupSpec")).get(_AUTOSCALER_V2)
    env = f"{where}.headGroupSpec.template.spec.containers[0].env"
    if not on:
        if by_variable in ("1", "true"):
            yield finding(
                env, f"{_AUTOSCALER_V2} is set, and autoscaling is off", "Set enableInTreeAutoscaling"
            )
        return
    if options.get("version") and by_variable is not None:
        yield finding(env, f"{_AUTOSCALER_V2} and autoscalerOptions.version are both set", "Keep the latter")
    second = options.get("version") == "v2" or by_variable in ("1", "true")
    for path, name, group in groups(where, cluster):
        if group.get("suspend") is True:
            yield finding(f"{path}.suspend", f"{name} can't be suspended with autoscaling on", "Remove it")
        policy = at(group, "template", "spec").get("restartPolicy")
        if second and policy not in (None, "", "Never"):
            what = f"{name} has {policy!r}, and autoscaler v2 wants to replace pods itself"
            yield finding(f"{path}.template.spec.restartPolicy", what, "Set Never")


def _check_tokens(manifest: Manifest, where: str, cluster: Tree) -> Iterator[Finding]:
    options = at(cluster, "authOptions")
    if options.get("enableK8sTokenAuth") is True and manifest.kind != "RayCluster":
        what = f"Kubernetes' own tokens don't go with a {manifest.kind}"
        yield finding(f"{where}.authOptions.enableK8sTokenAuth", what, "Remove it; mode: token works")
    if options.get("mode") != "token":
        return
    version = str(cluster.get("rayVersion", ""))
    found = re.match(r"v?(\d+)\.(\d+)", version)
    if not found or (int(found[1]), int(found[2])) < _TOKENS_SINCE:
        what = f"{version!r} has no token authentication" if version else "authOptions.mode token needs it"
        yield finding(f"{where}.rayVersion", what, "Set 2.52.0 or newer")


def _environment(group: Tree) -> dict[str, object]:
    containers = items(at(group, "template", "spec"), "containers")
    return (
        {str(each.get("name")): each.get("value") for each in items(containers[0], "env")}
        if containers
        else {}
    )
