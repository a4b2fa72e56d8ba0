"""CTranslate2 beside ``transformers.generate`` on a registered model and its test products.

    python -m benchmarks.engine [--set home=...] [--products 500] [--rounds 5]

First whether both write the same: greedy tokens in float32 product by product, each difference with the
gap between the two tokens' log-probabilities where they part, and the share of equal outputs in int8.
Then how fast: batches of 32, all cores on each side, the sides in turn. Last what else could pay, by an
engine of one thread: sorting, places given away as texts end, fewer decoder layers (docs/decisions/0307).
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
from transformers import T5ForConditionalGeneration

from adcraft.data.dataset import PreparedDataset
from adcraft.inference.bundle import Bundle, open_bundle
from adcraft.inference.codec import TextCodec
from adcraft.inference.engine import CTranslate2Engine
from adcraft.registry import Registry
from adcraft.settings import Settings, load_settings
from adcraft.workloads import get_workload
from benchmarks.engine_gains import BATCH, Decode, depth_entries, ended_entry, order_entry
from benchmarks.report import Entry, write_report

_GOAL_SHARE = 499 / 500


@dataclass(frozen=True)
class Difference:
    """Where two greedy outputs part."""

    product: str
    position: int
    transformers: str
    ctranslate2: str
    gap: float


def main() -> None:
    """Compare, print, write ``benchmarks/results/engine.json``."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--products", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    settings = load_settings(arguments.config, arguments.set)
    bundle, names, sources = _products(settings, arguments.products)
    threads = len(os.sched_getaffinity(0))
    torch.set_num_threads(threads)
    codec = TextCodec.load(bundle.tokenizer)
    limit = bundle.manifest.prompt.target_tokens
    model = T5ForConditionalGeneration.from_pretrained(bundle.model).eval()
    engines = {
        kind: CTranslate2Engine(bundle.engine, codec.vocabulary, compute_type=kind, threads=threads)
        for kind in ("float32", "int8")
    }

    def by_transformers(batch: Sequence[list[int]]) -> list[list[int]]:
        return generate(model, batch, codec, limit)

    sides = {
        "transformers": by_transformers,
        **{kind: _decoder(engine, limit) for kind, engine in engines.items()},
    }
    outputs = {name: _all(side, sources) for name, side in sides.items()}
    same = {kind: _same(outputs["transformers"], outputs[kind]) for kind in engines}
    for index, (name, left, right) in enumerate(
        zip(names, outputs["transformers"], outputs["float32"], strict=True)
    ):
        if left != right:
            print(explain(model, codec, name, sources[index], left, right))
    seconds = _race(sides, sources[: 4 * BATCH], arguments.rounds)
    single = CTranslate2Engine(bundle.engine, codec.vocabulary, compute_type="int8")
    entries = [
        *_entries(same, seconds, len(sources), arguments.rounds),
        order_entry(_decoder(single, limit), sources, arguments.rounds),
        ended_entry(outputs["int8"]),
        *depth_entries(arguments.rounds),
    ]
    write_report("engine", entries)


def generate(
    model: T5ForConditionalGeneration, batch: Sequence[list[int]], codec: TextCodec, limit: int
) -> list[list[int]]:
    """Greedy ids by transformers, without start, end and padding; never ``<unk>``, as in the engine."""
    width = max(map(len, batch))
    ids = torch.full((len(batch), width), codec.pad_id)
    mask = torch.zeros((len(batch), width), dtype=torch.int64)
    for row, source in enumerate(batch):
        ids[row, : len(source)] = torch.tensor(source)
        mask[row, : len(source)] = 1
    with torch.inference_mode():
        out = model.generate(  # type: ignore[misc]
            input_ids=ids,
            attention_mask=mask,
            max_new_tokens=limit,
            do_sample=False,
            num_beams=1,
            suppress_tokens=[codec.unk_id],
        )
    ends = {codec.eos_id, codec.pad_id}
    texts = []
    for row in out[:, 1:].tolist():
        stop = next((i for i, token in enumerate(row) if token in ends), len(row))
        texts.append(row[:stop])
    return texts


