"""Rules for the objects of a namespace together: nothing is open, and nothing is named that is not there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cluster.kuberay.checks.manifest import Finding, Manifest, Pod, Tree, at, items, pods

_HELD_TO = {"pod-security.kubernetes.io/enforce": "restricted"}


def check_whole(manifests: Sequence[Manifest]) -> Iterator[tuple[Manifest, Finding]]:
    """Nothing, where no namespace is among them: then they are only a part."""
    by_kind: dict[str, list[Manifest]] = {}
    for manifest in manifests:
        by_kind.setdefault(manifest.kind, []).append(manifest)
    if "Namespace" not in by_kind:
        return
    for namespace in by_kind["Namespace"]:
        labels = at(namespace.tree, "metadata", "labels")
        if any(labels.get(key) != value for key, value in _HELD_TO.items()):
            what = "Kubernetes itself does not hold pods to these rules"
            todo = "Label it pod-security.kubernetes.io/enforce: restricted"
            yield namespace, _finding("metadata.labels", what, todo)
        if not any(_denies_all(policy) for policy in by_kind.get("NetworkPolicy", [])):
            what = "no NetworkPolicy denies what is not allowed"
            todo = "Add one with an empty podSelector and both policyTypes"
            yield namespace, _finding("metadata.name", what, todo)
    names = {kind: {each.name for each in found} for kind, found in by_kind.items()}
    for manifest in manifests:
        for pod in pods(manifest):
            for finding in _check_pod(manifest, pod, names, by_kind):
                yield manifest, finding


def _denies_all(policy: Manifest) -> bool:
    kinds = policy.spec.get("policyTypes") or []
    rules = policy.spec.get("ingress") or policy.spec.get("egress")
    return policy.spec.get("podSelector") == {} and {"Ingress", "Egress"} <= set(kinds) and not rules


def _check_pod(
    manifest: Manifest, pod: Pod, names: dict[str, set[str]], by_kind: dict[str, list[Manifest]]
) -> Iterator[Finding]:
    where = f"{pod.where}.spec"
    for index, volume in enumerate(items(pod.spec, "volumes")):
        for kind, name in (
            ("PersistentVolumeClaim", at(volume, "persistentVolumeClaim").get("claimName")),
            ("ConfigMap", at(volume, "configMap").get("name")),
        ):
            if name is not None and name not in names.get(kind, ()):
                yield _finding(f"{where}.volumes[{index}]", f"there is no {kind} {name!r}", "Add it")
    for path, container in pod.containers(init=True):
        for index, source in enumerate(items(container, "envFrom")):
            name = at(source, "configMapRef").get("name")
            if name is not None and name not in names.get("ConfigMap", ()):
                yield _finding(f"{path}.envFrom[{index}]", f"there is no ConfigMap {name!r}", "Add it")
    if not any(_selects(at(policy.spec, "podSelector"), pod) for policy in by_kind.get("NetworkPolicy", [])):
        yield _finding(f"{pod.where}.metadata.labels", "no NetworkPolicy is about this pod", "Add one")
    several = pod.role == "worker" or (manifest.spec.get("replicas") or 1) > 1
    budgets = by_kind.get("PodDisruptionBudget", [])
    if several and not any(_selects(at(budget.spec, "selector"), pod) for budget in budgets):
        what = "a node that is drained may take all pods at once"
        yield _finding(f"{pod.where}.metadata.labels", what, "Add a PodDisruptionBudget that selects them")


def _selects(selector: Tree, pod: Pod) -> bool:
    """By matchLabels, not counting a selector of all pods."""
    labels = at(selector, "matchLabels")
    return bool(labels) and all(pod.labels.get(key) == value for key, value in labels.items())


def _finding(where: str, what: str, todo: str) -> Finding:
    return Finding("house", where, what, todo)
