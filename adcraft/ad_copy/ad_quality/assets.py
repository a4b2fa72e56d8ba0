"""Figures of the texts of each asset: those given out, all that the model wrote, and how they vary."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence

from adcraft.ad_copy.ad_quality.variety import distinct_2, repeated, self_bleu, similarity
from adcraft.ad_copy.copywriting.ad import AssetCopy
from adcraft.ad_copy.naming import naming
from adcraft.decision.evaluation_section import Column, Row, Table
from adcraft.workload import Record

Asset = tuple[str, str]
"""A placement and one of its assets, by their names."""
Copies = Mapping[Asset, Sequence[tuple[Record, AssetCopy]]]
"""What was written for each asset, with the product that it is about."""

FACT_RULES = frozenset({"number", "price", "discount", "unit", "brand", "size", "superlative"})
"""Rules about what the product's record must bear out."""
_MOST_BROKEN = 5


def texts_table(copies: Copies) -> Table:
    """The texts that are given out."""
    return Table(
        key="ads_texts",
        title="Texts given out",
        note="Named: texts that have it, in whatever case; exact: those that spell it as the record does.",
        columns=(
            Column(key="products", label="products"),
            Column(key="texts", label="texts"),
            Column(key="templates", label="templates, share", digits=3),
            Column(key="brand_named", label="brand named"),
            Column(key="brand_exact", label="brand exact"),
            Column(key="name_named", label="name named"),
            Column(key="name_exact", label="name exact"),
        ),
        rows=tuple(Row(name=asset, cells=_texts(of_asset)) for asset, of_asset in copies.items()),
    )


def candidates_table(copies: Copies) -> Table:
    """All that the model wrote, before any of it was taken."""
    return Table(
        key="ads_candidates",
        title="What the model wrote",
        note=(
            "Different texts of the model before any was taken. Grounded: no number, price, discount, unit, "
            "brand, size or superlative that the record does not bear out. A text may break several rules."
        ),
        columns=(
            Column(key="candidates", label="texts"),
            Column(key="within_limits", label="within the hard limit, share", digits=3),
            Column(key="grounded", label="grounded, share", digits=3),
            Column(key="passed", label="all rules kept, share", digits=3),
            Column(key="broken", label="rules broken most"),
        ),
        rows=tuple(Row(name=asset, cells=_candidates(of_asset)) for asset, of_asset in copies.items()),
    )


def variants_table(copies: Copies) -> Table:
    """How the texts of one product differ."""
    return Table(
        key="ads_variants",
        title="Variants of one product",
        note=(
            "Means over the products that have at least two texts. Distinct pairs of words: Li et al. 2016. "
            "Self-BLEU: each text against the others, Zhu et al. 2018. Likeness: chrF of each text against "
            "each other one."
        ),
        columns=(
            Column(key="products", label="products"),
            Column(key="distinct_2", label="distinct pairs of words, share", digits=3),
            Column(key="self_bleu", label="self-BLEU, 0 to 1", digits=3),
            Column(key="similarity", label="likeness, 0 to 1", digits=3),
            Column(key="identical", label="identical texts"),
        ),
        rows=tuple(Row(name=asset, cells=_variants(of_asset)) for asset, of_asset in copies.items()),
    )


def _texts(of_asset: Sequence[tuple[Record, AssetCopy]]) -> tuple[float | None, ...]:
    texts = [(record, text) for record, copy in of_asset for text in copy.texts]
    named = naming([text.text for _, text in texts], [record for record, _ in texts])
    safe = sum(text.safe for _, text in texts)
    return (
        float(len(of_asset)),
        float(len(texts)),
        _share(safe, len(texts)),
        *(float(count) for found in named.values() for count in (found.named, found.exact)),
    )


def _candidates(of_asset: Sequence[tuple[Record, AssetCopy]]) -> tuple[float | str | None, ...]:
    written, broken = Counter[frozenset[str]](), Counter[str]()
    for _, copy in of_asset:
        written.update(copy.candidates)
    for rules, count in written.items():
        broken.update(dict.fromkeys(rules, count))
    total = written.total()
    within = sum(count for rules, count in written.items() if "length" not in rules)
    grounded = sum(count for rules, count in written.items() if rules.isdisjoint(FACT_RULES))
    return (
        float(total),
        _share(within, total),
        _share(grounded, total),
        _share(written[frozenset()], total),
        ", ".join(f"{rule} {count}" for rule, count in broken.most_common(_MOST_BROKEN)),
    )


def _variants(of_asset: Sequence[tuple[Record, AssetCopy]]) -> tuple[float | None, ...]:
    texts = [[text.text for text in copy.texts] for _, copy in of_asset if len(copy.texts) > 1]
    if not texts:
        return 0.0, None, None, None, None
    means = (statistics.fmean(map(measure, texts)) for measure in (distinct_2, self_bleu, similarity))
    return float(len(texts)), *means, float(sum(map(repeated, texts)))


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
