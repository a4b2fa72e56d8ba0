"""Scores of generated copy: statistics of each row that add up over a corpus, and what they come to.

Every function of rows returns ``(rows, k)``; ``METRICS`` says what the sums of its columns come to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import regex
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics.helpers import extract_all_char_ngrams

from adcraft.ad_copy.fields import AD_FIELDS, FIELDS, PROMPT_FIELDS
from adcraft.ad_copy.numbers import numbers_in
from adcraft.ad_copy.prompts import anchors_of, canonical, prompt
from adcraft.ad_copy.slots import delexicalise, tokens_in
from adcraft.decision.bootstrap import Floats, Metric
from adcraft.workload import Record

_CHRF_ORDER, _CHRF_BETA = 6, 2
_WORD = regex.compile(r"<\w+>|\w+")  # re's \w breaks words at the vowel signs of Hindi
_NOT_FACTS = ("id", "timestamp", "link", "tone", *AD_FIELDS)
"""Fields whose digits say nothing about a product."""


def rouge_l(copies: Sequence[str], references: Sequence[str]) -> Floats:
    """ROUGE-L F1 (Lin, "ROUGE", 2004), words of any script, lower-cased and not stemmed: ``f1, 1``."""
    scorer = RougeScorer(["rougeL"], tokenizer=_Words())
    scores = [
        scorer.score(reference, copy)["rougeL"].fmeasure
        for copy, reference in zip(copies, references, strict=True)
    ]
    return _per_row(scores)


def chrf(copies: Sequence[str], references: Sequence[str]) -> Floats:
    """Counts for chrF (Popovic, "chrF", WMT 2015), as sacrebleu takes them: for each order of character
    n-grams those of the copy, of the reference, and of both.
    """
    return np.array(
        [_chrf_counts(copy, reference) for copy, reference in zip(copies, references, strict=True)],
        float,
    ).reshape(-1, 3 * _CHRF_ORDER)


def distinct(templates: Sequence[str], n: int) -> Floats:
    """Distinct n-grams of words over all of them (Li et al., "A Diversity-Promoting Objective Function
    for Neural Conversation Models", NAACL 2016): ``share of the distinct ones, n-grams``.

    The one that each distinct n-gram counts for is shared out among its occurrences, so shares add up,
    and a resample that has a product twice does not look less diverse for it.

    Args:
        templates: copies with slot tokens, so that products' names don't pass for diversity.
        n: of the n-grams.
    """
    grams = []
    for template in templates:
        words = _WORD.findall(template.lower())
        grams.append([tuple(words[i : i + n]) for i in range(len(words) - n + 1)])
    occurrences = Counter(gram for row in grams for gram in row)
    rows = [(sum(1 / occurrences[gram] for gram in row), len(row)) for row in grams]
    return np.array(rows, float).reshape(-1, 2)


def slot_accuracy(templates: Sequence[str], records: Sequence[Record]) -> Floats:
    """Slots of the reference that the product has a value for, and that the copy names too:
    ``named, slots``. A slot without a value is no copy's fault: the generator leaves it out.
    """
    rows = []
    for template, record in zip(templates, records, strict=True):
        wanted = set(tokens_in(as_template(record["target"] or "", record)))
        known = wanted & _slots(record).keys()
        rows.append((len(known & set(tokens_in(template))), len(known)))
    return np.array(rows, float).reshape(-1, 2)


def unsupported_numbers(copies: Sequence[str], records: Sequence[Record]) -> Floats:
    """Numbers of the copy that stand nowhere in its product's record: ``numbers, 1``. They are compared
    by value: ``1,299.00`` is ``1299``.
    """
    facts = [spec.name for spec in FIELDS if spec.name not in _NOT_FACTS]
    counts = []
    for copy, record in zip(copies, records, strict=True):
        given = {value for field in facts for value in numbers_in(record.get(field) or "")}
        counts.append(sum(value not in given for value in numbers_in(copy)))
    return _per_row(counts)


def length(copies: Sequence[str]) -> Floats:
    """Characters: ``characters, 1``."""
    return _per_row([len(copy) for copy in copies])


def seconds(of_rows: Sequence[float]) -> Floats:
    """Each row's share of its batch's engine time: ``seconds, 1``."""
    return _per_row(of_rows)


def loss(likelihoods: Sequence[tuple[float, int]]) -> Floats:
    """Negative log-likelihood of the references under the model: ``nats, tokens``; a row that teaches
    nothing has neither.
    """
    return np.array([(-total, tokens) for total, tokens in likelihoods], float).reshape(-1, 2)


def as_template(copy: str, record: Record) -> str:
    """``copy`` with the product's brand, name, price and numbers as slot tokens, however it spells them."""
    template, _ = delexicalise(canonical(copy, record), anchors_of(record), _slots(record))
    return template


def ratio(sums: Floats) -> Floats:
    """First column by second; 0 where there is nothing to divide by."""
    return np.divide(sums[..., 0], sums[..., 1], out=np.zeros(sums.shape[:-1]), where=sums[..., 1] > 0)


def chrf_score(sums: Floats) -> Floats:
    """chrF2 from 0 to 100: of mean precision and mean recall over the orders that both sides have."""
    copy, reference, both = (sums[..., column::3] for column in range(3))
    counted = (copy > 0) & (reference > 0)
    orders = np.maximum(counted.sum(axis=-1), 1)
    precision = np.where(counted, both / np.maximum(copy, 1), 0).sum(axis=-1) / orders
    recall = np.where(counted, both / np.maximum(reference, 1), 0).sum(axis=-1) / orders
    weighted = _CHRF_BETA**2 * precision + recall
    score: Floats = np.divide(
        100 * (1 + _CHRF_BETA**2) * precision * recall,
        weighted,
        out=np.zeros(weighted.shape),
        where=weighted > 0,
    )
    return score


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("loss", "loss, nats per target token", "lower", 3, ratio),
        Metric("rouge_l", "ROUGE-L, 0 to 1", "higher", 3, ratio),
        Metric("chrf", "chrF, 0 to 100", "higher", 1, chrf_score),
        Metric("distinct_1", "distinct words, share", "higher", 3, ratio),
        Metric("distinct_2", "distinct pairs of words, share", "higher", 3, ratio),
        Metric("slot_accuracy", "slots of the reference that are named, share", "higher", 3, ratio),
        Metric("unsupported_numbers", "unsupported numbers per copy", "lower", 3, ratio),
        Metric("length", "characters per copy", "", 1, ratio),
        Metric("seconds_per_copy", "seconds per copy, of one thread", "lower", 4, ratio),
    )
}


