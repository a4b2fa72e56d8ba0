"""From a base and a checkpoint to a bundle that answers as the trained model does."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer, PreTrainedTokenizerFast, T5ForConditionalGeneration

from adcraft.ad_copy.slots import SLOT_TOKENS
from adcraft.inference.bundle import DatasetReference, PromptSettings, RunReference, open_bundle
from adcraft.inference.codec import TextCodec
from adcraft.inference.engine import CTranslate2Engine
from adcraft.inference.generator import Generator
from adcraft.inference.lexicon import LEXICON, Lexicon
from adcraft.inference.specimens import KEPT, SPECIMENS, agreement, read_specimens
from adcraft.inference.vocabulary_map import VOCABULARY_MAP, read_vocabulary_map
from adcraft.settings import ModelSettings, ScratchSettings
from adcraft.training.base_model import load_model, write_base
from adcraft.training.bundling import build_bundle, try_engine
from adcraft.training.checkpoint import save
from adcraft.training.conversion import convert
from adcraft.training.optimizer import ScaledAdamW
from adcraft.training.run_state import RunState
from tests.unit.training.conftest import TEXTS, enliven, tiny_t5

SHAPE = ScratchSettings(vocabulary=100, d_model=32, d_ff=64, heads=2, layers=1)


@pytest.mark.parametrize("kind", ["scratch", "as T5", "as T5 v1.1"])
def test_a_bundle_answers_as_the_trained_model(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    base = "scratch"
    if kind != "scratch":
        t5: PreTrainedTokenizerFast = request.getfixturevalue("t5_tokenizer")
        base = str(tmp_path / "published")
        t5.save_pretrained(base)
        tiny_t5(32_128, tied=kind == "as T5", width=16).save_pretrained(base)
    settings = ModelSettings(base=base, scratch=SHAPE)
    write_base(settings, SLOT_TOKENS, lambda: TEXTS, tmp_path / "base")
    trained = enliven(load_model(tmp_path / "base", pretrained=base != "scratch", seed=1))
    (tmp_path / "checkpoint").mkdir()
    save(tmp_path / "checkpoint", trained, ScaledAdamW(trained, weight_decay=0.0).adamw, RunState())
    lexicon = Lexicon(known=frozenset({"kurta"}), drawn={"body": frozenset({"red"})})
    lexicon.write(tmp_path / "base" / LEXICON)
    codec = TextCodec.load(tmp_path / "base" / "tokenizer.json")
    build_bundle(
        tmp_path / "bundle",
        base=tmp_path / "base",
        pretrained=base != "scratch",
        checkpoint=tmp_path / "checkpoint",
        workload="ad_copy",
        base_name=base,
        dataset=DatasetReference(name="products", version="0"),
        run=RunReference(id="0", name="tests"),
        prompt=PromptSettings(fields=("product_name",), source_tokens=32, target_tokens=8),
        metrics={"validation/loss": float("inf")},
        settings={"model": settings.model_dump()},
        target_ids=range(len(codec.vocabulary)),
        sources=codec.encode(TEXTS, 32),
    )

    bundle = open_bundle(tmp_path / "bundle")
    assert AutoTokenizer.from_pretrained(bundle.model)(TEXTS).input_ids == codec.encode(TEXTS, 1000)
    kept = T5ForConditionalGeneration.from_pretrained(bundle.model).eval()
    assert all(
        torch.equal(left, right)
        for left, right in zip(trained.state_dict().values(), kept.state_dict().values(), strict=True)
    )
    engine = CTranslate2Engine(bundle.engine, codec.vocabulary, compute_type="float32")
    for source in codec.encode(TEXTS, 32):
        [[only]] = engine.decode([source], max_tokens=4, variants=1)
        several = engine.decode([source], max_tokens=4, variants=2)[0]
        assert several[0].score >= several[1].score
        for hypothesis in (only, *several):
            target = torch.tensor([hypothesis.ids])
            with torch.no_grad():
                logits = kept(input_ids=torch.tensor([source]), labels=target).logits[0]
            logits[:, codec.unk_id] = logits[0, codec.eos_id] = -torch.inf  # which the engine never writes
            logits[:, len(codec.vocabulary) :] = -torch.inf  # rows of no token, which its map leaves out
            first, *others = logits.log_softmax(dim=-1)[range(target.shape[1]), target[0]].tolist()
            if len(others) == 3:  # else </s> counts too
                mean = (first + sum(others)) / 4 if hypothesis is only else first + sum(others) / 3
                assert hypothesis.score == pytest.approx(mean, abs=2e-3)
    specimens = read_specimens(bundle.specimens)
    assert [list(source) for source in specimens.sources] == codec.encode(TEXTS, 32)
    assert agreement(engine, specimens, 8) == 1
    assert set(read_vocabulary_map(bundle.engine / VOCABULARY_MAP).always) == set(codec.vocabulary)
    generator = Generator.load(bundle)
    assert generator.lexicon == lexicon
    [generation] = generator.generate([{"product_name": "Red Kurta"}])
    assert generation.input_tokens > 1


@pytest.mark.parametrize("kept", ["all that it writes", "all but one"])
def test_the_vocabulary_is_cut_only_where_nothing_else_is_written(
    tmp_path: Path, scratch_tokenizer: PreTrainedTokenizerFast, kept: str
) -> None:
    codec = TextCodec(scratch_tokenizer.backend_tokenizer)
    convert(enliven(tiny_t5(len(codec.vocabulary), seed=3)), codec.vocabulary, tmp_path / "engine")
    sources = [[5, 9, index, 1] for index in range(3, 23)]
    engine = CTranslate2Engine(tmp_path / "engine", codec.vocabulary, compute_type="float32")
    written = [best.ids for [best] in engine.decode(sources, max_tokens=8, variants=1)]
    read = {token for source in sources for token in source}
    slots = codec.encode([" ".join(SLOT_TOKENS)], 99)[0]
    target_ids = {token for ids in written for token in ids}
    own = next(token for ids in written for token in ids if token not in {0, 1, 2, *read, *slots})
    if kept == "all but one":
        target_ids.remove(own)
    try_engine(
        tmp_path,
        codec,
        slot_tokens=SLOT_TOKENS,
        target_ids=target_ids,
        sources=sources,
        max_tokens=8,
    )
    specimens = read_specimens(tmp_path / SPECIMENS)
    assert [list(specimen.written) for specimen in specimens.specimens] == written[:KEPT]
    assert [list(source) for source in specimens.sources] == sources[:KEPT]
    assert (tmp_path / "engine" / VOCABULARY_MAP).exists() == (kept == "all that it writes")
    if kept == "all that it writes":
        always = set(read_vocabulary_map(tmp_path / "engine" / VOCABULARY_MAP).always)
        assert always == {codec.vocabulary[token] for token in {1, *target_ids}} | set(SLOT_TOKENS)
        assert len(always) < len(codec.vocabulary)
