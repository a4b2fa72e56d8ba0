"""Stages as Ray jobs: what ``ray job submit --working-dir . -- python -m ray_jobs ...`` does, followed live.

The same Job API that the command line uses, which however notices a job's end up to 5 s late.
"""

from __future__ import annotations

import json
import logging
import re
import shlex
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from adcraft import console
from adcraft.errors import AdcraftError, ClusterError
from adcraft.tracking.provenance import COMMIT, commit
from cluster.leash import ROOT

if TYPE_CHECKING:
    from ray.job_submission import JobSubmissionClient

_POLL_S = 0.3
_STOP_S = 8
# Ray's own lines begin with a date, a stage's with a time of day; they stay in the job's log.
_RAYS_OWN = re.compile(
    r"\W*(?:INFO )?\d{4}-\d\d-\d\d |(?:\x1b\[\d+m)?\(\w+\)|Running entrypoint |.*[\d?]it/s\]"
)


class StageJobs:
    """Submits stages to one cluster, whose address and token Ray finds in the environment."""

    def __init__(self) -> None:
        """Connect.

        Raises:
            ClusterError: the cluster does not answer, or does not accept the token.
        """
        from ray.job_submission import JobSubmissionClient

        for name in ("ray", "ray.dashboard.modules.dashboard_sdk"):
            logging.getLogger(name).setLevel(logging.ERROR)  # they name every file that is left out
        try:
            self._client: JobSubmissionClient = JobSubmissionClient()
        except (ConnectionError, RuntimeError) as error:
            raise ClusterError(f"Ray's Job API can't be used: {error}") from error

    def run(self, stage: str, arguments: Sequence[str], show: Callable[[str], None]) -> dict[str, Any]:
        """Run ``python -m ray_jobs STAGE ...`` and return what its line of JSON says.

        Args:
            stage: its name.
            arguments: its arguments.
            show: takes each line that the job writes, as it comes.

        Raises:
            AdcraftError: the job failed; of the class that its exit code stands for.
        """
        command = shlex.join(["python", "-m", "ray_jobs", stage, *arguments])
        variables = {COMMIT: found} if (found := commit()) else {}
        job = self._client.submit_job(
            entrypoint=command, runtime_env={"working_dir": str(ROOT), "env_vars": variables}
        )
        try:
            lines = self._follow(job, show)
        except BaseException:
            self._stop(job)
            raise
        result = result_line(lines, stage)
        if result is None:
            last = next((line for line in reversed(lines) if line.strip()), "it wrote nothing")
            raise ClusterError(f"The job {command!r} ended without a result: {last}")
        return result

    def _follow(self, job: str, show: Callable[[str], None]) -> list[str]:
        shown = 0
        while True:
            over = self._client.get_job_status(job).is_terminal()
            lines: list[str] = self._client.get_job_logs(job).splitlines(keepends=True)
            whole = lines if over else [line for line in lines if line.endswith("\n")]
            for line in whole[shown:]:
                show(line.rstrip())
            shown = len(whole)
            if over:
                return whole
            time.sleep(_POLL_S)

    def _stop(self, job: str) -> None:
        """End a job in order, as far as that takes no longer than people wait."""
        deadline = time.monotonic() + _STOP_S
        try:
            self._client.stop_job(job)
            while not self._client.get_job_status(job).is_terminal() and time.monotonic() < deadline:
                time.sleep(_POLL_S)
        except Exception as error:
            logging.getLogger(__name__).debug("stopping %s: %s", job, error)


def result_line(lines: Sequence[str], stage: str) -> dict[str, Any] | None:
    """The JSON line of ``stage`` among ``lines``, or None if there is none (yet).

    Raises:
        AdcraftError: it says that the stage failed; of the class that its exit code stands for.
    """
    for line in reversed(lines):
        if is_result_line(line):
            result: dict[str, Any] = json.loads(line)
            if result["stage"] == stage:
                break
    else:
        return None
    if result["ok"]:
        return result
    kinds = {code: kind for kind, code in console.EXIT_CODES.items()}
    raise kinds.get(result["exit_code"], AdcraftError)(f"{stage}: {result['error']}")


def is_result_line(line: str) -> bool:
    """Whether it is a stage's line of JSON, which is for programs."""
    return line.startswith('{"stage": "')


def is_rays_own(line: str) -> bool:
    """Whether Ray, or a library's progress bar, wrote the line, and not the stage."""
    return _RAYS_OWN.match(line) is not None
