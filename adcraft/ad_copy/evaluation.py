"""A model's copy for the untouched test split, scored beside the baselines."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from adcraft.ad_copy.baselines import NearestText, echo
from adcraft.ad_copy.scoring import chrf, rouge_l
from adcraft.data.dataset import PreparedDataset
from adcraft.errors import DatasetError
from adcraft.inference.bundle import Bundle, open_bundle
from adcraft.inference.generator import Generator
from adcraft.settings import EvaluateSettings
from adcraft.training.resources import DATA_CPUS
from adcraft.workload import Record

log = logging.getLogger(__name__)

_NEAREST_ROWS = 100_000
_LABELS = {"model": "model", "echo": "echo of the name", "nearest": "nearest training text"}


@dataclass(frozen=True)
class Evaluation:
    """Scores of one test split.

    Attributes:
        rows: test products.
        scores: for ``model`` and the baselines ``echo`` and ``nearest``, ``rouge_l`` (0 to 1) and
            ``chrf`` (0 to 100).
        seconds_per_copy: engine time of one copy in a batch, of one thread.
        samples: product, reference and each side's text, for people to look at.
    """

    rows: int
    scores: dict[str, dict[str, float]]
    seconds_per_copy: float
    samples: list[dict[str, str]]


def evaluate(bundle: Bundle, dataset: PreparedDataset, settings: EvaluateSettings) -> Evaluation:
    """Generate for the test split on the connected Ray, and score.

    Raises:
        DatasetError: the test split is empty.
    """
    records = list(islice(dataset.rows("test"), settings.rows or None))
    if not records:
        raise DatasetError(
            f"The test split of {dataset.name}/{dataset.version} is empty; prepare more products."
        )
    references = [record["target"] or "" for record in records]
    log.info("generating for %d test products", len(records))
    generated, seconds = generate_all(bundle, records, settings)
    log.info("finding the nearest training texts")
    fields = bundle.manifest.prompt.fields
    nearest = NearestText(_evenly(dataset, "train", _NEAREST_ROWS), fields)
    texts = {"model": generated, "echo": echo(records), "nearest": nearest.texts(records)}
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
    return Evaluation(len(records), scores, seconds / len(records), samples)


def generate_all(
    bundle: Bundle, records: Sequence[Record], settings: EvaluateSettings
) -> tuple[list[str], float]:
    """The model's text for each record, in order, by an actor pool; and engine seconds in total."""
    import ray.data

    rows = pa.Table.from_pylist([dict(record) for record in records])
    rows = rows.append_column("row", pa.array(range(len(records)), pa.int64()))
    cpus = int(ray.cluster_resources().get("CPU", 1))
    outputs = (
        ray.data.from_arrow(rows)
        .repartition(max(cpus, -(-len(records) // 256)))
        .map_batches(
            _Writer,
            fn_constructor_args=(str(bundle.path), settings.compute_type),
            batch_size=settings.batch_size,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(size=max(1, min(cpus - 1, 8))),
            num_cpus=1 if cpus > 1 else DATA_CPUS,
        )
        .take_all()
    )
    texts = [""] * len(records)
    for output in outputs:
        texts[output["row"]] = output["text"]
    return texts, float(sum(output["seconds"] for output in outputs))


def table(evaluation: Evaluation) -> str:
    """The scores as an aligned table."""
    lines = [f"{'':24}{'ROUGE-L':>9}{'chrF':>9}"]
    for name, score in evaluation.scores.items():
        lines.append(f"{_LABELS[name]:24}{score['rouge_l']:9.3f}{score['chrf']:9.1f}")
    return "\n".join(lines)


class _Writer:
    """One engine of the pool."""

    def __init__(self, bundle: str, compute_type: str) -> None:
        self._generator = Generator.load(open_bundle(Path(bundle)), compute_type=compute_type)

    def __call__(self, batch: pa.Table) -> dict[str, Any]:
        import time

        records: list[Mapping[str, str | None]] = batch.drop_columns(["row"]).to_pylist()
        started = time.perf_counter()
        generations = self._generator.generate(records)
        seconds = time.perf_counter() - started
        return {
            "row": batch["row"].to_numpy(),
            "text": [generation.texts[0] for generation in generations],
            "seconds": [seconds / len(records)] * len(records),
        }


def _evenly(dataset: PreparedDataset, split: str, limit: int) -> list[dict[str, str | None]]:
    total = sum(pq.read_metadata(file).num_rows for file in dataset.split_files(split))
    return list(islice(dataset.rows(split), 0, None, max(1, total // limit)))
