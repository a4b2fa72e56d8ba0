"""The converted model is the trained one: the same tokens, the same probabilities, the same ids."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ctranslate2
import pytest
import torch
from transformers import PreTrainedTokenizerFast, T5ForConditionalGeneration

from adcraft.errors import TrainingError
from adcraft.inference.codec import TextCodec
from adcraft.inference.engine import CTranslate2Engine, read_vocabulary
from adcraft.training.conversion import convert
from tests.unit.training.conftest import TEXTS, enliven, tiny_t5

SHAPES = [("gated-gelu", True), ("relu", True), ("gated-gelu", False)]
IDS = ["gated-gelu from scratch", "relu as T5", "untied as T5 v1.1"]
TOKENS = 20


@pytest.fixture(params=SHAPES, ids=IDS)
def model(
    request: pytest.FixtureRequest, scratch_tokenizer: PreTrainedTokenizerFast
) -> T5ForConditionalGeneration:
    shape, tied = request.param
    # A few rows more than tokens, as every model has.
    return tiny_t5(-(-len(scratch_tokenizer) // 8) * 8 + 8, shape=shape, tied=tied, seed=3)


@pytest.fixture
def codec(scratch_tokenizer: PreTrainedTokenizerFast) -> TextCodec:
    return TextCodec(scratch_tokenizer.backend_tokenizer)


def greedy(model: T5ForConditionalGeneration, source: list[int], unk: int) -> list[int]:
    untyped: Any = model  # its own signature rejects itself
    output = untyped.generate(
        input_ids=torch.tensor([source]),
        max_new_tokens=TOKENS,
        do_sample=False,
        suppress_tokens=[unk],  # as the engine is told to
    )
    return [token for token in output[0].tolist()[1:] if token not in {0, 1}]


def test_greedy_tokens_are_those_of_transformers(
    model: T5ForConditionalGeneration, codec: TextCodec, tmp_path: Path
) -> None:
    convert(enliven(model), codec.vocabulary, tmp_path / "engine")
    engine = CTranslate2Engine(tmp_path / "engine", codec.vocabulary, compute_type="float32")
    sources = [*codec.encode(TEXTS, 64), *([5, 9, index, 1] for index in range(3, len(codec.vocabulary), 5))]
    decoded = engine.decode(sources, max_tokens=TOKENS, variants=1)
    ours = [[token for token in best.ids if token] for [best] in decoded]
    theirs = [greedy(model, source, codec.unk_id) for source in sources]
    assert ours == theirs
    assert len({tuple(ids) for ids in ours}) > len(sources) // 2
    assert sum(len(set(ids)) for ids in ours) > 3 * len(ours)


def test_log_probabilities_are_those_of_transformers(
    model: T5ForConditionalGeneration, codec: TextCodec, tmp_path: Path
) -> None:
    """Teacher-forced, token by token: what a scaled or shifted output would break."""
    convert(model, codec.vocabulary, tmp_path / "engine")
    translator = ctranslate2.Translator(str(tmp_path / "engine"), compute_type="float32", intra_threads=1)
    sources = codec.encode(TEXTS, 64)
    targets = codec.encode(TEXTS[1:] + TEXTS[:1], 64)
    scores = translator.score_batch(
        [[codec.vocabulary[i] for i in source] for source in sources],
        [[codec.vocabulary[i] for i in target[:-1]] for target in targets],
    )
    for source, target, scored in zip(sources, targets, scores, strict=True):
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([source]), labels=torch.tensor([target])).logits[0]
        expected = logits.log_softmax(dim=-1)[range(len(target)), target]
        assert scored.tokens == [codec.vocabulary[i] for i in target]
        torch.testing.assert_close(torch.tensor(scored.log_probs), expected, atol=1e-4, rtol=0)


def test_variants_are_scored_as_by_transformers(
    model: T5ForConditionalGeneration, codec: TextCodec, tmp_path: Path
) -> None:
    convert(model, codec.vocabulary, tmp_path / "engine")
    engine = CTranslate2Engine(tmp_path / "engine", codec.vocabulary, compute_type="float32")
    [source] = codec.encode(TEXTS[:1], 64)
    for hypothesis in engine.decode([source], max_tokens=8, variants=3)[0]:
        target = torch.tensor([hypothesis.ids])
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([source]), labels=target).logits[0]
        logits[:, codec.unk_id] = logits[0, codec.eos_id] = -torch.inf  # which the engine never writes
        first, *others = logits.log_softmax(dim=-1)[range(target.shape[1]), target[0]].tolist()
        if len(others) == 7:  # else </s> counts too
            assert hypothesis.score == pytest.approx(first + sum(others) / 7, abs=1e-4)


def test_int8_loads_and_is_smaller(codec: TextCodec, tmp_path: Path) -> None:
    model = tiny_t5(-(-len(codec.vocabulary) // 8) * 8, seed=3)
    convert(model, codec.vocabulary, tmp_path / "engine")
    engine = CTranslate2Engine(tmp_path / "engine", codec.vocabulary, compute_type="int8")
    assert engine.compute_type == "int8"
    sources = codec.encode(TEXTS, 64)
    written = engine.decode(sources, max_tokens=TOKENS, variants=1)
    assert [len(hypotheses) for hypotheses in written] == [1] * len(sources)


def test_the_engines_vocabulary_is_the_tokenizers_and_goes_on(codec: TextCodec, tmp_path: Path) -> None:
    """The library's own converter reloads the tokenizer, and shifted every id."""
    tokens = len(codec.vocabulary)
    rows = -(-tokens // 8) * 8 + 8
    convert(tiny_t5(rows), codec.vocabulary, tmp_path / "engine")
    written = read_vocabulary(tmp_path / "engine")
    assert written[:tokens] == codec.vocabulary
    assert len(written) == rows == len(set(written))
    assert all(token.startswith("<row_") for token in written[tokens:])


def test_t5s_own_tokenizer_converts(t5_with_slots: PreTrainedTokenizerFast, tmp_path: Path) -> None:
    codec = TextCodec(t5_with_slots.backend_tokenizer)
    model = tiny_t5(32_128, shape="relu", width=16)
    convert(model, codec.vocabulary, tmp_path / "engine")
    engine = CTranslate2Engine(tmp_path / "engine", codec.vocabulary, compute_type="float32")
    sources = codec.encode(TEXTS, 64)
    decoded = engine.decode(sources, max_tokens=6, variants=1)
    for source, [best] in zip(sources, decoded, strict=True):
        assert best.ids[:6] == [token for token in greedy(model, source, codec.unk_id)[:6] if token]


def test_more_tokens_than_rows(codec: TextCodec, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=f"has {len(codec.vocabulary)} tokens, the model only 64 rows"):
        convert(tiny_t5(64), codec.vocabulary, tmp_path / "engine")
    assert not (tmp_path / "engine").exists()


def test_one_token_under_two_ids(codec: TextCodec, tmp_path: Path) -> None:
    twice = [*codec.vocabulary[:-1], codec.vocabulary[5]]
    with pytest.raises(TrainingError, match="one token under two ids"):
        convert(tiny_t5(240), twice, tmp_path / "engine")
    assert not (tmp_path / "engine").exists()


def test_a_converted_model_is_not_converted_over(codec: TextCodec, tmp_path: Path) -> None:
    (tmp_path / "engine").mkdir()
    with pytest.raises(FileExistsError):
        convert(tiny_t5(240), codec.vocabulary, tmp_path / "engine")
