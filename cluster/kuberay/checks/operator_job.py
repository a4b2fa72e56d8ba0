"""The operator's rules for a Ray job, and for one that a clock starts."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cluster.kuberay.checks.cron import fault_of_schedule
from cluster.kuberay.checks.manifest import Finding, Manifest, Tree, at, items
from cluster.kuberay.checks.operator_cluster import finding

_MODES = ("K8sJobMode", "HTTPMode", "InteractiveMode", "SidecarMode")
_SELECTOR = "ray.io/cluster"


def check_job(where: str, job: Tree) -> Iterator[Finding]:
    """What the operator refuses of a job's specification."""
    mode, selector = job.get("submissionMode", _MODES[0]), at(job, "clusterSelector")
    if mode not in _MODES:
        yield finding(f"{where}.submissionMode", f"{mode!r} is none", f"Take one of {', '.join(_MODES)}")
    if not selector and not at(job, "rayClusterSpec"):
        yield finding(where, "no cluster is told to run on", "Set rayClusterSpec or clusterSelector")
    if selector and not selector.get(_SELECTOR):
        what = f"it has no {_SELECTOR}"
        yield finding(f"{where}.clusterSelector", what, f"Write {_SELECTOR}: NAME of the RayCluster")
    if selector and mode == "SidecarMode":
        what = "SidecarMode submits from the head of a cluster of its own"
        yield finding(f"{where}.clusterSelector", what, "Take HTTPMode")
    if mode == "SidecarMode":
        yield from _check_sidecar(where, job)
    if mode == "InteractiveMode" and job.get("backoffLimit", 0) != 0:
        yield finding(f"{where}.backoffLimit", "InteractiveMode never tries again", "Remove it")
    yield from _check_end(where, job, bool(selector))
    yield from _check_runtime_env(where, job)


def _check_sidecar(where: str, job: Tree) -> Iterator[Finding]:
    for key in ("submitterPodTemplate", "submitterConfig"):
        if at(job, key):
            yield finding(f"{where}.{key}", "SidecarMode has no submitter's pod", "Remove it")
    policy = at(job, "rayClusterSpec", "headGroupSpec", "template", "spec").get("restartPolicy")
    if policy not in (None, "", "Never"):
        path = f"{where}.rayClusterSpec.headGroupSpec.template.spec.restartPolicy"
        yield finding(path, f"{policy!r} would submit the job again and again in SidecarMode", "Set Never")


def _check_end(where: str, job: Tree, selected: bool) -> Iterator[Finding]:
    shuts_down = job.get("shutdownAfterJobFinishes") is True
    if job.get("suspend") is True and (selected or not shuts_down):
        why = "the cluster is not its own" if selected else "shutdownAfterJobFinishes is not set"
        yield finding(f"{where}.suspend", f"it can't be suspended: {why}", "Remove it")
    seconds = job.get("ttlSecondsAfterFinished", 0)
    if isinstance(seconds, int) and (seconds < 0 or (seconds > 0 and not shuts_down)):
        what = f"{seconds} has no effect without shutdownAfterJobFinishes, and must not be below 0"
        yield finding(f"{where}.ttlSecondsAfterFinished", what, "Set both or neither")
    for key, least in (("activeDeadlineSeconds", 1), ("preRunningDeadlineSeconds", 1), ("backoffLimit", 0)):
        number = job.get(key)
        if isinstance(number, int) and number < least:
            yield finding(f"{where}.{key}", f"{number} is below {least}", "Raise it, or remove it")
    yield from _check_deletion(where, job, selected, shuts_down)


def _check_deletion(where: str, job: Tree, selected: bool, shuts_down: bool) -> Iterator[Finding]:
    if "deletionStrategy" not in job:
        return
    strategy, path = at(job, "deletionStrategy"), f"{where}.deletionStrategy"
    rules, ends = (
        items(strategy, "deletionRules"),
        [key for key in ("onSuccess", "onFailure") if key in strategy],
    )
    if rules and ends:
        yield finding(path, f"{ends[0]} and deletionRules are both set", "Keep deletionRules")
    elif not rules and len(ends) < 2:
        yield finding(path, "it says nothing of success and failure", "Set deletionRules")
    if rules and shuts_down:
        yield finding(path, "deletionRules and shutdownAfterJobFinishes are both set", "Keep one")
    policies = [rule.get("policy") for rule in rules] + [at(strategy, end).get("policy") for end in ends]
    for policy in sorted({str(policy) for policy in policies} & {"DeleteCluster", "DeleteWorkers"}):
        if selected:
            yield finding(path, f"{policy} would end a cluster that is not the job's", "Use DeleteSelf")
    if "DeleteWorkers" in policies and at(job, "rayClusterSpec").get("enableInTreeAutoscaling") is True:
        yield finding(path, "DeleteWorkers does not go with autoscaling", "Use DeleteCluster")


def _check_runtime_env(where: str, job: Tree) -> Iterator[Finding]:
    import yaml

    text, path = job.get("runtimeEnvYAML"), f"{where}.runtimeEnvYAML"
    if not isinstance(text, str) or not text:
        return
    try:
        tree = yaml.safe_load(text)
    except yaml.YAMLError as error:
        yield finding(path, f"it is no YAML: {' '.join(str(error).split())}", "Mend it")
        return
    if not isinstance(tree, dict):
        yield finding(path, f"it holds {type(tree).__name__}", "Write keys such as env_vars")


def check_schedule(manifest: Manifest) -> Iterator[Finding]:
    """What the operator refuses of a RayCronJob beside its job."""
    schedule, zone = manifest.spec.get("schedule"), manifest.spec.get("timeZone")
    if not at(manifest.spec, "jobTemplate"):
        yield finding("spec.jobTemplate", "there is none", "Add the job's specification")
    if fault := fault_of_schedule(str(schedule or "")):
        yield finding("spec.schedule", f"{schedule!r}: {fault}", "Write five fields, such as '0 3 * * *'")
    if zone is not None:
        try:
            ZoneInfo(str(zone))
        except (ZoneInfoNotFoundError, ValueError):
            yield finding("spec.timeZone", f"{zone!r} is no time zone", "Take one such as Europe/Berlin")
