"""What is asked: products of a sample feed, about 48 tokens in and 32 out, no two alike.

Those are taken whose copy is published as the model wrote it first, so that all sides write the same, and
each text once. Looking for them is the small model's work, which is quick; the model that is served decides,
since in int8 it writes another text now and then.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

from adcraft.ad_copy.copywriting.brief import ONE_CREATIVE
from adcraft.ad_copy.copywriting.copywriter import tones_of
from adcraft.ad_copy.copywriting.desk import Desk
from adcraft.ad_copy.guardrails.rules import shipped_rules
from adcraft.ad_copy.placements import shipped_placements
from adcraft.ad_copy.sample_feed.products import products
from adcraft.errors import ClusterError
from adcraft.inference.bundle import Bundle
from adcraft.inference.codec import TextCodec
from adcraft.inference.generator import Generation, Generator
from adcraft.workloads import get_workload
from benchmarks.serving.bench_model import TARGET_TOKENS, BenchModel
from serve_app.http.schemas import Product

TOKENS_IN, TOKENS_OUT = 48, 32
_OFF_IN, _OFF_OUT = 3, 2
_SEED = 48_032
_MOST_PRODUCTS, _BATCH = 200_000, 128
_ALWAYS = ("product_name", "brand")
_MORE = ("category", "attributes", "price")


@dataclass(frozen=True)
class Asked:
    """One request, and what the model writes for it."""

    record: dict[str, str]
    text: str
    tokens_in: int
    tokens_out: int

    @property
    def body(self) -> str:
        """What is posted."""
        return json.dumps(self.record, ensure_ascii=False)


@dataclass(frozen=True)
class Survey:
    """The requests, and how they were found.

    Attributes:
        requests: no two alike.
        fitting: products for which the small model writes nearly as many tokens as wanted.
        published: those of them whose first text, by either model, could be published as it was.
    """

    requests: tuple[Asked, ...]
    fitting: int
    published: int

    def __str__(self) -> str:
        tokens_in = statistics.mean(asked.tokens_in for asked in self.requests)
        tokens_out = statistics.mean(asked.tokens_out for asked in self.requests)
        return (
            f"{len(self.requests)} requests of {tokens_in:.1f} tokens in and {tokens_out:.1f} out on "
            f"average; of {self.fitting} products of that size, the first text could be published as it was "
            f"for {self.published / self.fitting:.0%}, and those were taken"
        )


def asked_of(model: BenchModel, count: int, file: Path) -> Survey:
    """At least ``count`` requests; ``file`` keeps them for the next time.

    Raises:
        ClusterError: the model writes too few texts that can be published.
    """
    if file.exists():
        tree = json.loads(file.read_text(encoding="utf-8"))
        found = Survey(tuple(Asked(**each) for each in tree["requests"]), tree["fitting"], tree["published"])
        if len(found.requests) >= count:
            return found
    found = _choose(model, count)
    file.write_text(json.dumps(asdict(found), ensure_ascii=False), encoding="utf-8")
    return found


def sized(record: dict[str, str], tokens_of: dict[tuple[str, ...], int]) -> tuple[dict[str, str], int] | None:
    """The fields of a record that make the prompt nearest to the size wanted, and its tokens; None where none
    is near enough.

    Args:
        record: all fields.
        tokens_of: of the prompt of each choice of fields.
    """
    fields, tokens = min(tokens_of.items(), key=lambda item: abs(item[1] - TOKENS_IN))
    if abs(tokens - TOKENS_IN) > _OFF_IN:
        return None
    return {field: record[field] for field in fields}, tokens


def _choose(model: BenchModel, count: int) -> Survey:
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    small, threads = model.small, len(os.sched_getaffinity(0))
    prompt = small.manifest.prompt.model_copy(update={"target_tokens": TARGET_TOKENS})
    limited = Bundle(small.path, small.manifest.model_copy(update={"prompt": prompt}))
    generator = Generator.load(limited, threads=threads)
    served = Generator.load(model.whole, threads=threads)
    chosen: dict[str, Asked] = {}
    fitting = 0
    candidates = _candidates(small)
    while len(chosen) < count:
        batch = list(islice(candidates, _BATCH))
        if not batch:
            raise ClusterError(
                f"Of {_MOST_PRODUCTS:,} products only {len(chosen)} have a text of about {TOKENS_OUT} tokens "
                f"that can be published as the model at {small.path} wrote it; {count} are needed. Give a "
                "model that has learnt more by --model."
            )
        near, likely = _published(generator, batch)
        fitting += near
        _, sure = _published(served, [(asked.record, asked.tokens_in) for asked in likely])
        chosen |= {asked.body: asked for asked in sure}
        print(f"{len(chosen)} of {count} requests found", file=sys.stderr, flush=True)
    return Survey(tuple(chosen.values()), fitting, len(chosen))


def _published(
    generator: Generator, products: Sequence[tuple[dict[str, str], int]]
) -> tuple[int, list[Asked]]:
    """How many products have a text of nearly the tokens wanted, and those whose text is published as it is.

    Args:
        generator: of the model.
        products: records, and the tokens of their prompts.
    """
    near, published = 0, []
    written = generator.generate([record for record, _ in products]) if products else []
    for (record, tokens), generation in zip(products, written, strict=True):
        if abs(generation.output_tokens - TOKENS_OUT) > _OFF_OUT:
            continue
        near += 1
        if _published_as_written(generator, record, generation):
            published.append(Asked(record, generation.texts[0], tokens, generation.output_tokens))
    return near, published


def _candidates(small: Bundle) -> Iterator[tuple[dict[str, str], int]]:
    """Products, of each the fields that make its prompt nearly as long as wanted, and the prompt's tokens."""
    workload, codec = get_workload(small.manifest.workload), TextCodec.load(small.tokenizer)
    prompt = small.manifest.prompt
    choices = [(*_ALWAYS, *more) for more in _some(_MORE)]
    for product in products(_MOST_PRODUCTS, _SEED):
        row = product._asdict()
        given = {"product_name": product.title} | {name: row[name] for name in ("brand", *_MORE)}
        read = Product.model_validate(given).record()  # as the application reads it: 39.00 is 39
        record = {name: str(read[name]) for name in given if read[name]}
        sources = [
            workload.prompt({field: record[field] for field in fields}, prompt.fields).source
            for fields in choices
        ]
        lengths = map(len, codec.encode(sources, prompt.source_tokens))
        if found := sized(record, dict(zip(choices, lengths, strict=True))):
            yield found


def _some(fields: Sequence[str]) -> list[tuple[str, ...]]:
    """Every choice among ``fields``, in order."""
    if not fields:
        return [()]
    rest = _some(fields[1:])
    return [*rest, *((fields[0], *more) for more in rest)]


def _published_as_written(generator: Generator, record: dict[str, str], generation: Generation) -> bool:
    """Whether the application would publish this, and has the same prompt for it."""
    placement = shipped_placements().named(ONE_CREATIVE.placement)
    desk = Desk(record, ONE_CREATIVE, placement, shipped_rules(), generator, tones_of(generator.prompt))
    [ask] = desk.asks()
    if ask.prompt != get_workload("ad_copy").prompt(record, generator.prompt.fields):
        return False
    ask.asset.add(generation)
    [copy] = desk.ad().assets.values()
    return [(text.text, text.safe) for text in copy.texts] == [(generation.texts[0], False)]
