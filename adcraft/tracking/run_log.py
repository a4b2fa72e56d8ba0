"""One training run in MLflow: found again by its key, fed while it trains, ended with a status."""

from __future__ import annotations

import json
import logging
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adcraft.errors import AdcraftError, TrackingError
from adcraft.registry import RUN_KEY_TAG
from adcraft.tracking.connection import check_answers, connect, embedded_artifacts, explained
from adcraft.tracking.provenance import PROVENANCE_TAGS

if TYPE_CHECKING:
    from mlflow.entities import Metric, Run

    from adcraft.data.dataset import PreparedDataset

log = logging.getLogger(__name__)

_METRICS_PER_CALL = 1000
_PARAMETER_CHARS = 6000
_PATIENCE_S = 60.0
_STEP_LOSS = "step/loss"
PARENT_TAG, NOTE_TAG = "mlflow.parentRunId", "mlflow.note.content"
REASON_TAG = "adcraft.reason"
"""Why a run was stopped early, or failed."""
ATTEMPT_TAG = "adcraft.attempt."
"""With a number from 1: the tags of an earlier attempt that was made by another code or has a reason, as
JSON."""

Columns = Mapping[str, Sequence[Any]]


class RunLog:
    """Writes one run. A second process with the same key goes on with the same run."""

    def __init__(
        self,
        uri: str,
        experiment: str,
        run_key: str,
        run_name: str,
        tags: Mapping[str, str],
        *,
        again: bool = False,
    ) -> None:
        """Open the unfinished run with this key, or start one.

        Args:
            uri: of MLflow.
            experiment: that the run is filed under.
            run_key: what makes it the same run, among those with the same parent.
            run_name: for people.
            tags: of this attempt; ``PARENT_TAG`` among them makes it another run's child. Where an
                earlier one had others, these are kept under ``ATTEMPT_TAG``.
            again: go on with the run even where it has finished.

        Raises:
            TrackingError: MLflow can't be reached or refuses.
        """
        self._uri = uri
        self._client = connect(uri)
        with explained(uri, f"opening a run in experiment {experiment!r}"):
            run = self._open(self._experiment(experiment), run_key, run_name, tags, again)
            self._epochs = self._logged_epochs(run)
        self.run_id: str = run.info.run_id
        self.experiment_id: str = run.info.experiment_id
        self.run_name: str = run.info.run_name or run_name
        self._last_step = int(run.data.metrics.get("step", -1))
        self._parameters = set(run.data.params)
        self._metrics: list[Metric] = []
        self._tables: list[tuple[Columns, str]] = []
        self._silent = False
        self._sending = threading.Lock()

    def parameters(self, settings: Mapping[str, Any]) -> None:
        """Log settings as parameters, ``section.key``. Those of an earlier attempt stay as they are."""
        from mlflow.entities import Param

        flat = [
            Param(key, str(value)[:_PARAMETER_CHARS])
            for key, value in _flatten(settings)
            if key not in self._parameters
        ]
        with explained(self._uri, "logging parameters"):
            for start in range(0, len(flat), 100):
                self._client.log_batch(self.run_id, params=flat[start : start + 100])
            self._client.log_dict(self.run_id, dict(settings), "settings.json")

    def dataset(self, dataset: PreparedDataset) -> None:
        """Name the prepared dataset as the run's input."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        entity = Dataset(
            name=dataset.name,
            digest=dataset.version[:36],
            source_type="local",
            source=json.dumps({"uri": str(dataset.path)}),
            profile=json.dumps({split: found.rows for split, found in dataset.manifest.splits.items()}),
        )
        with explained(self._uri, "logging the dataset"):
            self._client.log_inputs(
                self.run_id, [DatasetInput(entity, [InputTag("mlflow.data.context", "training")])]
            )

    def metrics(self, values: Mapping[str, float], step: int, time_ms: int | None = None) -> None:
        """Note metrics; they are sent by :meth:`flush`."""
        from mlflow.entities import Metric

        when = time_ms or int(time.time() * 1000)
        self._metrics += [Metric(key, float(value), when, step) for key, value in values.items()]

    def steps(self, events: Sequence[Mapping[str, float]], keys: Sequence[str]) -> None:
        """Note per-step metrics, of steps that no earlier attempt has logged."""
        for event in events:
            step = int(event["step"])
            if step <= self._last_step:
                continue
            self._last_step = step
            values = {f"step/{key}": event[key] for key in keys}
            self.metrics({**values, "step": step}, step, int(event["time_ms"]))

    def epoch(self, metrics: Mapping[str, float], time_ms: int | None = None) -> bool:
        """Note the metrics of an epoch, ``epoch`` and ``step`` among them; False if that epoch was
        noted before, by whichever attempt.
        """
        number = int(metrics["epoch"])
        if number in self._epochs:
            return False
        self._epochs.add(number)
        values = {key: value for key, value in metrics.items() if key != "step"}
        self.metrics(values, int(metrics["step"]), time_ms)
        return True

    def table(self, columns: Columns, file: str) -> None:
        """Note a table, shown by the MLflow page; it is sent by :meth:`flush`, and appended to a
        table of the same name.
        """
        self._tables.append((columns, file))

    def flush(self) -> None:
        """Send what was noted. While MLflow does not answer it waits here, and training goes on."""
        try:
            self._send()
        except (AdcraftError, OSError) as error:
            if not self._silent:
                log.warning("%s Metrics wait, and training goes on.", error)
            self._silent = True
        else:
            if self._silent:
                log.info("MLflow answers again")
            self._silent = False

    def settle(self) -> None:
        """Send what was noted, and wait a minute for an MLflow that does not answer.

        Raises:
            TrackingError: it did not.
            StorageError: its disk is full.
        """
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            try:
                return self._send()
            except TrackingError as error:
                if time.monotonic() > deadline:
                    raise
                log.warning("%s It is asked again for a minute.", error)
                time.sleep(5)

    def step_losses(self) -> list[tuple[float, float]]:
        """Step and loss of each step logged, over all attempts."""
        with explained(self._uri, "reading metrics"):
            history = self._client.get_metric_history(self.run_id, _STEP_LOSS)
        return sorted((metric.step, metric.value) for metric in history)

    def tag(self, name: str, value: str) -> None:
        """Set a tag."""
        with explained(self._uri, f"setting the tag {name}"):
            self._client.set_tag(self.run_id, name, value)

    def text(self, content: str, file: str) -> None:
        """Log a text as an artifact."""
        with explained(self._uri, f"logging {file}"):
            self._client.log_text(self.run_id, content, file)

    def figure(self, png: bytes, file: str) -> None:
        """Log a picture."""
        with tempfile.TemporaryDirectory() as folder, explained(self._uri, f"logging {file}"):
            path = Path(folder) / Path(file).name
            path.write_bytes(png)
            self._client.log_artifact(self.run_id, str(path), str(Path(file).parent).removeprefix("."))

    def folder(self, path: Path, name: str) -> None:
        """Log a folder and all in it as the artifact ``name``."""
        with explained(self._uri, f"logging {name}"):
            self._client.log_artifacts(self.run_id, str(path), name)

    def end(self, status: str) -> None:
        """End the run: FINISHED, FAILED or KILLED.

        Raises:
            TrackingError: MLflow does not answer or refuses.
        """
        self._send()
        with explained(self._uri, "ending the run"):
            self._client.set_terminated(self.run_id, status)

    def give_up(self, status: str) -> None:
        """End the run because of an error, which an MLflow that fails too must not hide."""
        try:
            self.end(status)
        except (AdcraftError, OSError) as error:
            log.warning("%s", error)

    def _send(self) -> None:
        with self._sending:
            if not self._metrics and not self._tables:
                return
            check_answers(self._uri)
            with explained(self._uri, "logging metrics"):
                while batch := self._metrics[:_METRICS_PER_CALL]:
                    self._client.log_batch(self.run_id, metrics=batch)
                    del self._metrics[: len(batch)]
                while self._tables:
                    columns, file = self._tables[0]
                    self._client.log_table(
                        self.run_id, {key: list(values) for key, values in columns.items()}, file
                    )
                    del self._tables[0]

    def _open(
        self, experiment_id: str, run_key: str, run_name: str, tags: Mapping[str, str], again: bool
    ) -> Run:
        known = self._client.search_runs(
            [experiment_id], f"tags.`{RUN_KEY_TAG}` = '{run_key}'", order_by=["attributes.start_time DESC"]
        )
        for run in known:
            if run.data.tags.get(PARENT_TAG) != tags.get(PARENT_TAG):
                continue
            if again or run.info.status != "FINISHED":
                self._client.update_run(run.info.run_id, status="RUNNING")
                self._renew(run, tags)
                log.info("going on with MLflow run %s", run.info.run_name)
                return run
        return self._client.create_run(experiment_id, run_name=run_name, tags={RUN_KEY_TAG: run_key, **tags})

    def _renew(self, run: Run, tags: Mapping[str, str]) -> None:
        """Say who goes on with a run, by which code; what an earlier attempt said is kept."""
        from mlflow.entities import RunTag

        known = run.data.tags
        lost = [key for key in (*PROVENANCE_TAGS, REASON_TAG) if known.get(key) and key not in tags]
        changed = [key for key in tags if known.get(key) != tags[key]]
        if not lost and not changed:
            return
        number = 1 + sum(key.startswith(ATTEMPT_TAG) for key in known)
        earlier = {key: known[key] for key in (*tags, *lost) if key in known}
        renewed = {**{key: tags[key] for key in changed}, f"{ATTEMPT_TAG}{number}": json.dumps(earlier)}
        self._client.log_batch(run.info.run_id, tags=[RunTag(*item) for item in renewed.items()])
        for key in lost:
            self._client.delete_tag(run.info.run_id, key)

    def _logged_epochs(self, run: Run) -> set[int]:
        if "epoch" not in run.data.metrics:
            return set()
        return {int(metric.value) for metric in self._client.get_metric_history(run.info.run_id, "epoch")}

    def _experiment(self, name: str) -> str:
        from mlflow.exceptions import MlflowException

        found = self._client.get_experiment_by_name(name)
        if found is None:
            try:
                return str(self._client.create_experiment(name, embedded_artifacts(self._uri)))
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":  # else another process was faster
                    raise
                found = self._client.get_experiment_by_name(name)
        if found is None or found.lifecycle_stage == "deleted":
            raise TrackingError(
                f"The MLflow experiment {name!r} was deleted. Restore it, or set tracking.experiment to "
                "another."
            )
        return str(found.experiment_id)


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    flat: list[tuple[str, Any]] = []
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            flat += _flatten(value, f"{prefix}{key}.")
        else:
            flat.append((f"{prefix}{key}", value))
    return flat