def text_statistics(copies: Sequence[str], records: Sequence[Record]) -> dict[str, Floats]:
    """What can be said of any side's copies, by the name of the metric, each ``(rows, k)``."""
    references = [record["target"] or "" for record in records]
    templates = [as_template(copy, record) for copy, record in zip(copies, records, strict=True)]
    return {
        "rouge_l": rouge_l(copies, references),
        "chrf": chrf(copies, references),
        "distinct_1": distinct(templates, 1),
        "distinct_2": distinct(templates, 2),
        "slot_accuracy": slot_accuracy(templates, records),
        "unsupported_numbers": unsupported_numbers(copies, records),
        "length": length(copies),
    }


class _Words:
    """For ROUGE: its own tokenizer knows a to z alone, so ``Größe`` would be ``gr`` and ``e``."""

    def tokenize(self, text: str) -> list[str]:
        """The words, lower-cased."""
        return regex.findall(r"\w+", text.lower())


def _per_row(values: Sequence[float]) -> Floats:
    return np.stack([np.asarray(values, float), np.ones(len(values))], axis=1)


def _chrf_counts(copy: str, reference: str) -> list[int]:
    counts: list[int] = []
    for ours, theirs in zip(
        extract_all_char_ngrams(copy, _CHRF_ORDER),
        extract_all_char_ngrams(reference, _CHRF_ORDER),
        strict=True,
    ):
        both = sum(min(count, theirs[gram]) for gram, count in ours.items())
        counts += ours.total() if theirs else 0, theirs.total(), both
    return counts


def _slots(record: Record) -> dict[str, str]:
    """The slots that the record itself gives, whatever fields a model is shown: not those of the field
    that the reference was taken from.
    """
    shown = tuple(field for field in PROMPT_FIELDS if field != record.get("target_field"))
    return dict(prompt(record, shown).slots)
