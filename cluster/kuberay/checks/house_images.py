"""One Ray version and one image tag, and no image that may be another tomorrow."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cluster.kuberay.checks.manifest import Finding, Manifest, clusters, pods
from cluster.kuberay.release import DEVICES, IMAGE, image_tag, ray_version

_STAMP = "Run 'make manifests', or build on one of its components in cluster/kuberay/generated"
_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")


def check_images(manifest: Manifest) -> Iterator[Finding]:
    """Tags of all images, and Ray's version of all clusters."""
    ray = ray_version()
    allowed = [image_tag(device, ray) for device in DEVICES]
    for pod in pods(manifest):
        for where, container in pod.containers(init=True):
            yield from _check_image(
                f"{where}.image", str(container.get("image", "")), pod.role != "none", allowed
            )
    for where, cluster in clusters(manifest):
        if cluster.get("rayVersion") != ray:
            what = f"{cluster.get('rayVersion')!r}, and constraints.txt has {ray}"
            yield Finding("house", f"{where}.rayVersion", what, _STAMP)


def _check_image(where: str, image: str, of_ray: bool, allowed: list[str]) -> Iterator[Finding]:
    name, tag = split(image)
    ours = name.rpartition("/")[2] == IMAGE
    if of_ray and not ours:
        yield Finding("house", where, f"{image!r} is not the project's image", f"Use {IMAGE}")
    elif ours and tag not in allowed and not _DIGEST.search(image):
        what = f"the tag of {image!r} is none of {', '.join(allowed)}"
        yield Finding("house", where, what, _STAMP)
    elif tag in ("", "latest") and not _DIGEST.search(image):
        what = f"{image!r} may be another image tomorrow"
        yield Finding("house", where, what, "Give it the tag of a version, or a digest")


def split(image: str) -> tuple[str, str]:
    """Name and tag of an image; a port of the registry is no tag."""
    name, colon, tag = image.partition("@")[0].rpartition(":")
    return (name, tag) if colon and "/" not in tag else (image.partition("@")[0], "")
