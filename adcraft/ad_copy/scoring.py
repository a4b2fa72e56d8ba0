"""Scores of generated text against a reference."""

from __future__ import annotations

from collections.abc import Sequence

from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics.chrf import CHRF


def rouge_l(hypotheses: Sequence[str], references: Sequence[str]) -> float:
    """Mean ROUGE-L F1 from 0 to 1 (Lin, "ROUGE", 2004), words lower-cased and not stemmed."""
    scorer = RougeScorer(["rougeL"], use_stemmer=False)
    scores = [
        scorer.score(reference, hypothesis)["rougeL"].fmeasure
        for hypothesis, reference in zip(hypotheses, references, strict=True)
    ]
    return float(sum(scores)) / max(1, len(scores))


def chrf(hypotheses: Sequence[str], references: Sequence[str]) -> float:
    """Corpus chrF from 0 to 100 (Popovic, "chrF", WMT 2015)."""
    return float(CHRF().corpus_score(list(hypotheses), [list(references)]).score)
