"""Second layer: Kubernetes' own kinds against its schemas, by kubernetes-validate, unknown fields refused."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.kuberay.checks.crd_layer import is_custom, path_of
from cluster.kuberay.checks.manifest import Finding, Manifest

KUBERNETES = "1.32"


def check_core(manifest: Manifest) -> Iterator[Finding]:
    """The first thing that Kubernetes' schema refuses."""
    if is_custom(manifest):
        return
    import kubernetes_validate

    if not manifest.kind or not manifest.version:
        yield Finding("core", "the whole", "it has no kind or no apiVersion", "Add both")
        return
    try:
        kubernetes_validate.validate(dict(manifest.tree), KUBERNETES, strict=True)
    except kubernetes_validate.ValidationError as error:
        todo = f"See 'kubectl explain {manifest.kind}'"
        yield Finding("core", path_of(list(error.path)), error.message, todo)
    except kubernetes_validate.SchemaNotFoundError:
        what = f"Kubernetes {KUBERNETES} has no {manifest.kind} of {manifest.version}"
        yield Finding("core", "kind", what, "See 'kubectl api-resources'")
