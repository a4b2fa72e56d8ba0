"""The base of a run: a T5 from nothing, a local checkpoint, or a sentence that says why not."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
import torch
from transformers import (
    AutoTokenizer,
    BertConfig,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)

from adcraft.ad_copy.slots import SLOT_TOKENS
from adcraft.errors import BaseModelError
from adcraft.inference.codec import TextCodec
from adcraft.settings import ModelSettings, ScratchSettings
from adcraft.training.base_model import load_model, scratch_config, write_base
from tests.unit.training.conftest import TEXTS, tiny_t5

T5_TOKENS = 32_100
SCRATCH = ModelSettings(scratch=ScratchSettings(vocabulary=100, d_model=32, d_ff=64, heads=2, layers=1))


def no_texts():
    raise AssertionError("a pretrained base trains no tokenizer")


def publish(folder: Path, tokenizer: PreTrainedTokenizerFast, model: T5ForConditionalGeneration) -> str:
    """A checkpoint's folder as the hub has it."""
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)
    if model.lm_head.weight is not model.shared.weight:
        file = folder / "config.json"
        config = json.loads(file.read_text(encoding="utf-8")) | {"tie_word_embeddings": False}
        del config["scale_decoder_outputs"]
        file.write_text(json.dumps(config), encoding="utf-8")
    return str(folder)


def test_scratch_writes_tokenizer_and_config_but_no_weights(tmp_path: Path) -> None:
    write_base(SCRATCH, SLOT_TOKENS, lambda: TEXTS, tmp_path / "base")
    names = {file.name for file in (tmp_path / "base").iterdir()}
    assert {"config.json", "tokenizer.json", "tokenizer_config.json"} <= names
    assert not {name for name in names if name.endswith((".safetensors", ".bin"))}
    codec = TextCodec.load(tmp_path / "base" / "tokenizer.json")
    model = load_model(tmp_path / "base", pretrained=False, seed=1)
    assert model.config.vocab_size % 8 == 0
    assert 0 <= model.config.vocab_size - len(codec.vocabulary) < 8
    assert (model.config.pad_token_id, model.config.eos_token_id) == (codec.pad_id, codec.eos_id)
    assert model.config.decoder_start_token_id == codec.pad_id
    assert model.config.is_gated_act
    assert model.lm_head.weight is model.shared.weight


