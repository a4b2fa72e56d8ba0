"""A model's copy for the untouched test split, scored beside the baselines."""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow.parquet as pq

from adcraft.ad_copy.baselines import NearestText, echo
from adcraft.ad_copy.naming import Naming, naming
from adcraft.ad_copy.scoring import chrf, rouge_l
from adcraft.data.dataset import PreparedDataset
from adcraft.errors import DatasetError
from adcraft.inference.bundle import Bundle, open_bundle
from adcraft.inference.generator import Generator
from adcraft.settings import EvaluateSettings
from adcraft.training.faults import explained_cause
from adcraft.training.heartbeat import told
from adcraft.training.resources import DATA_CPUS
from adcraft.workload import Record

_NEAREST_ROWS = 100_000
_MOST_WRITERS = 8
_LABELS = {"model": "model", "echo": "echo of the name", "nearest": "nearest training text"}


@dataclass(frozen=True)
class Evaluation:
    """Scores of one test split.

    Attributes:
        rows: test products.
        scores: for ``model`` and the baselines ``echo`` and ``nearest``, ``rouge_l`` (0 to 1) and
            ``chrf`` (0 to 100).
        naming: how the model's copies spell ``brand`` and ``product_name``.
        seconds_per_copy: engine time of one copy in a batch, of one thread.
        samples: product, reference and each side's text, for people to look at.
    """

    rows: int
    scores: dict[str, dict[str, float]]
    naming: dict[str, Naming]
    seconds_per_copy: float
    samples: list[dict[str, str]]


def evaluate(bundle: Bundle, dataset: PreparedDataset, settings: EvaluateSettings) -> Evaluation:
    """Generate for the test split on the connected Ray, and score.

    Raises:
        DatasetError: the test split, or the one to copy the nearest text from, is empty.
        BundleError, SettingsError: see ``generate_all``.
    """
    for split in ("test", "train"):
        if not dataset.manifest.splits[split].rows:
            raise DatasetError(
                f"The {split} split of {dataset.name}/{dataset.version} is empty; prepare more products."
            )
    records = list(islice(dataset.rows("test"), settings.rows or None))
    references = [record["target"] or "" for record in records]
    generated, seconds = generate_all(bundle, records, settings)
    with told("finding the nearest training texts"):
        nearest = NearestText(_evenly(dataset, "train", _NEAREST_ROWS), bundle.manifest.prompt.fields)
        texts = {"model": generated, "echo": echo(records), "nearest": nearest.texts(records)}
    with told("scoring"):
        scores = {
            name: {"rouge_l": round(rouge_l(side, references), 4), "chrf": round(chrf(side, references), 2)}
            for name, side in texts.items()
        }
    samples = [
        {
            "product": record["product_name"] or "",
            "reference": references[index],
            **{name: side[index] for name, side in texts.items()},
        }
        for index, record in enumerate(records[:50])
    ]
    return Evaluation(len(records), scores, naming(generated, records), seconds / len(records), samples)


def generate_all(
    bundle: Bundle, records: Sequence[Record], settings: EvaluateSettings
) -> tuple[list[str], float]:
    """The model's text for each record, in order, by an actor pool; and engine seconds in total.

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
    texts: list[str] = []
    seconds = 0.0
    with told(f"generating for {len(records)} test products", lambda: f"{len(texts)} done"):
        try:
            for written, taken in pool.map(lambda actor, batch: actor.write.remote(batch), batches):
                texts += written
                seconds += taken
        except RayError as error:
            raise explained_cause(error) or error from None
    return texts, seconds


def table(evaluation: Evaluation) -> str:
    """The scores as an aligned table, and how the copies spell names."""
    lines = [f"{'':24}{'ROUGE-L':>9}{'chrF':>9}"]
    for name, score in evaluation.scores.items():
        lines.append(f"{_LABELS[name]:24}{score['rouge_l']:9.3f}{score['chrf']:9.1f}")
    for field, found in evaluation.naming.items():
        words = field.replace("_", " ")
        lines.append(
            f"{words}: in {found.named} of {evaluation.rows} copies, spelled exactly in {found.exact}"
        )
    return "\n".join(lines)


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

    def write(self, records: Sequence[Record]) -> tuple[list[str], float]:
        """The text for each record, and the engine's seconds."""
        generator = self._generator
        started = time.perf_counter()
        generations = generator.generate(records)
        return [generation.texts[0] for generation in generations], time.perf_counter() - started


def _evenly(dataset: PreparedDataset, split: str, limit: int) -> list[dict[str, str | None]]:
    total = sum(pq.read_metadata(file).num_rows for file in dataset.split_files(split))
    return list(islice(dataset.rows(split), 0, None, max(1, total // limit)))
