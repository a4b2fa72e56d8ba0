"""How much texts differ, beside figures worked out by hand."""

from __future__ import annotations

import pytest

from adcraft.ad_copy.ad_quality.variety import distinct_2, repeated, self_bleu, similarity


def test_distinct_pairs_of_words() -> None:
    # a b, b c, A b, b d: three of four
    assert distinct_2(["a b c", "A b d"]) == pytest.approx(3 / 4)
    assert distinct_2(["one", "two"]) == 0


def test_self_bleu() -> None:
    # Of "a b c d" against "a b c e", and the other way round: 3 of 4 words, 2 of 3 pairs, 1 of 2 triples, and
    # 0 of 1 quadruple, which smoothing makes a half; both are of one length.
    half = (3 / 4 * 2 / 3 * 1 / 2 * 1 / 2) ** (1 / 4)
    assert self_bleu(["a b c d", "A b c e"]) == pytest.approx(half)
    assert self_bleu(["a b c d", "e f g h"]) == 0
    assert self_bleu(["a b c d"] * 3) == pytest.approx(1)
    # Each of the first two has the other among the others; the third has nobody.
    assert self_bleu(["a b c d", "a b c d", "e f g h"]) == pytest.approx(2 / 3)


def test_self_bleu_of_texts_of_two_words() -> None:
    assert self_bleu(["red kurta", "red kurta"]) == pytest.approx(1)


def test_similarity_is_chrf() -> None:
    # "ab" and "ac" share one character of two and no pair: precision and recall are (1/2 + 0) / 2.
    assert similarity(["ab", "ac"]) == pytest.approx(1 / 4)
    assert similarity(["ab", "ab"]) == pytest.approx(1)
    assert similarity(["ab", "cd"]) == 0
    # Of three pairs, each looked at from both sides, one is of equal texts.
    assert similarity(["ab", "ab", "cd"]) == pytest.approx(1 / 3)


def test_similarity_is_seen_from_both_sides() -> None:
    # chrF weighs recall four times: of "a" in "aa" F is 5 p r / (4 p + r), p and r over the one common order.
    there, back = 5 * 1 * 0.5 / (4 * 1 + 0.5), 5 * 0.5 * 1 / (4 * 0.5 + 1)
    assert similarity(["a", "aa"]) == pytest.approx((there + back) / 2)


def test_repeated_texts() -> None:
    assert repeated(["Red Kurta", "red kurta", "RED KURTA", "Blue Kurta"]) == 2
    assert repeated([]) == 0
