"""Fourth layer: house rules. One version, limits, probes, security contexts, no secret written down."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cluster.kuberay.checks.house_containers import check_containers
from cluster.kuberay.checks.house_images import check_images
from cluster.kuberay.checks.house_ray import check_ray
from cluster.kuberay.checks.house_secrets import check_secrets
from cluster.kuberay.checks.house_whole import check_whole
from cluster.kuberay.checks.manifest import Finding, Manifest


def check_house(manifest: Manifest) -> Iterator[Finding]:
    """The rules for one object."""
    yield from check_images(manifest)
    yield from check_containers(manifest)
    yield from check_ray(manifest)
    yield from check_secrets(manifest)


def check_house_together(manifests: Sequence[Manifest]) -> Iterator[tuple[Manifest, Finding]]:
    """The rules for all objects of a namespace, where the namespace is among them."""
    yield from check_whole(manifests)
