"""What the driver does with progress: a line for people, metrics and samples for MLflow."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from adcraft.inference.codec import TextCodec
from adcraft.tracking.run_log import RunLog
from adcraft.training.progress import Event
from adcraft.workload import Prompt

log = logging.getLogger(__name__)

_LINE_INTERVAL_S = 5.0
_STEP_METRICS = ("loss", "learning_rate", "gradient_norm")


@dataclass(frozen=True)
class Sample:
    """A product that is written about after each epoch."""

    product: str
    reference: str
    prompt: Prompt


class RunMonitor:
    """Follows one run.

    Attributes:
        history: metrics of each epoch seen here.
        step_losses: (epoch as a fraction, loss) of each step seen here.
    """

    def __init__(
        self,
        run_log: RunLog,
        tokenizer: Path,
        samples: Sequence[Sample],
        finish: Callable[[str, Mapping[str, str]], str],
    ) -> None:
        self.history: list[dict[str, float]] = []
        self.step_losses: list[tuple[float, float]] = []
        self._run_log = run_log
        self._codec = TextCodec.load(tokenizer)
        self._samples = samples
        self._finish = finish
        self._printed = 0.0

    def handle(self, events: Sequence[Event]) -> None:
        """Take events in order. Called from one thread."""
        steps = [event for event in events if event["kind"] == "step"]
        self._run_log.steps(steps, _STEP_METRICS)
        self.step_losses += [(event["progress"] * event["epochs"], event["loss"]) for event in steps]
        if steps and time.monotonic() - self._printed >= _LINE_INTERVAL_S:
            self._printed = time.monotonic()
            last = steps[-1]
            log.info(
                "%3.0f%%  epoch %d/%d  step %d  loss %.3f  %.0f tokens/s",
                100 * last["progress"],
                last["epoch"],
                last["epochs"],
                last["step"],
                last["loss"],
                last["tokens"] / max(last["seconds"], 1e-9),
            )
        for event in events:
            if event["kind"] == "epoch":
                self._end_of_epoch(event)
        self._run_log.flush()

    def _end_of_epoch(self, event: Event) -> None:
        metrics = event["metrics"]
        self.history.append(metrics)
        self._run_log.metrics(metrics, event["step"], event["time_ms"])
        log.info(
            "epoch %d done: training loss %.3f, validation loss %.3f, %.0f s",
            metrics["epoch"],
            metrics["train_loss"],
            metrics["validation_loss"],
            metrics["elapsed_s"],
        )
        if event["stopped"]:
            log.info("stopping: %s", event["stopped"])
        if event["samples"]:
            templates = self._codec.decode(event["samples"])
            texts = [
                self._finish(template, sample.prompt.slots)
                for template, sample in zip(templates, self._samples, strict=True)
            ]
            log.info("sample: %s -> %s", self._samples[0].product, texts[0])
            self._run_log.table(
                {
                    "epoch": [int(metrics["epoch"])] * len(texts),
                    "product": [sample.product for sample in self._samples],
                    "generated": texts,
                    "reference": [sample.reference for sample in self._samples],
                },
                "samples.json",
            )
