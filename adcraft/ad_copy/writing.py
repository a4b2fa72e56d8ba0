"""A model's copy for many products, written by a pool of actors on the connected Ray."""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from adcraft.inference.bundle import Bundle, open_bundle
from adcraft.inference.generator import Generator
from adcraft.settings import EvaluateSettings
from adcraft.training.faults import explained_cause
from adcraft.training.heartbeat import told
from adcraft.training.resources import DATA_CPUS
from adcraft.workload import Record

_MOST_WRITERS = 8


@dataclass
class Written:
    """What came out, a row for each record, in order.

    Attributes:
        copies: the text.
        seconds: the row's share of the engine time of its batch, of one thread.
        likelihoods: log-probability of the reference in nats, and its tokens.
    """

    copies: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    likelihoods: list[tuple[float, int]] = field(default_factory=list)

    def add(self, more: Written) -> None:
        """Put a batch behind those before."""
        self.copies += more.copies
        self.seconds += more.seconds
        self.likelihoods += more.likelihoods


def write_all(bundle: Bundle, records: Sequence[Record], settings: EvaluateSettings, whose: str) -> Written:
    """Generate for each record, and score its reference by the same engine.

    Args:
        bundle: the model's.
        records: of a test split.
        settings: number type and batch size.
        whose: the model's name in the log.

    Raises:
        BundleError: a worker could not load the bundle.
        SettingsError: its hardware does not support ``evaluate.compute_type``.
    """
    import ray
    from ray.exceptions import RayError
    from ray.util import ActorPool

    batches = [
        records[start : start + settings.batch_size] for start in range(0, len(records), settings.batch_size)
    ]
    free = int(ray.available_resources().get("CPU", 0))
    writer = ray.remote(num_cpus=1 if free else DATA_CPUS)(_Writer)
    writers = max(1, min(free, len(batches), _MOST_WRITERS))
    pool = ActorPool([writer.remote(bundle.path, settings.compute_type) for _ in range(writers)])
    written = Written()
    with told(
        f"generating for {len(records)} test products by {whose}", lambda: f"{len(written.copies)} done"
    ):
        try:
            for batch in pool.map(lambda actor, batch: actor.write.remote(batch), batches):
                written.add(batch)
        except RayError as error:
            raise explained_cause(error) or error from None
    return written


class _Writer:
    """One engine of the pool; loaded at its first batch, since what a constructor raises reaches nobody
    but as the death of its process.
    """

    def __init__(self, bundle: Path, compute_type: str) -> None:
        self._bundle = bundle
        self._compute_type = compute_type

    @functools.cached_property
    def _generator(self) -> Generator:
        return Generator.load(open_bundle(self._bundle), compute_type=self._compute_type)

    def write(self, records: Sequence[Record]) -> Written:
        """What the model writes for a batch."""
        generator = self._generator
        asked = [without_target(record) for record in records]
        started = time.perf_counter()
        generations = generator.generate(asked)
        seconds = time.perf_counter() - started
        return Written(
            copies=[generation.texts[0] for generation in generations],
            seconds=[seconds / len(records)] * len(records),
            likelihoods=generator.likelihoods(records),
        )


def without_target(record: Record) -> Record:
    """The record without the field that its reference was taken from: a prompt must not show it."""
    return {name: value for name, value in record.items() if name != record.get("target_field")}
