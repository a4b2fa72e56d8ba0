"""The engine: what it refuses to load, and that its answers are its hypotheses' ids."""

from __future__ import annotations

import json
import re
from pathlib import Path

import ctranslate2
import pytest

from adcraft.errors import BundleError, SettingsError
from adcraft.inference.bundle import Bundle
from adcraft.inference.codec import TextCodec
from adcraft.inference.engine import CTranslate2Engine, check_vocabulary, read_vocabulary

TOKENS = ["<pad>", "</s>", "<unk>", "a", "b"]


@pytest.fixture(scope="module")
def codec(bundle: Bundle) -> TextCodec:
    return TextCodec.load(bundle.tokenizer)


def test_int8_is_chosen_for_a_cpu(bundle: Bundle, codec: TextCodec) -> None:
    supported = ctranslate2.get_supported_compute_types("cpu")
    chosen = CTranslate2Engine(bundle.engine, codec.vocabulary).compute_type
    assert chosen == ("int8" if "int8" in supported else "float32")


@pytest.mark.parametrize("compute_type", sorted(ctranslate2.get_supported_compute_types("cpu")))
def test_every_supported_type_loads_and_writes(bundle: Bundle, codec: TextCodec, compute_type: str) -> None:
    engine = CTranslate2Engine(bundle.engine, codec.vocabulary, compute_type=compute_type)
    source = codec.encode(["write: body | product: <name> Shoes | brand: <brand>"], 64)
    [[best]] = engine.decode(source, max_tokens=32, variants=1)
    assert engine.compute_type == compute_type
    assert codec.decode([best.ids]) == ["Meet <name> by <brand>."]
    assert best.score < 0


@pytest.mark.parametrize("compute_type", ["int4", "", "bfloat17", "FLOAT32"])
def test_a_type_that_the_hardware_does_not_support(
    bundle: Bundle, codec: TextCodec, compute_type: str
) -> None:
    said = f"compute_type '{compute_type}' is not supported by this cpu. Supported: auto, "
    with pytest.raises(SettingsError, match=re.escape(said) + r".*float32.*\.$"):
        CTranslate2Engine(bundle.engine, codec.vocabulary, compute_type=compute_type)


def test_variants_are_best_first_and_one_is_greedy(bundle: Bundle, codec: TextCodec) -> None:
    engine = CTranslate2Engine(bundle.engine, codec.vocabulary, compute_type="float32")
    sources = codec.encode(
        ["write: body | product: <name> Bag", "write: body | product: <name> Tea Pot | brand: <brand>"], 64
    )
    ones = engine.decode(sources, max_tokens=32, variants=1)
    fours = engine.decode(sources, max_tokens=32, variants=4)
    assert [len(hypotheses) for hypotheses in ones] == [1, 1]
    assert [len(hypotheses) for hypotheses in fours] == [4, 4]
    for hypotheses in fours:
        scores = [hypothesis.score for hypothesis in hypotheses]
        assert scores == sorted(scores, reverse=True)
        assert len({tuple(hypothesis.ids) for hypothesis in hypotheses}) == 4
        assert len({tuple(hypothesis.ids[:1]) for hypothesis in hypotheses}) == 4
        assert all(codec.eos_id not in hypothesis.ids for hypothesis in hypotheses)
    assert all(one.ids in [h.ids for h in four] for [one], four in zip(ones, fours, strict=True))


def test_no_more_tokens_than_asked_for(bundle: Bundle, codec: TextCodec) -> None:
    engine = CTranslate2Engine(bundle.engine, codec.vocabulary)
    sources = codec.encode(["write: body | product: <name> Bag", ""], 64)
    for [hypothesis] in engine.decode(sources, max_tokens=3, variants=1):
        assert len(hypothesis.ids) <= 3


def test_nothing_asked_nothing_answered(bundle: Bundle, codec: TextCodec) -> None:
    assert CTranslate2Engine(bundle.engine, codec.vocabulary).decode([], max_tokens=3, variants=1) == []