def explain(
    model: T5ForConditionalGeneration,
    codec: TextCodec,
    product: str,
    source: list[int],
    left: list[int],
    right: list[int],
) -> Difference:
    """Where ``left`` and ``right`` part, and how close the two tokens were there."""
    pairs = zip([*left, codec.eos_id], [*right, codec.eos_id], strict=False)
    position = next(i for i, (a, b) in enumerate(pairs) if a != b)
    with torch.inference_mode():
        logits = model(
            input_ids=torch.tensor([source]),
            decoder_input_ids=torch.tensor([[codec.pad_id, *left[:position]]]),
        ).logits[0, -1]
    probabilities = logits.log_softmax(dim=-1)
    a, b = ([*side, codec.eos_id][position] for side in (left, right))
    return Difference(
        product,
        position,
        codec.vocabulary[a],
        codec.vocabulary[b],
        float(probabilities[a] - probabilities[b]),
    )


def _products(settings: Settings, count: int) -> tuple[Bundle, list[str], list[list[int]]]:
    registry = Registry(settings.tracking.uri, settings.tracking.model)
    version = registry.resolve(settings.evaluate.model or "champion")
    bundle = open_bundle(registry.download(version, Path(settings.home) / "models"))
    reference = bundle.manifest.dataset
    dataset = PreparedDataset.open(settings.data.root, reference.name, reference.version)
    records = list(islice(dataset.rows("test"), count))
    workload, prompt = get_workload(bundle.manifest.workload), bundle.manifest.prompt
    codec = TextCodec.load(bundle.tokenizer)
    texts = [workload.prompt(record, prompt.fields).source for record in records]
    names = [record[workload.product_name] or "" for record in records]
    return bundle, names, codec.encode(texts, prompt.source_tokens)


def _decoder(engine: CTranslate2Engine, limit: int) -> Decode:
    return lambda batch: [h[0].ids for h in engine.decode(batch, max_tokens=limit, variants=1)]


def _all(side: Decode, sources: Sequence[list[int]]) -> list[list[int]]:
    return [out for i in range(0, len(sources), BATCH) for out in side(sources[i : i + BATCH])]


def _same(left: Sequence[list[int]], right: Sequence[list[int]]) -> float:
    return sum(a == b for a, b in zip(left, right, strict=True)) / len(left)


def _race(
    sides: dict[str, Decode],
    sources: Sequence[list[int]],
    rounds: int,
) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            started = time.perf_counter()
            _all(side, sources)
            seconds[name].append((time.perf_counter() - started) / len(sources))
    return seconds


def _entries(
    same: dict[str, float], seconds: dict[str, list[float]], products: int, rounds: int
) -> list[Entry]:
    rates = {name: 1 / statistics.median(values) for name, values in seconds.items()}
    return [
        Entry(
            claim=f"share of {products} test products with identical greedy tokens, float32",
            value=same["float32"],
            goal=_GOAL_SHARE,
            met=same["float32"] >= _GOAL_SHARE,
            rounds=1,
            peers={"transformers": 1.0},
        ),
        Entry(
            claim=f"share of {products} test products with identical greedy tokens, int8 (reported)",
            value=same["int8"],
            goal=None,
            met=None,
            rounds=1,
            peers={"transformers": 1.0},
        ),
        *(
            Entry(
                claim=f"CTranslate2 {kind} over transformers, copies/s, batches of {BATCH} (reported)",
                value=statistics.median(
                    a / b for a, b in zip(seconds["transformers"], seconds[kind], strict=True)
                ),
                goal=None,
                met=None,
                rounds=rounds,
                peers={"copies/s": rates[kind], "transformers copies/s": rates["transformers"]},
            )
            for kind in ("float32", "int8")
        ),
    ]


if __name__ == "__main__":
    main()
