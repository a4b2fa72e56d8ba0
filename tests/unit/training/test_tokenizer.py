"""Both tokenizers, our own and T5's with slots: nothing lost, no id shifted."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer, PreTrainedTokenizerFast, T5Tokenizer

from adcraft.ad_copy.slots import SLOT_TOKENS
from adcraft.errors import TrainingError
from adcraft.inference.codec import TextCodec
from adcraft.training.tokenizer import train_tokenizer
from tests.unit.training.conftest import T5_TOKENIZER, TEXTS

KEPT = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
KINDS = ["scratch_tokenizer", "t5_with_slots"]
LETTERS = "".join(sorted(set(re.sub("<.*?>", "", "".join(TEXTS))) - {" "}))
ASCII = "".join(chr(code) for code in range(33, 127))
PLAIN_WORDS = st.text(ASCII, min_size=1, max_size=8)
UNICODE_WORDS = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Cf", "Co", "Cn", "Z")), min_size=1, max_size=6
)


def texts(letters: str) -> st.SearchStrategy[str]:
    """Single-spaced text, with slots between and inside words."""
    words = st.lists(
        st.one_of(st.text(letters, min_size=1, max_size=6), st.sampled_from(SLOT_TOKENS)),
        min_size=1,
        max_size=3,
    ).map("".join)
    return st.lists(words, max_size=10).map(" ".join)


@pytest.fixture(params=KINDS)
def tokenizer(request: pytest.FixtureRequest) -> PreTrainedTokenizerFast:
    return request.getfixturevalue(request.param)


@pytest.fixture
def codec(tokenizer: PreTrainedTokenizerFast) -> TextCodec:
    return TextCodec(tokenizer.backend_tokenizer)


@KEPT
@given(text=texts(LETTERS))
@example(text="<name> is <brand>'s best, <n1>ml for <price>!")
@example(text="p<n1> x<n2><n3> (<brand>)")
def test_our_own_tokenizer_loses_nothing(scratch_tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    codec = TextCodec(scratch_tokenizer.backend_tokenizer)
    [ids] = codec.encode([text], 1000)
    assert codec.decode([ids]) == [text]
    assert codec.unk_id not in ids


# What T5's pieces lack, and so its models can't write.
T5_LETTERS = "".join(character for character in ASCII if character not in "<>\\^`{}~") + "éüß€£–’“”"


@KEPT
@given(text=texts(T5_LETTERS))
@example(text="<name> is <brand>'s best, <n1>ml for <price>!")
@example(text="<brand> <name>. <n1>x<n2>")
def test_t5s_tokenizer_with_slots_loses_nothing(t5_with_slots: PreTrainedTokenizerFast, text: str) -> None:
    codec = TextCodec(t5_with_slots.backend_tokenizer)
    assert codec.decode(codec.encode([text], 1000)) == [text]


@KEPT
@given(text=st.lists(st.one_of(PLAIN_WORDS, UNICODE_WORDS), max_size=8).map(" ".join))
@example(text="")
@example(text="0 \u00b8 x\u00a8")
@example(text="Café crème ☕ 3½ \uff26\uff55\uff4c\uff4c <brand")
def test_plain_text_keeps_t5s_ids(
    t5_tokenizer: PreTrainedTokenizerFast, t5_with_slots: PreTrainedTokenizerFast, text: str
) -> None:
    text = " ".join(text.split())
    assume(not re.search("<(?:pad|unk|/s|extra_id_.*|brand|name|price|n.*)>|▁", text))
    codec = TextCodec(t5_with_slots.backend_tokenizer)
    assert codec.encode([text], 4096) == [t5_tokenizer(text).input_ids]


def test_t5s_ids_and_strings_stay_where_they_were(
    t5_tokenizer: PreTrainedTokenizerFast, t5_with_slots: PreTrainedTokenizerFast
) -> None:
    before = t5_tokenizer.convert_ids_to_tokens(list(range(len(t5_tokenizer))))
    vocabulary = TextCodec(t5_with_slots.backend_tokenizer).vocabulary
    assert vocabulary == [*before, *SLOT_TOKENS]
    assert len(set(vocabulary)) == len(vocabulary)


def test_a_vocabulary_has_each_token_once_and_slots_last(codec: TextCodec) -> None:
    assert (codec.pad_id, codec.eos_id, codec.unk_id) == (0, 1, 2)
    assert codec.vocabulary[-len(SLOT_TOKENS) :] == list(SLOT_TOKENS)
    assert len(set(codec.vocabulary)) == len(codec.vocabulary)
    for token, encoded in zip(SLOT_TOKENS, codec.encode(SLOT_TOKENS, 10), strict=True):
        assert encoded == [codec.vocabulary.index(token), codec.eos_id]


def test_a_saved_tokenizer_comes_back_with_the_same_ids(
    tokenizer: PreTrainedTokenizerFast, codec: TextCodec, tmp_path: Path
) -> None:
    """By ``AutoTokenizer``, which rebuilt a custom vocabulary, and as the codec reads it."""
    tokenizer.save_pretrained(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    loaded = TextCodec.load(tmp_path / "tokenizer.json")
    expected = codec.encode(TEXTS, 1000)
    assert loaded.encode(TEXTS, 1000) == expected
    assert again(TEXTS).input_ids == expected
    assert loaded.vocabulary == codec.vocabulary == again.convert_ids_to_tokens(list(range(len(again))))
    assert loaded.decode(expected) == codec.decode(expected)


def test_a_saved_tokenizer_is_no_t5_tokenizer(tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> None:
    """``T5Tokenizer`` would add ids beyond the model's vocabulary when it is loaded."""
    tokenizer.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "tokenizer_config.json").read_text(encoding="utf-8"))
    assert "T5" not in config["tokenizer_class"]
    again = AutoTokenizer.from_pretrained(tmp_path)
    assert not isinstance(again, T5Tokenizer)
    assert len(again) == len(tokenizer) == tokenizer.backend_tokenizer.get_vocab_size()
    assert (again.pad_token_id, again.eos_token_id, again.unk_token_id) == (0, 1, 2)


