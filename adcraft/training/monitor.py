"""What the driver does with progress: a line for people, metrics and samples for MLflow, gauges for
Prometheus.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from adcraft.inference.codec import TextCodec
from adcraft.job_metrics import JobMetrics
from adcraft.metric_names import (
    TRAINING_EPOCH,
    TRAINING_LOSS,
    TRAINING_SPEED,
    TRAINING_STEP,
)
from adcraft.tracking.run_log import RunLog
from adcraft.training.heartbeat import LINE_INTERVAL_S
from adcraft.training.progress import Event
from adcraft.workload import Prompt

log = logging.getLogger(__name__)

_STEP_METRICS = ("loss", "learning_rate", "gradient_norm")

OnEpoch = Callable[[Mapping[str, float]], None]
"""Is told the metrics of each epoch."""


@dataclass(frozen=True)
class Sample:
    """A product that is written about after each epoch."""

    product: str
    reference: str
    prompt: Prompt


class RunMonitor:
    """Follows one run."""

    def __init__(
        self,
        run_log: RunLog,
        tokenizer: Path,
        samples: Sequence[Sample],
        finish: Callable[[str, Mapping[str, str]], str],
        on_epoch: OnEpoch | None = None,
    ) -> None:
        self._run_log = run_log
        self._codec = TextCodec.load(tokenizer)
        self._samples = samples
        self._finish = finish
        self._on_epoch = on_epoch
        self._begun = self._printed = time.monotonic()
        self._phase = "starting the workers"
        self._start: list[tuple[str, float]] = [(self._phase, time.time() * 1000)]
        self._last_step: Event | None = None
        self._last_epoch: Mapping[str, float] | None = None
        self._metrics = JobMetrics()

    def handle(self, events: Sequence[Event]) -> None:
        """Take events in order; none if there was none for a while. Called from one thread."""
        ended = []
        for event in events:
            if event["kind"] == "epoch":
                self._end_of_epoch(event)
                ended.append(event["metrics"])
            elif event["kind"] == "phase":
                self._phase = event["name"]
                self._start.append((self._phase, event["time_ms"]))
            else:
                if self._last_step is None:
                    self._log_start(event)
                self._last_step, self._phase = event, ""
        self._run_log.steps([event for event in events if event["kind"] == "step"], _STEP_METRICS)
        if time.monotonic() - self._printed >= LINE_INTERVAL_S:
            self._print()
        self._set_gauges()
        self._run_log.flush()
        if self._on_epoch is not None:  # last, since whoever is told may end this process
            for metrics in ended:
                self._on_epoch(metrics)

    def _log_start(self, first_step: Event) -> None:
        """Where the seconds went until there was a first step; ``start/loading_the_model_s`` and others."""
        ends = [ms for _, ms in self._start[1:]] + [first_step["time_ms"]]
        seconds = {
            f"start/{phase.replace(' ', '_')}_s": (end - begun) / 1000
            for (phase, begun), end in zip(self._start, ends, strict=True)
        }
        self._run_log.metrics(seconds, int(first_step["step"]), int(first_step["time_ms"]))

    def _print(self) -> None:
        self._printed = time.monotonic()
        last = self._last_step
        if last is None:
            log.info("%s (%.0f s)", self._phase, self._printed - self._begun)
            return
        log.info(
            "%3.0f%%  epoch %d/%d  step %d  loss %.3f  %.0f tokens/s%s",
            100 * last["progress"],
            last["epoch"],
            last["epochs"],
            last["step"],
            last["loss"],
            last["tokens"] / max(last["seconds"], 1e-9),
            f"  {self._phase}" if self._phase else "",
        )

    def _set_gauges(self) -> None:
        """Where the training is; each time, since Ray forgets a gauge that is not set again."""
        if (step := self._last_step) is not None:
            self._metrics.record(TRAINING_STEP, step["step"])
            if step["loss"]:  # rank 0, whose it is, may have had nothing left of the last step
                self._metrics.record(TRAINING_LOSS, step["loss"], split="train")
            self._metrics.record(TRAINING_SPEED, step["tokens"] / max(step["seconds"], 1e-9))
        if (epoch := self._last_epoch) is not None:
            self._metrics.record(TRAINING_EPOCH, epoch["epoch"])
            self._metrics.record(TRAINING_LOSS, epoch["validation_loss"], split="validation")

    def _end_of_epoch(self, event: Event) -> None:
        metrics = self._last_epoch = event["metrics"]
        new = self._run_log.epoch(metrics, event["time_ms"])
        self._printed = time.monotonic()
        log.info(
            "epoch %d done: training loss %.3f, validation loss %.3f, %.0f s",
            metrics["epoch"],
            metrics["train_loss"],
            metrics["validation_loss"],
            metrics["elapsed_s"],
        )
        if event["stopped"]:
            log.info("stopping: %s", event["stopped"])
        if event["samples"] and new:
            self._show_samples(int(metrics["epoch"]), event["samples"])

    def _show_samples(self, epoch: int, generated: Sequence[Sequence[int]]) -> None:
        texts = [
            self._finish(template, sample.prompt.slots)
            for template, sample in zip(self._codec.decode(generated), self._samples, strict=True)
        ]
        log.info("sample: %s -> %s", self._samples[0].product, texts[0])
        columns: dict[str, Sequence[object]] = {
            "epoch": [epoch] * len(texts),
            "product": [sample.product for sample in self._samples],
            "generated": texts,
            "reference": [sample.reference for sample in self._samples],
        }
        self._run_log.table(columns, "samples.json")
