"""What a training worker is told: plain values, so it crosses processes as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from adcraft.training.adapters import Adapters


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
        workers: at most so many; a global batch is of that many, also while there are fewer.
        strategy: ``ddp`` or ``fsdp``, see ``sharding.py``.
        tokens_per_batch: padded source and target tokens of one batch of one worker.
        accumulate: batches per optimizer step of one worker, if all are there.
        learning_rate: peak.
        precision: see :func:`adcraft.training.precision.choose_precision`.
        gradient_checkpointing: recompute activations instead of keeping them.
        compile: the training step, see ``compilation.py``.
        adapters: what is trained beside a frozen base; None where all of it is trained.
        target_tokens: at most so many are generated for the samples.
        start: folder of another run's checkpoint that this one begins from; "": from the base.
        until: the epoch to pause after; 0: none.
    """

    base: str
    pretrained: bool
    rows: int
    epochs: int
    seconds: float
    patience: int
    threads: int
    workers: int
    strategy: str
    tokens_per_batch: int
    accumulate: int
    learning_rate: float
    warmup: float
    weight_decay: float
    label_smoothing: float
    clip_norm: float
    precision: str
    gradient_checkpointing: bool
    compile: bool
    adapters: Adapters | None
    seed: int
    target_tokens: int
    sample_sources: tuple[tuple[int, ...], ...]
    start: str = ""
    until: int = 0

    def as_config(self) -> dict[str, Any]:
        """For ``train_loop_config``."""
        return asdict(self)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """What :meth:`as_config` gave."""
        adapters = config["adapters"]
        return cls(**{**config, "adapters": Adapters(**adapters) if adapters else None})

    def share(self, rank: int, world: int, step: int) -> tuple[int, int]:
        """Batches of one worker in a step, and forward passes of every worker.

        A global batch is ``workers * accumulate`` batches, whether all workers are there or not; what does
        not divide evenly goes round.
        """
        batches = self.workers * self.accumulate
        extra = (rank + step) % world < batches % world
        return batches // world + extra, -(-batches // world)