@pytest.mark.parametrize("limit", [1, 2, 5, 11])
def test_a_cut_source_still_ends(codec: TextCodec, limit: int) -> None:
    [whole], [cut] = codec.encode(TEXTS[:1], 1000), codec.encode(TEXTS[:1], limit)
    assert cut == [*whole[: limit - 1], codec.eos_id]


def test_the_same_texts_give_the_same_tokenizer() -> None:
    made = [train_tokenizer(TEXTS * 3, 120, SLOT_TOKENS).backend_tokenizer.to_str() for _ in range(3)]
    assert len(set(made)) == 1


def test_no_piece_takes_the_place_of_a_token() -> None:
    """Two ids with one string merge in the engine; and a T5 reckons with 0, 1, 2."""
    spelt = ["<pad> </s> <unk> </s></s>", "<brand> a <brand> <n1> b<n1>", "<brand><pad>c"] * 30
    codec = TextCodec(train_tokenizer(spelt, 64, SLOT_TOKENS).backend_tokenizer)
    assert codec.vocabulary[:3] == ["<pad>", "</s>", "<unk>"]
    pieces = codec.vocabulary[3 : -len(SLOT_TOKENS)]
    assert not {character for piece in pieces for character in piece} & set("<>/")


def test_a_feed_with_more_characters_than_pieces_keeps_them_all() -> None:
    characters = "".join(chr(code) for code in range(0x4E00, 0x4E00 + 300))
    codec = TextCodec(train_tokenizer([characters], 64, SLOT_TOKENS).backend_tokenizer)
    assert codec.decode(codec.encode([characters], 1000)) == [characters]


def test_no_more_pieces_than_asked_for() -> None:
    words = [" ".join(a + b + c for b in "aeiou" for c in "lmnrst") for a in "bcdfgh"]
    assert len(train_tokenizer(words, 40, SLOT_TOKENS)) == 40 + len(SLOT_TOKENS)


def test_composed_and_decomposed_letters_are_one(scratch_tokenizer: PreTrainedTokenizerFast) -> None:
    codec = TextCodec(scratch_tokenizer.backend_tokenizer)
    assert codec.encode(["Cafe\u0301"], 10) == codec.encode(["Café"], 10)


@pytest.mark.parametrize("nothing", [[], ["", "  "], ["<brand> <n1>"], ["</s>"]])
def test_nothing_to_learn_from(nothing: list[str]) -> None:
    with pytest.raises(TrainingError, match="no text to train a tokenizer on"):
        train_tokenizer(nothing, 64, SLOT_TOKENS)


@pytest.mark.skipif(not T5_TOKENIZER.exists(), reason="T5's tokenizer is not on this machine")
def test_it_really_is_t5s() -> None:
    tokenizer = AutoTokenizer.from_pretrained(T5_TOKENIZER)
    assert tokenizer("Running shoes").input_ids == [18286, 4439, 1]