def test_a_model_from_nothing_depends_on_the_seed_alone(tmp_path: Path) -> None:
    write_base(SCRATCH, SLOT_TOKENS, lambda: TEXTS, tmp_path / "base")
    torch.manual_seed(99)
    one, same, other = (load_model(tmp_path / "base", False, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["shared.weight"], other["shared.weight"])


def test_the_shape_is_that_of_the_settings() -> None:
    settings = ScratchSettings(d_model=48, d_ff=80, heads=3, layers=2, dropout=0.2)
    config = scratch_config(settings, 101)
    assert (config.vocab_size, config.d_model, config.d_kv, config.d_ff) == (104, 48, 16, 80)
    assert (config.num_heads, config.num_layers, config.num_decoder_layers) == (3, 2, 2)
    assert config.dropout_rate == 0.2


@pytest.mark.parametrize(
    ("rows", "expected", "tied"),
    [
        (32_128, 32_128, True),  # T5's own: 28 rows to spare
        (T5_TOKENS, 32_128, True),  # none to spare: it grows
        (32_128, 32_128, False),  # T5 v1.1: the output has its own matrix
        (T5_TOKENS, 32_128, False),
    ],
)
def test_a_local_checkpoint_gets_the_slots(
    tmp_path: Path, t5_tokenizer: PreTrainedTokenizerFast, rows: int, expected: int, tied: bool
) -> None:
    published = tiny_t5(rows, tied=tied, width=16)
    base = publish(tmp_path / "published", t5_tokenizer, published)
    write_base(ModelSettings(base=base), SLOT_TOKENS, no_texts, tmp_path / "base")
    model = load_model(tmp_path / "base", pretrained=True, seed=0)
    codec = TextCodec.load(tmp_path / "base" / "tokenizer.json")
    assert codec.vocabulary[T5_TOKENS:] == list(SLOT_TOKENS)
    assert model.config.vocab_size == expected == model.shared.num_embeddings == model.lm_head.out_features
    assert (model.lm_head.weight is model.shared.weight) == tied
    assert model.config.scale_decoder_outputs == tied
    for before, after in ((published.shared, model.shared), (published.lm_head, model.lm_head)):
        old, new = before.weight.detach(), after.weight.detach()
        assert torch.equal(new[:T5_TOKENS], old[:T5_TOKENS])
        mean = old[:T5_TOKENS].mean(dim=0).expand(len(SLOT_TOKENS), -1)
        torch.testing.assert_close(new[T5_TOKENS : len(codec.vocabulary)], mean)
    untouched = published.state_dict()
    for name, value in model.state_dict().items():
        if name not in {"shared.weight", "lm_head.weight"} and "embed_tokens" not in name:
            assert torch.equal(value, untouched[name])


def test_a_written_base_is_a_checkpoint_itself(tmp_path: Path, t5_tokenizer: PreTrainedTokenizerFast) -> None:
    """Training can go on from what training made: the slots are there already, and stay where they are."""
    base = publish(tmp_path / "published", t5_tokenizer, tiny_t5(32_128, width=16))
    write_base(ModelSettings(base=base), SLOT_TOKENS, no_texts, tmp_path / "first")
    first = load_model(tmp_path / "first", pretrained=True, seed=0)
    with torch.no_grad():
        first.shared.weight[T5_TOKENS:].normal_()  # has learnt
    first.save_pretrained(tmp_path / "first")
    write_base(ModelSettings(base=str(tmp_path / "first")), SLOT_TOKENS, no_texts, tmp_path / "second")
    second = load_model(tmp_path / "second", pretrained=True, seed=0)
    assert torch.equal(second.shared.weight, first.shared.weight)
    vocabularies = [
        TextCodec.load(tmp_path / name / "tokenizer.json").vocabulary for name in ("first", "second")
    ]
    assert vocabularies[0] == vocabularies[1]
    assert AutoTokenizer.from_pretrained(tmp_path / "second")(TEXTS).input_ids == TextCodec.load(
        tmp_path / "second" / "tokenizer.json"
    ).encode(TEXTS, 1000)


def refusal(base: str, folder: Path) -> str:
    with pytest.raises(BaseModelError) as refused:
        write_base(ModelSettings(base=base), SLOT_TOKENS, no_texts, folder)
    assert not folder.exists()
    message = str(refused.value)
    assert message.startswith(f"model.base = {base!r} ")
    assert message.endswith(".")
    assert "\n" not in message
    return message


@pytest.mark.parametrize("base", ["./nowhere", "/nowhere/at/all", "~/nowhere-at-all"])
def test_a_folder_that_is_not_there(tmp_path: Path, base: str) -> None:
    said = refusal(base, tmp_path / "base")
    assert "is not a folder. Give a checkpoint's folder, a hub name such as google-t5/t5-small, or" in said


def test_a_hub_that_can_not_be_reached(tmp_path: Path) -> None:
    assert os.environ["HF_HUB_OFFLINE"] == "1"
    started = time.monotonic()
    said = refusal("nobody/no-such-model-here", tmp_path / "base")
    assert time.monotonic() - started < 20
    assert "can't be loaded: " in said
    assert "Check the name and the network, or give a local checkpoint's folder, or 'scratch'" in said


@pytest.mark.parametrize("base", ["a b", "x/y/z", "nobody/" + "x" * 200, "..//", "\n"])
def test_a_name_that_can_not_be_one(tmp_path: Path, base: str) -> None:
    refusal(base, tmp_path / "base")


def test_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "can't be loaded: " in refusal(str(tmp_path / "empty"), tmp_path / "base")


def test_a_model_of_another_kind(tmp_path: Path) -> None:
    BertConfig().save_pretrained(tmp_path / "bert")
    said = refusal(str(tmp_path / "bert"), tmp_path / "base")
    assert said.endswith("is of type 'bert'; a T5 is needed.")


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"model_type": "t5", "d_model": "wide"}', '{"model_type": 5}']
)
def test_a_config_that_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "config.json").write_text(content, encoding="utf-8")
    refusal(str(tmp_path / "odd"), tmp_path / "base")


def test_a_checkpoint_without_a_tokenizer(tmp_path: Path) -> None:
    tiny_t5(64).save_pretrained(tmp_path / "bare")
    assert "has no tokenizer.json" in refusal(str(tmp_path / "bare"), tmp_path / "base")


def test_a_checkpoint_without_weights(tmp_path: Path, scratch_tokenizer: PreTrainedTokenizerFast) -> None:
    scratch_tokenizer.save_pretrained(tmp_path / "bare")
    T5Config().save_pretrained(tmp_path / "bare")
    said = refusal(str(tmp_path / "bare"), tmp_path / "base")
    assert "safetensors" in said


def test_pickled_weights_are_not_loaded(tmp_path: Path, scratch_tokenizer: PreTrainedTokenizerFast) -> None:
    model = tiny_t5(240)
    folder = Path(publish(tmp_path / "pickled", scratch_tokenizer, model))
    (folder / "model.safetensors").unlink()
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    assert "safetensors" in refusal(str(folder), tmp_path / "base")


def test_broken_weights(tmp_path: Path, scratch_tokenizer: PreTrainedTokenizerFast) -> None:
    folder = Path(publish(tmp_path / "broken", scratch_tokenizer, tiny_t5(240)))
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    refusal(str(folder), tmp_path / "base")


def test_a_tokenizer_larger_than_its_model(
    tmp_path: Path, scratch_tokenizer: PreTrainedTokenizerFast
) -> None:
    base = publish(tmp_path / "small", scratch_tokenizer, tiny_t5(64))
    write_base(ModelSettings(base=base), SLOT_TOKENS, no_texts, tmp_path / "base")
    model = load_model(tmp_path / "base", pretrained=True, seed=0)
    assert model.config.vocab_size >= len(scratch_tokenizer)
    assert torch.isfinite(model.shared.weight).all()
