"""The vocabulary map: what CTranslate2 reads of it, and that answers are the same with it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from adcraft.ad_copy.slots import SLOT_TOKENS
from adcraft.errors import BundleError
from adcraft.inference.bundle import Bundle
from adcraft.inference.codec import TextCodec
from adcraft.inference.engine import CTranslate2Engine
from adcraft.inference.vocabulary_map import (
    VOCABULARY_MAP,
    VocabularyMap,
    check_vocabulary_map,
    read_vocabulary_map,
)

TOKENS = ["<pad>", "</s>", "<unk>", "▁a", "b", "<name>"]
NAMES = ["Bag", "Red Kurta", "Shoes | brand: <brand>", "Tea Pot | brand: <brand>", "Linen Shirt"]


@pytest.fixture(scope="module")
def codec(bundle: Bundle) -> TextCodec:
    return TextCodec.load(bundle.tokenizer)


@pytest.fixture(scope="module")
def sources(codec: TextCodec) -> list[list[int]]:
    return codec.encode([f"write: body | product: <name> {name}" for name in NAMES], 64)


def engine(bundle: Bundle, codec: TextCodec, folder: Path, pieces: VocabularyMap | None) -> CTranslate2Engine:
    """The bundle's, in float32, with another map or with none."""
    shutil.copytree(bundle.engine, folder)
    (folder / VOCABULARY_MAP).unlink()
    if pieces:
        pieces.write(folder / VOCABULARY_MAP)
    return CTranslate2Engine(folder, codec.vocabulary, compute_type="float32")


def ids(engine: CTranslate2Engine, sources: Sequence[Sequence[int]], variants: int) -> list[list[list[int]]]:
    decoded = engine.decode(sources, max_tokens=32, variants=variants)
    return [[hypothesis.ids for hypothesis in hypotheses] for hypotheses in decoded]


def test_what_was_written_is_read(tmp_path: Path) -> None:
    pieces = VocabularyMap.of(TOKENS, {1, 5, 3})
    assert pieces == VocabularyMap(("</s>", "▁a", "<name>"), ("<pad>", "<unk>", "b"))
    pieces.write(tmp_path / "vmap.txt")
    assert (tmp_path / "vmap.txt").read_bytes().decode("utf-8") == (
        "\t</s> ▁a <name>\n<pad>\t<pad>\n<unk>\t<unk>\nb\tb\n"
    )
    assert read_vocabulary_map(tmp_path / "vmap.txt") == pieces
    VocabularyMap.of(TOKENS, range(6)).write(tmp_path / "vmap.txt")
    assert read_vocabulary_map(tmp_path / "vmap.txt") == VocabularyMap(tuple(TOKENS), ())


@pytest.mark.parametrize("piece", ["a b", "a\tb", "\n"])
def test_a_piece_that_the_format_has_no_room_for(tmp_path: Path, piece: str) -> None:
    for kept in ({0}, {1}):
        pieces = VocabularyMap.of(["a", piece], kept)
        assert not pieces.writable
        with pytest.raises(BundleError, match="a piece holds a space, a tab or a line's end"):
            pieces.write(tmp_path / "vmap.txt")
    assert VocabularyMap.of(["a\u2028", "\u00a0\r"], {0}).writable


def test_other_white_space_is_part_of_a_piece(tmp_path: Path) -> None:
    pieces = VocabularyMap.of(["a\u2028", "\u00a0\r", "\x85", "b\x0c"], {0, 1})
    pieces.write(tmp_path / "vmap.txt")
    assert read_vocabulary_map(tmp_path / "vmap.txt") == pieces


@pytest.mark.parametrize(
    "content", [None, b"", b"a b\n", b"\ta\nb\tc\n", b"\ta\nb\n", b"\ta\nb\tb\tb\n", b"\t\xff\n"]
)
def test_a_file_that_is_no_map(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "vmap.txt").write_bytes(content)
    with pytest.raises(BundleError, match=re.escape(str(tmp_path / "vmap.txt"))):
        read_vocabulary_map(tmp_path / "vmap.txt")


