"""What training texts say of single words."""

from __future__ import annotations

from pathlib import Path

import pytest

from adcraft.errors import BundleError
from adcraft.inference.lexicon import Lexicon, LexiconCounter, read_lexicon, words_of
from adcraft.workload import Example


def counted() -> LexiconCounter:
    counter = LexiconCounter()
    for index in range(10):
        shown = "round collar" if index % 2 else "kurta"
        counter.add(
            Example(f"write: headline | product: {shown} Zari{index}", f"Enjoy the {shown}", "headline")
        )
        counter.add(Example("write: body | product: <brand> kurta", "has a round collar, <n1> times", "body"))
    return counter


def test_words_are_runs_of_two_letters_in_lower_case_without_slots() -> None:
    assert words_of("<brand> T-shirt's Über-Größe, 12 cm of <n1>") == {"shirt", "über", "größe", "cm", "of"}


def test_known_words_are_three_times_in_texts() -> None:
    counter = counted()
    for _ in range(2):
        counter.add(Example("write: headline", "Seldom", "headline"))
    assert counter.lexicon(closed=True).known == {"enjoy", "the", "round", "collar", "kurta", "has", "times"}


def test_drawn_words_of_a_task_stand_in_its_prompts() -> None:
    counter = counted()
    lexicon = counter.lexicon(closed=False)
    assert lexicon.known == frozenset()
    assert lexicon.drawn == {"headline": frozenset(), "body": frozenset()}  # five times is not often enough
    for _ in range(5):
        counter.add(Example("product: round collar", "the round collar", "headline"))
    assert counter.lexicon(closed=False).drawn["headline"] == {"round", "collar"}
    counter.add(Example("product: kurta", "the collar", "headline"))
    assert counter.lexicon(closed=False).drawn["headline"] == {"round"}


def test_the_same_lexicon_is_the_same_file_and_reads_back(tmp_path: Path) -> None:
    lexicon = counted().lexicon(closed=True)
    lexicon.write(tmp_path / "one.json")
    Lexicon(known=frozenset(sorted(lexicon.known, reverse=True)), drawn=lexicon.drawn).write(
        tmp_path / "other.json"
    )
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "other.json").read_bytes()
    assert read_lexicon(tmp_path / "one.json") == lexicon


def test_older_bundles_have_none_and_a_broken_one_is_refused(tmp_path: Path) -> None:
    assert read_lexicon(tmp_path / "none.json") == Lexicon()
    (tmp_path / "broken.json").write_text('{"known": 1}')
    with pytest.raises(BundleError, match=r"broken\.json can't be read as a lexicon"):
        read_lexicon(tmp_path / "broken.json")
