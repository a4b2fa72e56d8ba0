"""A widened T5 writes what the small one writes, by transformers and by the engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from adcraft.errors import BaseModelError
from adcraft.inference.bundle import Bundle, RunReference, open_bundle
from adcraft.inference.codec import TextCodec
from adcraft.inference.engine import CTranslate2Engine
from adcraft.workloads import get_workload
from benchmarks.engine import generate
from benchmarks.serving.widening import Shape, widen
from tests.tiny_model import write_tiny_bundle

if TYPE_CHECKING:
    from transformers import T5ForConditionalGeneration

SHAPE = Shape(d_model=64, d_ff=128, heads=4, d_kv=24, layers=3, vocabulary=256)
NAMES = ("Tea Pot", "Red Kurta", "Running Shoes", "Desk Lamp", "Bag", "Wool Scarf")
LIMIT = 24


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return write_tiny_bundle(tmp_path_factory.mktemp("tiny") / "bundle", RunReference(id="0", name="tiny"))


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # more cost more than they give at this size
    yield
    torch.set_num_threads(threads)


def load(bundle: Bundle) -> T5ForConditionalGeneration:
    from transformers import T5ForConditionalGeneration

    return T5ForConditionalGeneration.from_pretrained(bundle.model).eval()


def sources(bundle: Bundle, codec: TextCodec) -> list[list[int]]:
    workload = get_workload("ad_copy")
    records = [{"product_name": name, "brand": brand} for name in NAMES for brand in ("Nike", None)]
    fields = bundle.manifest.prompt.fields
    return codec.encode([workload.prompt(record, fields).source for record in records], 64)


@pytest.mark.parametrize("kind", ["tied", "own output", "unscaled", "not gated"])
def test_greedy_output_is_the_same(bundle: Bundle, kind: str) -> None:
    import torch

    small = load(bundle)
    codec = TextCodec.load(bundle.tokenizer)
    if kind == "not gated":
        from transformers import T5Config, T5ForConditionalGeneration

        torch.manual_seed(0)
        plain = {**small.config.to_dict(), "feed_forward_proj": "relu", "is_gated_act": False}
        small = T5ForConditionalGeneration(T5Config(**{**plain, "dense_act_fn": "relu"})).eval()
    if kind == "own output":
        small.lm_head.weight = torch.nn.Parameter(small.shared.weight.detach().clone())
        small.config.tie_word_embeddings = False
    if kind in {"own output", "unscaled"}:
        small.config.scale_decoder_outputs = False
        with torch.no_grad():
            small.decoder.final_layer_norm.weight.mul_(small.config.d_model**-0.5)
    given = sources(bundle, codec)
    wide = widen(small, SHAPE)
    assert wide.shared.weight.shape == (256, 64)
    assert len(wide.decoder.block) == 3
    written = generate(small, given, codec, LIMIT)
    assert kind == "not gated" or len({tuple(ids) for ids in written}) > 1
    assert generate(wide, given, codec, LIMIT) == written
    logits = [
        model(input_ids=torch.tensor([given[0]]), decoder_input_ids=torch.tensor([[0, 5, 6]])).logits
        for model in (small, wide)
    ]
    known = small.config.vocab_size
    torch.testing.assert_close(logits[1][..., :known], logits[0], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(logits[1][..., known:], logits[0][..., :1].expand(-1, -1, 256 - known))


@pytest.mark.parametrize("compute_type", ["float32", "int8"])
def test_the_engine_writes_the_same(bundle: Bundle, tmp_path: Path, compute_type: str) -> None:
    from adcraft.training.conversion import convert

    codec = TextCodec.load(bundle.tokenizer)
    convert(widen(load(bundle), SHAPE), codec.vocabulary, tmp_path / "engine")
    given = sources(bundle, codec)
    small, wide = (
        CTranslate2Engine(folder, codec.vocabulary, compute_type=compute_type).decode(
            given, max_tokens=LIMIT, variants=1
        )
        for folder in (open_bundle(bundle.path).engine, tmp_path / "engine")
    )
    assert [h[0].ids for h in wide] == [h[0].ids for h in small]


def test_a_larger_model_is_refused(bundle: Bundle) -> None:
    with pytest.raises(BaseModelError, match=r"larger: d_model 32 over 16\."):
        widen(load(bundle), Shape(16, 64, 2, 16, 1, 256))
