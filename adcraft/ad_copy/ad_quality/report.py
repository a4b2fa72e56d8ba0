"""The section of an evaluation on a model's ads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import cast

from adcraft.ad_copy.ad_quality.assets import (
    Asset,
    Copies,
    candidates_table,
    texts_table,
    variants_table,
)
from adcraft.ad_copy.ad_quality.control_accuracy import Answer, controls_table, right_about
from adcraft.ad_copy.ad_quality.questions import UNASKED, Question, questions, sampled
from adcraft.ad_copy.ad_quality.tone_reader import ToneReader
from adcraft.ad_copy.copywriting.ad import Ad, AssetCopy
from adcraft.ad_copy.copywriting.brief import Brief, is_written
from adcraft.ad_copy.copywriting.copywriter import tones_of
from adcraft.ad_copy.fields import AD_FIELDS, Kind
from adcraft.ad_copy.placements import Asset as AssetLimits
from adcraft.ad_copy.placements import shipped_placements
from adcraft.ad_copy.writing import Crew, write_ads
from adcraft.decision.evaluation_section import Section
from adcraft.inference.bundle import Bundle
from adcraft.settings import EvaluateSettings
from adcraft.workload import Record


def ads_section(
    bundle: Bundle,
    records: Sequence[Record],
    training: Iterable[Record],
    settings: EvaluateSettings,
    crew: Crew,
    whose: str,
) -> Section | None:
    """Write ads for a sample of the test products, and say how good they are.

    Args:
        bundle: the model's.
        records: the test split.
        training: what its tones are learnt from.
        settings: how many products, which placements.
        crew: how many writers.
        whose: the model's name in the log.

    Returns:
        The section; None where the settings want no ads.

    Raises:
        BundleError, SettingsError, ClusterError: see ``write_all``.
    """
    if not settings.ad_products or not settings.ad_placements:
        return None
    reader = ToneReader(training)
    known = [tone for tone in tones_of(bundle.manifest.prompt) if _is_read(tone, reader)]
    products = sampled(records, settings.ad_products)
    asked = [
        (placement, record, question)
        for placement in settings.ad_placements
        for record in products
        for question in questions(record, known, reader)
    ]
    plain = [(placement, record) for placement in settings.ad_placements for record in products]
    jobs = [
        *((record, Brief(placement)) for placement, record in plain),
        *((record, replace(UNASKED, placement=placement)) for placement, record in plain),
        *((record, replace(question.brief, placement=placement)) for placement, record, question in asked),
    ]
    ads = write_ads(bundle, jobs, settings, crew, whose)
    full, unasked, obedient = ads[: len(plain)], ads[len(plain) : 2 * len(plain)], ads[2 * len(plain) :]
    copies = _by_asset(plain, full)
    beside = {(placement, id(record)): ad for (placement, record), ad in zip(plain, unasked, strict=True)}
    answers = (
        answer
        for (placement, record, question), ad in zip(asked, obedient, strict=True)
        for answer in _answers(placement, question, ad, beside[placement, id(record)])
    )
    return Section(
        title="Ads",
        about=(
            f"For {len(products)} test products, evenly spaced, {whose} wrote ads for "
            f"{', '.join(settings.ad_placements)}."
        ),
        tables=(
            texts_table(copies),
            candidates_table(copies),
            variants_table(copies),
            controls_table(answers, right_about(records, reader)),
        ),
    )


def _by_asset(plain: Sequence[tuple[str, Record]], ads: Sequence[Ad]) -> Copies:
    copies: dict[Asset, list[tuple[Record, AssetCopy]]] = {}
    for (placement, record), ad in zip(plain, ads, strict=True):
        for name, _ in _written(placement):
            copies.setdefault((placement, name), []).append((record, ad.assets[name]))
    return copies


def _answers(placement: str, question: Question, asked: Ad, unasked: Ad) -> Iterator[Answer]:
    for name, limits in _written(placement):
        kind = cast("Kind", limits.text)
        yield Answer((placement, name), kind, question, asked.assets[name], unasked.assets[name])


def _written(placement: str) -> list[tuple[str, AssetLimits]]:
    """The assets that the model writes."""
    assets = shipped_placements().named(placement).assets
    return [(name, limits) for name, limits in assets.items() if is_written(limits.text)]


def _is_read(tone: str, reader: ToneReader) -> bool:
    return any(reader.knows(kind, tone) for kind in AD_FIELDS.values())