def test_a_batch_answers_as_its_members_alone_would(bundle: Bundle, codec: TextCodec) -> None:
    engine = CTranslate2Engine(bundle.engine, codec.vocabulary, compute_type="float32")
    names = ["Bag", "Red Kurta with a long hem", "Shoes | brand: <brand>", "Tea"]
    sources = codec.encode([f"write: body | product: <name> {name}" for name in names], 64)
    together = engine.decode(sources, max_tokens=32, variants=1)
    alone = [engine.decode([source], max_tokens=32, variants=1)[0] for source in sources]
    assert [[h.ids for h in side] for side in together] == [[h.ids for h in side] for side in alone]
    together = engine.decode(sources, max_tokens=32, variants=4)
    alone = [engine.decode([source], max_tokens=32, variants=4)[0] for source in sources]
    assert [[h.ids for h in side] for side in together] == [[h.ids for h in side] for side in alone]


def test_scores_are_the_trained_models_own(bundle: Bundle, codec: TextCodec) -> None:
    """Against transformers, teacher-forced, in float32."""
    import torch
    from transformers import T5ForConditionalGeneration

    sources = codec.encode(
        ["write: body | product: <name> Bag", "write: body | product: <name> Red Kurta | brand: <brand>"], 64
    )
    targets = codec.encode(["Meet <name>.", "Meet <brand> by <name>."], 64)
    model = T5ForConditionalGeneration.from_pretrained(bundle.model).eval()
    expected = []
    for source, target in zip(sources, targets, strict=True):
        with torch.no_grad():
            loss = model(input_ids=torch.tensor([source]), labels=torch.tensor([target])).loss
        expected.append(-loss.item() * len(target))
    engine = CTranslate2Engine(bundle.engine, codec.vocabulary, compute_type="float32")
    assert engine.score(sources, targets) == pytest.approx(expected, abs=1e-3)
    assert engine.score(sources[:1], targets[:1]) == pytest.approx(expected[:1], abs=1e-3)
    assert engine.score([], []) == []


def test_a_folder_with_another_tokenizers_model(bundle: Bundle, codec: TextCodec) -> None:
    """A shifted vocabulary gave fluent nonsense without an error; now it gives an error."""
    shifted = [*codec.vocabulary[:5], "<new>", *codec.vocabulary[5:-1]]
    with pytest.raises(BundleError, match=r"^Token 5 is .* the model would write nonsense"):
        CTranslate2Engine(bundle.engine, shifted)


def test_an_engine_may_go_on_past_the_tokenizer() -> None:
    check_vocabulary([*TOKENS, "<row_5>", "<row_6>"], TOKENS, where="here")
    check_vocabulary(TOKENS, TOKENS, where="here")


@pytest.mark.parametrize(
    ("engine", "said"),
    [
        (TOKENS[:-1], "The engine at here has 4 tokens, the tokenizer 5."),
        ([], "The engine at here has 0 tokens, the tokenizer 5."),
        (["<unk>", *TOKENS[:-1]], "Token 0 is '<unk>' in the engine at here and '<pad>' in the tokenizer"),
        ([*TOKENS[:3], "b", "a"], "Token 3 is 'b' in the engine at here and 'a' in the tokenizer"),
        ([*TOKENS, "a"], "The engine at here has 'a' twice"),
        ([*TOKENS, "x", "x"], "The engine at here has 'x' twice"),
    ],
)
def test_vocabularies_that_do_not_agree(engine: list[str], said: str) -> None:
    with pytest.raises(BundleError, match=re.escape(said)):
        check_vocabulary(engine, TOKENS, where="here")


@pytest.mark.parametrize("content", [None, "", "{", '{"a": 1}', '["a", 1]', '"abc"', "null"])
def test_a_vocabulary_file_that_is_none(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "shared_vocabulary.json").write_text(content, encoding="utf-8")
    with pytest.raises(BundleError, match=re.escape(f"The engine's vocabulary {tmp_path}")):
        read_vocabulary(tmp_path)


def test_a_vocabulary_file_is_read_by_id(tmp_path: Path) -> None:
    (tmp_path / "shared_vocabulary.json").write_text(json.dumps(TOKENS), encoding="utf-8")
    assert read_vocabulary(tmp_path) == TOKENS
