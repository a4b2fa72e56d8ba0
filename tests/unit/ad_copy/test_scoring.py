"""Scores against values worked out by hand, and against the libraries that define them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu.metrics.chrf import CHRF

from adcraft.ad_copy import scoring
from adcraft.ad_copy.scoring import METRICS
from adcraft.decision.bootstrap import Floats
from adcraft.workload import Record

KURTA: Record = {
    "id": "77",
    "product_name": "Red Kurta",
    "brand": "Aera",
    "price": "1299",
    "attributes": "length 90 cm",
    "link": "https://shop.example/p/88",
    "ad": "Aera Red Kurta, 90 cm long, only 1,299.00",
    "target": "Aera Red Kurta, 90 cm long, only 1,299.00",
    "target_field": "ad",
}
LAMP: Record = {"product_name": "Lamp", "target": "A Lamp that shines", "target_field": "ad"}


def value(name: str, statistics: Floats) -> float:
    return float(METRICS[name].score(statistics.sum(axis=0)))


def rouge_l(copies: list[str], references: list[str]) -> float:
    return value("rouge_l", scoring.rouge_l(copies, references))


def chrf(copies: list[str], references: list[str]) -> float:
    return value("chrf", scoring.chrf(copies, references))


@pytest.mark.parametrize(
    ("copy", "reference", "score"),
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
        # words of any script
        ("Красное платье", "красное платье", 1.0),
        ("Gr e", "Größe", 0.0),
        ("GRÖSSE café", "Größe café", 0.5),
        # a vowel sign is part of its word
        ("लाल कुर्ता", "लाल कुर्ता", 1.0),
        ("कुरता", "कुर्ता", 0.0),
        ("", "", 0.0),
    ],
)
def test_rouge_l_of_a_pair(copy: str, reference: str, score: float) -> None:
    assert rouge_l([copy], [reference]) == pytest.approx(score)


def test_rouge_l_is_the_mean_of_the_pairs() -> None:
    assert rouge_l(["soft kurta", "jeans"], ["soft red kurta", "kurta"]) == pytest.approx(0.4)


def test_chrf_by_hand() -> None:
    """chrF of "ab" for "abc": orders 1 to 6, beta 2; an order that neither side has is left out."""
    assert chrf(["soft red kurta"], ["soft red kurta"]) == pytest.approx(100)
    assert chrf(["xyz"], ["abc"]) == pytest.approx(0)
    # order 1: precision 2/2, recall 2/3; order 2: 1/1 and 1/2. F2 of the mean precision 1 and recall 7/12.
    precision, recall = 1.0, (2 / 3 + 1 / 2) / 2
    expected = 100 * 5 * precision * recall / (4 * precision + recall)
    assert chrf(["ab"], ["abc"]) == pytest.approx(expected)


TEXTS = st.text(alphabet="ab é1\n", max_size=12)


@given(pairs=st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=6))
def test_chrf_is_sacrebleus(pairs: list[tuple[str, str]]) -> None:
    copies, references = [copy for copy, _ in pairs], [reference for _, reference in pairs]
    expected = CHRF().corpus_score(copies, [references]).score
    assert chrf(copies, references) == pytest.approx(expected)


def test_chrf_of_many_sums_at_once() -> None:
    sums = scoring.chrf(["ab", "xyz", ""], ["abc", "abc", "abc"])
    together = scoring.chrf_score(sums)
    assert together.shape == (3,)
    assert together == pytest.approx([chrf(["ab"], ["abc"]), 0, 0])


def test_distinct_words_and_pairs() -> None:
    templates = ["<name> is soft", "<Name> is soft and soft"]
    # <name> is soft and: 4 of 8; <name> is, is soft, soft and, and soft: 4 of 6
    assert value("distinct_1", scoring.distinct(templates, 1)) == pytest.approx(4 / 8)
    assert value("distinct_2", scoring.distinct(templates, 2)) == pytest.approx(4 / 6)
    assert value("distinct_2", scoring.distinct(["one", ""], 2)) == 0


@given(templates=st.lists(st.text(alphabet="ab ", max_size=10), min_size=1, max_size=5), n=st.integers(1, 2))
def test_distinct_is_the_published_figure(templates: list[str], n: int) -> None:
    rows = [template.split() for template in templates]
    grams = [tuple(row[i : i + n]) for row in rows for i in range(len(row) - n + 1)]
    expected = len(set(grams)) / max(1, len(grams))
    assert value("distinct_1", scoring.distinct(templates, n)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("copy", "named"),
    [
        ("Aera Red Kurta, 90 cm long, only 1299", 4),
        ("AERA red kurta, only 1,299.00", 3),
        ("aera red kurta, only 1,299.00", 2),  # in lower case it may be a word
        ("Red Kurta by Aera", 2),
        ("Red Kurta, 80 cm", 1),
        ("soft", 0),
        ("Red Kurta Red Kurta", 1),
    ],
)
def test_slots_of_the_reference_that_are_named(copy: str, named: int) -> None:
    template = scoring.as_template(copy, KURTA)
    assert scoring.slot_accuracy([template], [KURTA]).tolist() == [[named, 4]]


def test_a_reference_without_slots_counts_for_nothing() -> None:
    plain: Record = {"product_name": "Lamp", "target": "It shines for 3 hours", "target_field": "ad"}
    assert scoring.slot_accuracy(["It shines"], [plain]).tolist() == [[0, 0]]


@pytest.mark.parametrize(
    ("copy", "unsupported"),
    [
        ("only 1,299.00", 0),
        ("only 1299, 90 cm", 0),
        ("only 1298", 1),
        ("90.0 cm for 1 299", 2),
        ("offer 77", 1),  # an id is no fact about the product
        ("offer 88", 1),  # nor is its address
        ("version 1.2.3", 1),
        ("soft", 0),
        ("T20 shirt", 1),
    ],
)
def test_numbers_that_the_record_does_not_give(copy: str, unsupported: int) -> None:
    assert scoring.unsupported_numbers([copy], [KURTA]).tolist() == [[unsupported, 1]]


def test_loss_is_per_token_over_all_rows() -> None:
    statistics = scoring.loss([(-6.0, 3), (0.0, 0), (-2.0, 5)])
    assert value("loss", statistics) == 1.0


def test_length_and_seconds_are_means() -> None:
    assert value("length", scoring.length(["abc", "a"])) == 2
    assert value("seconds_per_copy", scoring.seconds([0.5, 0.1])) == pytest.approx(0.3)


def test_every_metric_of_texts_has_a_row_for_each_copy() -> None:
    statistics = scoring.text_statistics(["Red Kurta", "Lamp"], [KURTA, LAMP])
    assert set(METRICS) - set(statistics) == {"loss", "seconds_per_copy"}
    for name, rows in statistics.items():
        assert len(rows) == 2
        assert np.isfinite(METRICS[name].score(rows)).all()


def test_nothing_to_divide_by_is_zero() -> None:
    assert scoring.ratio(np.array([[0.0, 0.0], [1.0, 2.0]])).tolist() == [0.0, 0.5]


def test_as_many_references_as_copies() -> None:
    with pytest.raises(ValueError, match="shorter"):
        scoring.rouge_l(["a", "b"], ["a"])
