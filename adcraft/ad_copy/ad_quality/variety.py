"""How much the texts of one asset of one product differ from each other."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from itertools import permutations

from sacrebleu.metrics.bleu import BLEU

from adcraft.ad_copy.scoring import chrf, chrf_score, distinct, ratio


def distinct_2(texts: Sequence[str]) -> float:
    """Distinct pairs of words over all pairs (Li et al., NAACL 2016), 0 to 1; 0 where there is no pair."""
    return float(ratio(distinct(texts, 2).sum(axis=0)))


def self_bleu(texts: Sequence[str]) -> float:
    """Mean BLEU-4 of each text against the others (Zhu et al., "Texygen", SIGIR 2018), 0 to 1: sacrebleu's of
    a sentence, lower-cased, over the orders that it has. Needs two texts.
    """
    bleu = BLEU(lowercase=True, effective_order=True)
    scores = [
        bleu.sentence_score(text, [*texts[:index], *texts[index + 1 :]]).score
        for index, text in enumerate(texts)
    ]
    return statistics.fmean(scores) / 100


def similarity(texts: Sequence[str]) -> float:
    """Mean chrF of each text against each other one, 0 to 1. Needs two texts."""
    pairs = list(permutations(texts, 2))
    scores = chrf_score(chrf([one for one, _ in pairs], [other for _, other in pairs]))
    return float(scores.mean()) / 100


def repeated(texts: Sequence[str]) -> int:
    """Texts that stood there before, in whatever case."""
    counts = Counter(text.casefold() for text in texts)
    return counts.total() - len(counts)
