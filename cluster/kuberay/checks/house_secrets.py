"""No secret is written down: only names of Secrets that the documented commands make."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cluster.kuberay.checks.manifest import Finding, Manifest, Tree, at, clusters, items, pods
from cluster.passwords import ALL_SECRETS

_SECRET_NAME = re.compile(
    r"PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY|ACCESS_KEY|CREDENTIAL|PRIVATE_KEY", re.IGNORECASE
)
_PATH_NAME = re.compile(r"_(?:FILE|PATH|DIR)$", re.IGNORECASE)
_IN_URL = re.compile(r"://[^/@\s]*:(?!\$\()[^/@\s]+@")
_INSTEAD = "Refer to a Secret by secretKeyRef"


def check_secrets(manifest: Manifest) -> Iterator[Finding]:
    """Literals, and references to what nobody makes."""
    if manifest.kind == "Secret" and (manifest.tree.get("data") or manifest.tree.get("stringData")):
        what = "a Secret in a file is no secret"
        yield _finding("data", what, "Make it by 'python -m cluster.passwords kubernetes'")
    if manifest.kind == "ConfigMap":
        for key, value in at(manifest.tree, "data").items():
            yield from _check_literal(f"data.{key}", str(key), value)
    for pod in pods(manifest):
        for where, container in pod.containers(init=True):
            yield from _check_container(where, container)
        for index, volume in enumerate(items(pod.spec, "volumes")):
            name = at(volume, "secret").get("secretName")
            if name is not None and name not in ALL_SECRETS:
                yield _unknown(f"{pod.where}.spec.volumes[{index}].secret", str(name))
    for where, cluster in clusters(manifest):
        options = at(cluster, "gcsFaultToleranceOptions")
        if at(options, "redisPassword").get("value"):
            path = f"{where}.gcsFaultToleranceOptions.redisPassword.value"
            yield _finding(path, "a password stands here", _INSTEAD)
        yield from _check_reference(
            f"{where}.gcsFaultToleranceOptions.redisPassword", at(options, "redisPassword")
        )
        name = at(cluster, "authOptions").get("secretName")
        if name is not None and name not in ALL_SECRETS:
            yield _unknown(f"{where}.authOptions.secretName", str(name))


def _check_container(where: str, container: Tree) -> Iterator[Finding]:
    for index, variable in enumerate(items(container, "env")):
        path = f"{where}.env[{index}]"
        yield from _check_literal(f"{path}.value", str(variable.get("name")), variable.get("value"))
        yield from _check_reference(path, variable)
    for key in ("command", "args"):
        for index, word in enumerate(container.get(key) or ()):
            if _IN_URL.search(str(word)):
                yield _finding(f"{where}.{key}[{index}]", "a password stands in a URL", _INSTEAD)


def _check_literal(where: str, name: str, value: object) -> Iterator[Finding]:
    text = str(value or "")
    if text and _SECRET_NAME.search(name) and not _PATH_NAME.search(name) and "$(" not in text:
        yield _finding(where, f"the value of {name} stands here", _INSTEAD)
    elif _IN_URL.search(text):
        yield _finding(where, f"a password stands in the URL of {name}", _INSTEAD)


def _check_reference(where: str, holder: Tree) -> Iterator[Finding]:
    reference = at(holder, "valueFrom", "secretKeyRef")
    if not reference:
        return
    name, key = str(reference.get("name")), str(reference.get("key"))
    if name not in ALL_SECRETS:
        yield _unknown(f"{where}.valueFrom.secretKeyRef", name)
    elif key not in ALL_SECRETS[name]:
        what = f"Secret {name} has no key {key!r}"
        yield _finding(f"{where}.valueFrom.secretKeyRef", what, f"It has {', '.join(ALL_SECRETS[name])}")


def _unknown(where: str, name: str) -> Finding:
    what = f"no documented command makes a Secret {name!r}"
    return _finding(where, what, f"Known are {', '.join(ALL_SECRETS)}; add it to cluster/passwords.py")


def _finding(where: str, what: str, todo: str) -> Finding:
    return Finding("house", where, what, todo)
