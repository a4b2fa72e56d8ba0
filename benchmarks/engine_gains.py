"""What else could make an engine faster: fewer decoder layers, prompts of like length in a batch, places in a
batch that are given away as texts end.

Seconds are those of the processor: an engine of one thread has one, whoever else uses the machine.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.report import Entry

BATCH = 32
_DEPTHS = (6, 3, 2, 1)
_PIECES, _CUT, _SOURCE, _TARGET = 32_128, 4_000, 48, 32

Decode = Callable[[Sequence[list[int]]], list[list[int]]]


def depth_entries(rounds: int) -> list[Entry]:
    """How much faster an engine is with fewer of t5-small's six decoder layers: random weights, int8, batches
    of 32, 48 tokens in and 32 out, with all 32,128 pieces and with 4,000 of them to choose from.
    """
    import ctranslate2

    vocabulary = ["<pad>", "</s>", "<unk>", *(f"piece{index}" for index in range(3, _PIECES))]
    draw = random.Random(0)
    batch = [[*draw.choices(vocabulary[3:_CUT], k=_SOURCE - 1), "</s>"] for _ in range(BATCH)]
    seconds: dict[tuple[bool, int], list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="adcraft-depth-") as folder:
        engines = {}
        for depth in _DEPTHS:
            engine = Path(folder) / str(depth)
            _write_engine(depth, vocabulary, engine)
            engines[depth] = ctranslate2.Translator(
                str(engine), device="cpu", compute_type="int8", inter_threads=1, intra_threads=1
            )
        for number in range(rounds + 1):
            for cut in (False, True):
                for depth, translator in engines.items():
                    started = time.process_time()
                    translator.translate_batch(
                        batch,
                        max_batch_size=0,
                        beam_size=1,
                        min_decoding_length=_TARGET,
                        max_decoding_length=_TARGET,
                        use_vmap=cut,
                    )
                    if number:  # the first is a warm-up
                        seconds.setdefault((cut, depth), []).append(time.process_time() - started)
    return [
        Entry(
            claim=f"{depth} of {_DEPTHS[0]} decoder layers over all, t5-small's shape, "
            f"{_CUT if cut else _PIECES:,} pieces, texts/CPU s (reported)",
            value=_gain(seconds[cut, _DEPTHS[0]], seconds[cut, depth]),
            goal=None,
            met=None,
            rounds=rounds,
            peers={
                f"{layers} layers, texts/CPU s": BATCH / statistics.median(seconds[cut, layers])
                for layers in (depth, _DEPTHS[0])
            },
        )
        for cut in (False, True)
        for depth in _DEPTHS[1:]
    ]


def order_entry(decode: Decode, sources: Sequence[list[int]], rounds: int) -> Entry:
    """How much faster ``decode`` is where all prompts were sorted by length before they were cut into
    batches.

    Args:
        decode: of one thread.
        sources: prompts in the order that they came in.
        rounds: of both sides.
    """
    seconds: dict[str, list[float]] = {"as they came": [], "sorted": []}
    orders = {"as they came": list(sources), "sorted": sorted(sources, key=len)}
    for _ in range(rounds):
        for name, prompts in orders.items():
            started = time.process_time()
            for start in range(0, len(prompts), BATCH):
                decode(prompts[start : start + BATCH])
            seconds[name].append(time.process_time() - started)
    return Entry(
        claim=f"{len(sources)} prompts sorted by length over as they came, int8, copies/CPU s (reported)",
        value=_gain(seconds["as they came"], seconds["sorted"]),
        goal=None,
        met=None,
        rounds=rounds,
        peers={name: len(sources) / statistics.median(values) for name, values in seconds.items()},
    )


def ended_entry(written: Sequence[Sequence[int]]) -> Entry:
    """Which share of a batch's places is idle, on average over its steps, since their texts have ended."""
    return Entry(
        claim=f"share of places in batches of {BATCH} whose text has ended (reported)",
        value=idle_share([len(text) + 1 for text in written]),
        goal=None,
        met=None,
        rounds=1,
    )


def idle_share(lengths: Sequence[int]) -> float:
    """Of texts of these lengths, in batches in this order."""
    batches = [lengths[start : start + BATCH] for start in range(0, len(lengths), BATCH)]
    return 1 - sum(lengths) / sum(max(batch) * len(batch) for batch in batches)


def _gain(before: Sequence[float], after: Sequence[float]) -> float:
    return statistics.median(a / b for a, b in zip(before, after, strict=True))


def _write_engine(depth: int, vocabulary: Sequence[str], folder: Path) -> None:
    import torch
    from transformers import T5Config, T5ForConditionalGeneration

    from adcraft.inference.vocabulary_map import VOCABULARY_MAP, VocabularyMap
    from adcraft.training.conversion import convert

    torch.manual_seed(0)
    config = T5Config(
        vocab_size=len(vocabulary), d_model=512, d_kv=64, d_ff=2048, num_heads=8, num_layers=_DEPTHS[0]
    )
    config.num_decoder_layers = depth
    config.decoder_start_token_id = 0
    convert(T5ForConditionalGeneration(config).eval(), vocabulary, folder)
    VocabularyMap(always=tuple(vocabulary[:_CUT])).write(folder / VOCABULARY_MAP)