def test_a_piece_that_the_engine_does_not_have() -> None:
    check_vocabulary_map(VocabularyMap(("▁a",), ("b",)), TOKENS, where="here")
    for strange in (VocabularyMap(("▁c",), ()), VocabularyMap(("▁a",), ("▁c",))):
        with pytest.raises(
            BundleError, match="The vocabulary map at here has '▁c', which the engine does not"
        ):
            check_vocabulary_map(strange, TOKENS, where="here")


def test_an_engine_with_a_strange_map_is_not_loaded(bundle: Bundle, codec: TextCodec, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="has '▁strange', which the engine does not"):
        engine(bundle, codec, tmp_path / "engine", VocabularyMap(("▁strange",)))


def test_a_trained_bundle_has_the_pieces_of_its_texts_and_slots(bundle: Bundle, codec: TextCodec) -> None:
    pieces = read_vocabulary_map(bundle.engine / VOCABULARY_MAP)
    [text] = codec.encode(["Meet <name> by <brand>."], 64)
    assert {*SLOT_TOKENS, *(codec.vocabulary[i] for i in text)} <= set(pieces.always)
    assert set(pieces.copied) == set(codec.vocabulary) - set(pieces.always)
    assert len(pieces.always) < len(codec.vocabulary)
    assert "engine/vmap.txt" in bundle.manifest.files


def test_answers_are_the_same_with_and_without(
    bundle: Bundle, codec: TextCodec, sources: list[list[int]], tmp_path: Path
) -> None:
    whole = engine(bundle, codec, tmp_path / "whole", None)
    cut = CTranslate2Engine(bundle.engine, codec.vocabulary, compute_type="float32")
    assert ids(cut, sources, 1) == ids(whole, sources, 1)
    assert ids(cut, sources[:1], 1) == ids(whole, sources[:1], 1)


def test_the_likeliest_first_tokens_that_are_left_begin_the_same_variants(
    bundle: Bundle, codec: TextCodec, sources: list[list[int]], tmp_path: Path
) -> None:
    """All that the engine would write in four variants is kept: so they are the same, in their order."""
    whole = engine(bundle, codec, tmp_path / "whole", None)
    written = ids(whole, sources, 4)
    kept = {codec.eos_id, *(token for texts in written for text in texts for token in text)}
    assert len(kept) < len(codec.vocabulary) / 2
    cut = engine(bundle, codec, tmp_path / "cut", VocabularyMap.of(codec.vocabulary, kept))
    assert ids(cut, sources, 4) == written


def test_a_piece_that_is_not_in_the_map_is_written_only_where_the_source_has_it(
    bundle: Bundle, codec: TextCodec, sources: list[list[int]], tmp_path: Path
) -> None:
    whole = engine(bundle, codec, tmp_path / "whole", None)
    read = {token for source in sources for token in source}
    own = next(token for token in ids(whole, sources, 1)[0][0] if token not in read)
    others = {index for index in range(len(codec.vocabulary)) if index != own}
    cut = engine(bundle, codec, tmp_path / "cut", VocabularyMap.of(codec.vocabulary, others))
    assert not any(own in text for texts in ids(cut, sources, 1) for text in texts)
    with_it = [[*source[:-1], own, codec.eos_id] for source in sources]
    assert any(own in text for texts in ids(whole, with_it, 1) for text in texts)
    assert ids(cut, with_it, 1) == ids(whole, with_it, 1)


def test_scores_are_of_the_whole_vocabulary(
    bundle: Bundle, codec: TextCodec, sources: list[list[int]], tmp_path: Path
) -> None:
    """Before and after an answer, and of a text that the map has no pieces for."""
    targets = codec.encode(["Meet <name> by <brand>.", "write product", "y", "", "Meet <n1>"], 64)
    expected = engine(bundle, codec, tmp_path / "whole", None).score(sources, targets)
    cut = engine(bundle, codec, tmp_path / "cut", VocabularyMap.of(codec.vocabulary, {codec.eos_id}))
    assert cut.score(sources, targets) == pytest.approx(expected, abs=1e-4)
    cut.decode(sources, max_tokens=4, variants=1)
    assert cut.score(sources, targets) == pytest.approx(expected, abs=1e-4)
