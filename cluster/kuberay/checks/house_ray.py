"""How Ray runs here: with a token, with its state in Redis, and with jobs that can't lose their submitter."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.kuberay.checks.manifest import Finding, Manifest, at, clusters, jobs


def check_ray(manifest: Manifest) -> Iterator[Finding]:
    """The rules for Ray clusters and jobs."""
    for where, cluster in clusters(manifest):
        options = at(cluster, "authOptions")
        if options.get("mode", "disabled") == "disabled" or not options.get("secretName"):
            what = f"Ray takes commands from whoever reaches it: mode is {options.get('mode')!r}"
            todo = "Set mode: token and secretName"
            yield Finding("house", f"{where}.authOptions", what, todo)
        if manifest.kind in ("RayCluster", "RayService") and not at(cluster, "gcsFaultToleranceOptions"):
            what = "with its head the cluster loses all that it knows"
            yield Finding("house", f"{where}.gcsFaultToleranceOptions", what, "Name a Redis")
        if cluster.get("enableInTreeAutoscaling") is True and not at(
            cluster, "autoscalerOptions", "resources"
        ):
            what = "the autoscaler's container has no requests and limits"
            yield Finding("house", f"{where}.autoscalerOptions.resources", what, "Add them")
        if cluster.get("enableInTreeAutoscaling") is True:
            rights = at(cluster, "autoscalerOptions", "securityContext")
            if rights.get("allowPrivilegeEscalation") is not False or rights.get("runAsNonRoot") is not True:
                path = f"{where}.autoscalerOptions.securityContext"
                todo = "Give it the securityContext of the other containers"
                yield Finding("house", path, "the autoscaler's container may gain rights", todo)
    for where, job in jobs(manifest):
        mode = job.get("submissionMode", "K8sJobMode")
        if mode in ("K8sJobMode", "InteractiveMode"):
            what = f"{mode} can lose its submitter, and fail a job that is well"
            yield Finding("house", f"{where}.submissionMode", what, "Set HTTPMode")
        if not job.get("entrypoint"):
            what = "there is no command"
            todo = "Build on a component in cluster/kuberay/generated, or write it"
            yield Finding("house", f"{where}.entrypoint", what, todo)
    if manifest.kind == "RayService" and at(manifest.spec, "upgradeStrategy").get("type", "None") == "None":
        what = "a change would not go to a second cluster first"
        yield Finding("house", "spec.upgradeStrategy.type", what, "Set NewCluster")
