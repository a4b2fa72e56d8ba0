"""One training run in MLflow: found again by its key, fed while it trains, ended with a status."""

from __future__ import annotations

import json
import logging
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adcraft.errors import TrackingError
from adcraft.registry import RUN_KEY_TAG
from adcraft.tracking.connection import connect, embedded_artifacts, explained

if TYPE_CHECKING:
    from mlflow.entities import Metric

log = logging.getLogger(__name__)

_METRICS_PER_CALL = 1000
_PARAMETER_CHARS = 6000


class RunLog:
    """Writes one run. A second process with the same key goes on with the same run."""

    def __init__(
        self, uri: str, experiment: str, run_key: str, run_name: str, tags: Mapping[str, str]
    ) -> None:
        """Open the unfinished run with this key, or start one.

        Raises:
            TrackingError: MLflow can't be reached or refuses.
        """
        self._uri = uri
        self._client = connect(uri)
        with explained(uri, f"opening a run in experiment {experiment!r}"):
            experiment_id = self._experiment(experiment)
            known = self._client.search_runs(
                [experiment_id],
                f"tags.`{RUN_KEY_TAG}` = '{run_key}'",
                order_by=["attributes.start_time DESC"],
            )
            open_runs = [run for run in known if run.info.status != "FINISHED"]
            if open_runs:
                run = open_runs[0]
                self._client.update_run(run.info.run_id, status="RUNNING")
                log.info("going on with MLflow run %s", run.info.run_name)
            else:
                run = self._client.create_run(
                    experiment_id, run_name=run_name, tags={RUN_KEY_TAG: run_key, **tags}
                )
        self.run_id: str = run.info.run_id
        self.run_name: str = run.info.run_name or run_name
        self._last_step = max((int(v) for k, v in run.data.metrics.items() if k == "step"), default=-1)
        self._parameters = set(run.data.params)
        self._waiting: list[Metric] = []

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

    def dataset(self, name: str, version: str, path: str, rows: Mapping[str, int]) -> None:
        """Name the prepared dataset as the run's input."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        entity = Dataset(
            name=name,
            digest=version[:36],
            source_type="local",
            source=json.dumps({"uri": path}),
            profile=json.dumps(dict(rows)),
        )
        with explained(self._uri, "logging the dataset"):
            self._client.log_inputs(
                self.run_id, [DatasetInput(entity, [InputTag("mlflow.data.context", "training")])]
            )

    def metrics(self, values: Mapping[str, float], step: int, time_ms: int | None = None) -> None:
        """Note metrics; they are sent by :meth:`flush`. Steps that an earlier attempt logged are
        left out.
        """
        from mlflow.entities import Metric

        when = time_ms or int(time.time() * 1000)
        self._waiting += [Metric(key, float(value), when, step) for key, value in values.items()]

    def steps(self, events: Sequence[Mapping[str, float]], keys: Sequence[str]) -> None:
        """Note per-step metrics, of steps that no earlier attempt has logged."""
        for event in events:
            step = int(event["step"])
            if step <= self._last_step:
                continue
            self._last_step = step
            values = {f"step/{key}": event[key] for key in keys}
            self.metrics({**values, "step": step}, step, int(event["time_ms"]))

    def flush(self) -> None:
        """Send what waits. While MLflow does not answer it goes on waiting, and training goes on."""
        while self._waiting:
            batch = self._waiting[:_METRICS_PER_CALL]
            try:
                with explained(self._uri, "logging metrics"):
                    self._client.log_batch(self.run_id, metrics=batch)
            except TrackingError as error:
                log.warning("%s; %d metrics wait", error, len(self._waiting))
                return
            self._waiting = self._waiting[len(batch) :]

    def text(self, content: str, file: str) -> None:
        """Log a text as an artifact."""
        with explained(self._uri, f"logging {file}"):
            self._client.log_text(self.run_id, content, file)

    def table(self, columns: Mapping[str, Sequence[Any]], file: str) -> None:
        """Log a table, shown by the MLflow page; a later one of the same name is appended."""
        with explained(self._uri, f"logging {file}"):
            self._client.log_table(self.run_id, {key: list(values) for key, values in columns.items()}, file)

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
        """End the run: FINISHED, FAILED or KILLED."""
        self.flush()
        with explained(self._uri, "ending the run"):
            self._client.set_terminated(self.run_id, status)

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
