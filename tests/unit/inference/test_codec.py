"""The codec over a hand-made tokenizer: ids, limits, refusals. Real tokenizers: tests/unit/training."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from adcraft.errors import BundleError
from adcraft.inference.codec import TextCodec

LETTERS = "abcdefgh,.'"
SPECIAL = ["<pad>", "</s>", "<unk>"]
SLOTS = ["<brand>", "<n1>", "<n11>"]


def make(pieces: list[str], added: list[str] | None = None) -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram([(piece, -1.0) for piece in pieces], unk_id=2))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="first")
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in added or []])
    return tokenizer


def codec() -> TextCodec:
    return TextCodec(make([*SPECIAL, "▁", *LETTERS, "▁ab"], SLOTS))


WORDS = st.lists(
    st.one_of(st.sampled_from(SLOTS), st.text(LETTERS, min_size=1, max_size=5)), min_size=1, max_size=3
).map("".join)
TEXTS = st.lists(WORDS, max_size=8).map(" ".join)


@given(st.lists(TEXTS, max_size=4))
def test_what_is_encoded_decodes_to_itself(texts: list[str]) -> None:
    made = codec()
    ids = made.encode(texts, 1000)
    assert made.decode(ids) == texts
    assert all(sequence[-1] == made.eos_id and made.eos_id not in sequence[:-1] for sequence in ids)


def test_ids_are_those_of_the_vocabulary() -> None:
    made = codec()
    assert made.vocabulary[:5] == ["<pad>", "</s>", "<unk>", "▁", "a"]
    assert made.vocabulary[-3:] == SLOTS
    assert (made.pad_id, made.eos_id, made.unk_id) == (0, 1, 2)
    [ids] = made.encode(["ab <n11>c"], 10)
    assert [made.vocabulary[i] for i in ids] == ["▁ab", "▁", "<n11>", "c", "</s>"]


@given(TEXTS, st.integers(1, 12))
def test_a_cut_text_keeps_its_end_token(text: str, limit: int) -> None:
    made = codec()
    [whole], [cut] = made.encode([text], 1000), made.encode([text], limit)
    assert len(cut) == min(limit, len(whole))
    assert cut[-1] == made.eos_id
    assert cut[:-1] == whole[: len(cut) - 1]


def test_padding_end_and_unknown_are_not_text() -> None:
    made = codec()
    [ids] = made.encode(["a übü"], 10)
    assert made.unk_id in ids
    assert made.decode([[made.pad_id, *ids, made.pad_id]]) == ["a b"]
    assert made.decode([]) == []
    assert made.decode([[]]) == [""]


def test_a_tokenizers_own_padding_and_truncation_are_off(tmp_path: Path) -> None:
    tokenizer = make([*SPECIAL, "▁", *LETTERS])
    tokenizer.enable_padding(length=20)
    tokenizer.enable_truncation(2)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    made = TextCodec.load(tmp_path / "tokenizer.json")
    assert list(map(len, made.encode(["abcdefgh", "a"], 100))) == [10, 3]


@pytest.mark.parametrize("lacking", SPECIAL)
def test_a_tokenizer_without_t5s_tokens(lacking: str) -> None:
    pieces = [piece for piece in SPECIAL if piece != lacking]
    with pytest.raises(BundleError, match=f"lacks {lacking}, so it is not a T5 tokenizer"):
        TextCodec(make([*pieces, "a", "b"]))


def test_one_token_under_two_ids_is_refused() -> None:
    """In a mapping the two merge, and every token after them would be taken for the one before it."""
    with pytest.raises(BundleError, match="has 5 tokens but ids up to 5: one token has two ids"):
        TextCodec(make([*SPECIAL, "a", "b", "a"]))


def test_a_slot_that_is_a_piece_too_has_one_id() -> None:
    made = TextCodec(make([*SPECIAL, "▁", "a", "<n1>"], ["<n1>", "<brand>"]))
    assert made.vocabulary == [*SPECIAL, "▁", "a", "<n1>", "<brand>"]
    assert made.decode(made.encode(["a <n1>"], 10)) == ["a <n1>"]


@pytest.mark.parametrize("content", [None, "", "{}", "{'", '{"version": "1.0"}'])
def test_a_file_that_is_no_tokenizer(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "tokenizer.json"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    with pytest.raises(BundleError, match=r"tokenizer\.json can't be read"):
        TextCodec.load(file)


def test_a_file_of_another_tokenizer(tmp_path: Path) -> None:
    Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]")).save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(BundleError, match="not a T5 tokenizer"):
        TextCodec.load(tmp_path / "tokenizer.json")
