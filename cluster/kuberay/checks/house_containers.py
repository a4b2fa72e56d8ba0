"""What every container has: requests, limits, probes, and as few rights as it can work with."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.kuberay.checks.manifest import Finding, Manifest, Pod, Tree, at, items, pods

_HOST = ("hostNetwork", "hostPID", "hostIPC")


def check_containers(manifest: Manifest) -> Iterator[Finding]:
    """The rules for pods and their containers, and for what opens a port to the world."""
    if manifest.kind == "Service" and manifest.spec.get("type", "ClusterIP") not in (
        "ClusterIP",
        "ExternalName",
    ):
        what = f"{manifest.spec.get('type')!r} opens it to machines outside"
        yield _finding("spec.type", what, "Use ClusterIP, and an Ingress of yours that encrypts")
    for pod in pods(manifest):
        yield from _check_pod(pod)
        for where, container in pod.containers(init=True):
            yield from _check_resources(where, container)
            yield from _check_rights(where, container, pod)
        for where, container in pod.containers():
            yield from _check_probes(where, container, pod)


def _check_pod(pod: Pod) -> Iterator[Finding]:
    where = f"{pod.where}.spec".lstrip(".")
    for key in _HOST:
        if pod.spec.get(key):
            yield _finding(f"{where}.{key}", "the pod would share it with its node", "Remove it")
    for index, volume in enumerate(items(pod.spec, "volumes")):
        if "hostPath" in volume:
            what = f"{volume.get('name')!r} is a folder of the node"
            yield _finding(f"{where}.volumes[{index}]", what, "Use a PersistentVolumeClaim, or emptyDir")
    # A head's autoscaler asks Kubernetes for pods; nobody else asks it for anything.
    if pod.role != "head" and pod.spec.get("automountServiceAccountToken") is not False:
        what = "the pod gets a token for the Kubernetes API, and does not need it"
        yield _finding(f"{where}.automountServiceAccountToken", what, "Set false")


def _check_resources(where: str, container: Tree) -> Iterator[Finding]:
    for kind, needed in (("requests", ("cpu", "memory")), ("limits", ("cpu", "memory"))):
        given = at(container, "resources", kind)
        if missing := [name for name in needed if name not in given]:
            what = f"{container.get('name')!r} has no {kind} of {' and '.join(missing)}"
            yield _finding(f"{where}.resources.{kind}", what, "Add them")


def _check_rights(where: str, container: Tree, pod: Pod) -> Iterator[Finding]:
    own, of_pod = at(container, "securityContext"), at(pod.spec, "securityContext")
    path, name = f"{where}.securityContext", container.get("name")
    if own.get("privileged"):
        yield _finding(f"{path}.privileged", f"{name!r} could do anything to its node", "Remove it")
    if own.get("runAsNonRoot", of_pod.get("runAsNonRoot")) is not True:
        yield _finding(f"{path}.runAsNonRoot", f"{name!r} may run as root", "Set true, here or for the pod")
    if own.get("runAsUser", of_pod.get("runAsUser")) == 0:
        yield _finding(f"{path}.runAsUser", f"{name!r} runs as root", "Give it another user")
    if own.get("allowPrivilegeEscalation") is not False:
        what = f"{name!r} may gain rights"
        yield _finding(f"{path}.allowPrivilegeEscalation", what, "Set false")
    if at(own, "capabilities").get("drop") != ["ALL"]:
        yield _finding(f"{path}.capabilities", f"{name!r} keeps capabilities", "Set drop: [ALL]")
    profile = at(own, "seccompProfile") or at(of_pod, "seccompProfile")
    if profile.get("type") not in ("RuntimeDefault", "Localhost"):
        what = f"{name!r} may call all of the kernel"
        yield _finding(f"{path}.seccompProfile", what, "Set type: RuntimeDefault")


def _check_probes(where: str, container: Tree, pod: Pod) -> Iterator[Finding]:
    """The operator gives Ray's containers their probes; who writes some of his own takes those away."""
    for key in ("readinessProbe", "livenessProbe"):
        if pod.role == "none" and pod.lasting and key not in container:
            what = f"{container.get('name')!r} has none"
            yield _finding(f"{where}.{key}", what, "Add one, or nobody sees that it hangs")


def _finding(where: str, what: str, todo: str) -> Finding:
    return Finding("house", where, what, todo)
