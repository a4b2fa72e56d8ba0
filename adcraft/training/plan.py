"""What a training worker is told: plain values, so it crosses processes as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class TrainingPlan:
    """One run, resolved.

    Attributes:
        base: folder that ``write_base`` wrote, seen by all workers.
        pretrained: whether ``base`` holds weights.
        rows: examples of one epoch, over all workers.
        epochs: at most so many.
        seconds: at most so long; 0 for no limit.
        threads: torch threads of a worker.
        tokens_per_batch: padded source and target tokens of one batch of one worker.
        accumulate: batches per optimizer step.
        learning_rate: peak.
        target_tokens: at most so many are generated for the samples.
    """

    base: str
    pretrained: bool
    rows: int
    epochs: int
    seconds: float
    patience: int
    threads: int
    tokens_per_batch: int
    accumulate: int
    learning_rate: float
    warmup: float
    weight_decay: float
    label_smoothing: float
    clip_norm: float
    seed: int
    target_tokens: int
    sample_sources: tuple[tuple[int, ...], ...]

    def as_config(self) -> dict[str, Any]:
        """For ``train_loop_config``."""
        return asdict(self)
