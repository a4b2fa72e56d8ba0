"""Third layer: what KubeRay's operator refuses, or can't do, although the schemas let it through.

Taken from its validation (``ray-operator/controllers/ray/utils/validation.go``), the rules in the
definitions' ``x-kubernetes-validations``, and what of 1.7 is behind a feature gate.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from cluster.kuberay.checks.manifest import Finding, Manifest, clusters, jobs
from cluster.kuberay.checks.operator_cluster import check_cluster, finding
from cluster.kuberay.checks.operator_job import check_job, check_schedule
from cluster.kuberay.checks.operator_service import check_service

_LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
# A cluster's services append ten characters to its name, and a job or a service six to its cluster's.
_LONGEST = {"RayCluster": 53, "RayJob": 47, "RayService": 47, "RayCronJob": 47}
_MANAGERS = ("ray.io/kuberay-operator", "kueue.x-k8s.io/multikueue")


def check_operator(manifest: Manifest) -> Iterator[Finding]:
    """What the operator would say."""
    if manifest.kind not in _LONGEST:
        return
    yield from _check_name(manifest)
    managed_by = manifest.spec.get("managedBy")
    if managed_by is not None and managed_by not in _MANAGERS:
        yield finding(
            "spec.managedBy", f"{managed_by!r} manages nothing", f"Take one of {', '.join(_MANAGERS)}"
        )
    for where, cluster in clusters(manifest):
        yield from check_cluster(manifest, where, cluster)
    for where, job in jobs(manifest):
        yield from check_job(where, job)
    if manifest.kind == "RayCronJob":
        yield from check_schedule(manifest)
    if manifest.kind == "RayService":
        yield from check_service(manifest)


def _check_name(manifest: Manifest) -> Iterator[Finding]:
    longest = _LONGEST[manifest.kind]
    if len(manifest.name) > longest:
        what = f"{manifest.name!r} has {len(manifest.name)} characters, and {longest} are allowed"
        yield finding("metadata.name", what, "Shorten it: names of services are made from it")
    if not _LABEL.fullmatch(manifest.name):
        what = f"{manifest.name!r} is no DNS label"
        yield finding("metadata.name", what, "Begin with a letter; then lower-case letters, digits and '-'")
