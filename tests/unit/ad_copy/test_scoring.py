"""Scores against values worked out by hand."""

from __future__ import annotations

import pytest

from adcraft.ad_copy.scoring import chrf, rouge_l


@pytest.mark.parametrize(
    ("hypothesis", "reference", "score"),
    [
        ("soft red kurta", "soft red kurta", 1.0),
        ("Soft RED Kurta!", "soft red kurta", 1.0),
        ("blue jeans", "soft red kurta", 0.0),
        ("", "soft red kurta", 0.0),
        # longest common subsequence "soft kurta": precision 2/2, recall 2/3
        ("soft kurta", "soft red kurta", 0.8),
        # "red kurta" of 3 and of 4 words: 2/3 and 2/4
        ("kurta red kurta", "red cotton kurta soft", 4 / 7),
        # words are not stemmed
        ("kurtas", "kurta", 0.0),
    ],
)
def test_rouge_l_of_a_pair(hypothesis: str, reference: str, score: float) -> None:
    assert rouge_l([hypothesis], [reference]) == pytest.approx(score)


def test_rouge_l_is_the_mean_of_the_pairs() -> None:
    assert rouge_l(["soft kurta", "jeans"], ["soft red kurta", "kurta"]) == pytest.approx(0.4)
    assert rouge_l([], []) == 0.0


def test_chrf_by_hand() -> None:
    """chrF of "ab" for "abc": orders 1 to 6, beta 2; an order that neither side has is left out."""
    assert chrf(["soft red kurta"], ["soft red kurta"]) == pytest.approx(100)
    assert chrf(["xyz"], ["abc"]) == pytest.approx(0)
    # order 1: precision 2/2, recall 2/3; order 2: 1/1 and 1/2. F2 of the mean precision 1 and recall 7/12.
    precision, recall = 1.0, (2 / 3 + 1 / 2) / 2
    expected = 100 * 5 * precision * recall / (4 * precision + recall)
    assert chrf(["ab"], ["abc"]) == pytest.approx(expected)


def test_chrf_is_of_the_corpus_not_a_mean() -> None:
    whole = chrf(["soft red kurta", "x"], ["soft red kurta", "y"])
    assert 50 < whole < 100


def test_as_many_references_as_hypotheses() -> None:
    with pytest.raises(ValueError, match="shorter"):
        rouge_l(["a", "b"], ["a"])
