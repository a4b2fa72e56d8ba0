"""Kubernetes objects as they stand in files, what is found wrong with them, and the pods within them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from adcraft.errors import SettingsError

Layer = Literal["crd", "core", "operator", "house"]
Tree = Mapping[str, Any]

_KUSTOMIZE = "kustomize.config.k8s.io/"  # what tells how to build objects is none


@dataclass(frozen=True)
class Manifest:
    """One object.

    Attributes:
        file: that it stands in.
        tree: itself.
    """

    file: Path
    tree: Tree

    @property
    def kind(self) -> str:
        """Such as RayJob."""
        return str(self.tree.get("kind", ""))

    @property
    def version(self) -> str:
        """Such as ray.io/v1."""
        return str(self.tree.get("apiVersion", ""))

    @property
    def name(self) -> str:
        """Of its metadata."""
        return str(at(self.tree, "metadata").get("name", ""))

    @property
    def spec(self) -> Tree:
        """Empty where there is none."""
        return at(self.tree, "spec")

    @property
    def annotations(self) -> Tree:
        """Of its metadata."""
        return at(self.tree, "metadata", "annotations")

    def __str__(self) -> str:
        return f"{self.kind or 'object'} {self.name or 'without a name'} in {self.file}"


@dataclass(frozen=True)
class Finding:
    """What is wrong.

    Attributes:
        layer: that found it.
        where: the field, from the object's root.
        what: is wrong there, with the value.
        todo: what to do about it.
    """

    layer: Layer
    where: str
    what: str
    todo: str

    def __str__(self) -> str:
        return f"[{self.layer}] {self.where}: {self.what}. {self.todo}."


@dataclass(frozen=True)
class Pod:
    """A pod's template within an object.

    Attributes:
        where: path of its template.
        template: with metadata and spec.
        role: whether Ray runs in it, and as what.
        lasting: whether it goes on until it is stopped.
    """

    where: str
    template: Tree
    role: Literal["head", "worker", "none"]
    lasting: bool

    @property
    def spec(self) -> Tree:
        """Of the pod."""
        return at(self.template, "spec")

    @property
    def labels(self) -> Tree:
        """Of the pod."""
        return at(self.template, "metadata", "labels")

    def containers(self, *, init: bool = False) -> Iterator[tuple[str, Tree]]:
        """Each with its path; with ``init`` those that go before, too."""
        for key in ("initContainers", "containers") if init else ("containers",):
            for index, container in enumerate(items(self.spec, key)):
                yield f"{self.where}.spec.{key}[{index}]", container


def read_manifests(paths: Sequence[Path]) -> list[Manifest]:
    """All objects of the files, and of the ``*.yaml`` in the folders.

    Raises:
        SettingsError: there is no such file, it is no YAML, or holds something else.
    """
    import yaml

    found = []
    for file in (each for path in paths for each in _files(path)):
        try:
            documents = list(yaml.load_all(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader))
        except (OSError, UnicodeError, yaml.YAMLError) as error:
            raise SettingsError(f"{file} can't be read as YAML: {error}") from error
        for document in documents:
            if document is None:
                continue
            if not isinstance(document, dict):
                raise SettingsError(
                    f"{file} holds {type(document).__name__}, and must hold Kubernetes objects."
                )
            if not str(document.get("apiVersion", "")).startswith(_KUSTOMIZE):
                found.append(Manifest(file, document))
    if not found:
        raise SettingsError(f"There is no Kubernetes object in {', '.join(map(str, paths))}.")
    return found


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(path.rglob("*.yaml"))
    return [path]


def at(tree: Tree, *keys: str) -> Tree:
    """The mapping there; empty where there is none, since its type is the schemas' matter."""
    for key in keys:
        value = tree.get(key)
        tree = value if isinstance(value, Mapping) else {}
    return tree


def items(tree: Tree, key: str) -> list[Tree]:
    """The mappings of a list there."""
    value = tree.get(key)
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def clusters(manifest: Manifest) -> Iterator[tuple[str, Tree]]:
    """Specifications of Ray clusters within an object, with their paths."""
    places = {
        "RayCluster": ("spec",),
        "RayJob": ("spec", "rayClusterSpec"),
        "RayCronJob": ("spec", "jobTemplate", "rayClusterSpec"),
        "RayService": ("spec", "rayClusterConfig"),
    }
    if manifest.kind in places and (spec := at(manifest.tree, *places[manifest.kind])):
        yield ".".join(places[manifest.kind]), spec


def jobs(manifest: Manifest) -> Iterator[tuple[str, Tree]]:
    """Specifications of Ray jobs within an object, with their paths."""
    if manifest.kind == "RayJob":
        yield "spec", manifest.spec
    if manifest.kind == "RayCronJob" and (spec := at(manifest.spec, "jobTemplate")):
        yield "spec.jobTemplate", spec


def groups(where: str, cluster: Tree) -> Iterator[tuple[str, str, Tree]]:
    """Path, name and specification of the head and of each group of workers."""
    yield f"{where}.headGroupSpec", "the head", at(cluster, "headGroupSpec")
    for index, group in enumerate(items(cluster, "workerGroupSpecs")):
        yield f"{where}.workerGroupSpecs[{index}]", f"group {group.get('groupName')!r}", group


def pods(manifest: Manifest) -> Iterator[Pod]:
    """All pods' templates within an object."""
    if manifest.kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"):
        yield Pod("spec.template", at(manifest.spec, "template"), "none", True)
    elif manifest.kind == "Job":
        yield Pod("spec.template", at(manifest.spec, "template"), "none", False)
    elif manifest.kind == "CronJob":
        template = at(manifest.spec, "jobTemplate", "spec", "template")
        yield Pod("spec.jobTemplate.spec.template", template, "none", False)
    elif manifest.kind == "Pod":
        yield Pod("", manifest.tree, "none", True)
    for where, cluster in clusters(manifest):
        for index, (path, _, group) in enumerate(groups(where, cluster)):
            yield Pod(f"{path}.template", at(group, "template"), "worker" if index else "head", True)
    for where, job in jobs(manifest):
        if template := at(job, "submitterPodTemplate"):
            yield Pod(f"{where}.submitterPodTemplate", template, "none", False)
