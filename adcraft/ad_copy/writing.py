"""A model's copy and ads for many products, written by a pool of actors on the connected Ray."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adcraft.ad_copy.copywriting.ad import Ad
from adcraft.ad_copy.copywriting.brief import Brief
from adcraft.ad_copy.copywriting.copywriter import Copywriter
from adcraft.ad_copy.guardrails.rules import shipped_rules
from adcraft.ad_copy.placements import shipped_placements
from adcraft.errors import AdcraftError, ClusterError
from adcraft.inference.bundle import Bundle, open_bundle
from adcraft.inference.generator import Generator
from adcraft.settings import EvaluateSettings
from adcraft.training.faults import explained_cause
from adcraft.training.heartbeat import told
from adcraft.training.resources import DATA_CPUS
from adcraft.workload import Record, without_target

if TYPE_CHECKING:
    from ray.exceptions import RayError

_MOST_WRITERS = 8
_RESTARTS = 3  # of a writer whose process or node was lost


@dataclass(frozen=True)
class Crew:
    """The engines that write at the same time, alike for all models of an evaluation: more of them on the
    same cores would make each slower, and their seconds are compared.

    Attributes:
        writers: how many.
        cpus: logical ones that each takes.
    """

    writers: int
    cpus: float

    @classmethod
    def for_rows(cls, rows: int, settings: EvaluateSettings) -> Crew:
        """As many as the connected Ray has room for now, and as there are batches."""
        import ray

        free = int(ray.available_resources().get("CPU", 0))
        batches = -(-rows // settings.batch_size)
        return cls(max(1, min(free, batches, _MOST_WRITERS)), 1 if free else DATA_CPUS)


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


def write_all(
    bundle: Bundle, records: Sequence[Record], settings: EvaluateSettings, crew: Crew, whose: str
) -> Written:
    """Generate for each record, and score its reference by the same engine. The writers are gone at the end.

    Args:
        bundle: the model's.
        records: of a test split.
        settings: number type and batch size.
        crew: how many writers.
        whose: the model's name in the log.

    Raises:
        BundleError: a worker could not load the bundle.
        SettingsError: its hardware does not support ``evaluate.compute_type``.
        ClusterError: workers were lost again and again.
    """
    written = Written()
    with told(f"generating for {len(records)} test rows by {whose}", lambda: f"{len(written.copies)} done"):
        for batch in _by_crew("write", records, bundle, settings, crew, whose):
            written.add(batch)
    return written


def write_ads(
    bundle: Bundle,
    jobs: Sequence[tuple[Record, Brief]],
    settings: EvaluateSettings,
    crew: Crew,
    whose: str,
) -> list[Ad]:
    """An ad for each product and its brief, in order; otherwise as ``write_all``.

    Raises:
        BriefError: a brief can't be met.
        BundleError, SettingsError, ClusterError: see ``write_all``.
    """
    ads: list[Ad] = []
    with told(f"writing {len(jobs)} ads by {whose}", lambda: f"{len(ads)} done"):
        for batch in _by_crew("advertise", jobs, bundle, settings, crew, whose):
            for ad in batch:
                if isinstance(ad, AdcraftError):
                    raise ad
                ads.append(ad)
    return ads


def _by_crew(
    method: str,
    items: Sequence[Any],
    bundle: Bundle,
    settings: EvaluateSettings,
    crew: Crew,
    whose: str,
) -> Iterator[Any]:
    """What a method of the writers gives for each batch, in order."""
    import ray
    from ray.exceptions import RayError, RayTaskError
    from ray.util import ActorPool

    size = settings.batch_size
    batches = [items[start : start + size] for start in range(0, len(items), size)]
    writer = ray.remote(num_cpus=crew.cpus, max_restarts=_RESTARTS, max_task_retries=_RESTARTS)(_Writer)
    writers: list[Any] = [writer.remote(bundle.path, settings.compute_type) for _ in range(crew.writers)]
    try:
        yield from ActorPool(writers).map(lambda actor, batch: getattr(actor, method).remote(batch), batches)
    except RayTaskError as error:
        raise explained_cause(error) or error from None
    except RayError as error:
        raise explained_cause(error) or _lost(error, whose) from None
    finally:
        for actor in writers:
            ray.kill(actor)  # else its CPU comes back whenever the garbage is collected


def _lost(error: RayError, whose: str) -> ClusterError:
    reason = next(iter(str(error).splitlines()), "").rstrip(". ") or type(error).__name__
    return ClusterError(
        f"A worker that wrote for {whose} was lost, after {_RESTARTS} restarts or for good: {reason}. Look "
        "at the memory and the nodes of the cluster, and run it again."
    )


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

    @functools.cached_property
    def _copywriter(self) -> Copywriter:
        return Copywriter(self._generator, shipped_placements(), shipped_rules())

    def advertise(self, jobs: Sequence[tuple[Record, Brief]]) -> list[Ad | AdcraftError]:
        """What the model's copywriter makes of a batch."""
        return self._copywriter.write(jobs)

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
