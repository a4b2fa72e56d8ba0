"""Ads as rows of a catalogue's output: a column for each text of each asset."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from adcraft.ad_copy.copywriting.ad import Ad
from adcraft.ad_copy.copywriting.brief import ONE_CREATIVE, PLAIN, Brief
from adcraft.ad_copy.copywriting.copywriter import Copywriter
from adcraft.ad_copy.destination import COLUMNS as DESTINATION
from adcraft.ad_copy.destination import Destination
from adcraft.ad_copy.guardrails.rules import shipped_rules
from adcraft.ad_copy.placements import Placement, Placements, load_placements
from adcraft.ad_copy.upload_file import UploadFile
from adcraft.ad_copy.uploads import load_uploads
from adcraft.catalogue.form import ERROR, Write
from adcraft.errors import AdcraftError, BriefError, SettingsError
from adcraft.inference.bundle import Bundle
from adcraft.inference.generator import Generator
from adcraft.settings import GenerateSettings
from adcraft.workload import Record

SAFE = "safe"
"""The column that names the others whose text is a template's."""


@dataclass(frozen=True)
class AdForm:
    """One brief for all products.

    Attributes:
        brief: what is wanted.
        placements: that it can name.
        upload: the other file that the ads go to; None: there is no other.
        destination: where they go in the account, which the upload says.
    """

    brief: Brief
    placements: Placements
    upload: UploadFile | None = None
    destination: Destination | None = None

    @classmethod
    def of(cls, settings: GenerateSettings) -> AdForm:
        """As the settings say.

        Raises:
            SettingsError: there is no such placement or upload format, they don't go together, or a file of
                either is wrong.
        """
        placements = load_placements(Path(settings.placements) if settings.placements else None)
        placements.named(settings.placement)
        one = ONE_CREATIVE.variants if settings.placement == PLAIN else 0
        brief = Brief(
            placement=settings.placement,
            variants=settings.variants or one,
            tone=settings.tone,
            length=settings.length,
            action={"yes": True, "no": False, "": None}[settings.call_to_action],
            audience=settings.audience,
            language=settings.language,
            required=tuple(settings.required),
            banned=tuple(settings.banned),
            seed=settings.seed,
        )
        form = cls(brief, placements)
        return form._uploading(settings) if settings.upload else form

    @property
    def columns(self) -> tuple[str, ...]:
        """``headline_1``, ``headline_2`` and so on; the first ``creative`` is called just so. With an upload,
        where the ad goes stands before them.
        """
        assets = self._placement.assets
        counts = {name: min(self.brief.variants or asset.most, asset.most) for name, asset in assets.items()}
        names = [_column(name, number) for name, count in counts.items() for number in range(1, count + 1)]
        return (*(DESTINATION if self.destination else ()), *names, SAFE)

    @property
    def needs(self) -> Mapping[str, str]:
        """Those of the landing pages' addresses, where there are any."""
        return self.destination.needs if self.destination else {}

    @property
    def key(self) -> Mapping[str, Any]:
        """The brief, its placement, the upload."""
        key = {**asdict(self.brief), "placement": self._placement.model_dump(mode="json")}
        if self.upload and self.destination:
            key["upload"] = {"name": self.upload.name, **self.upload.format.model_dump(mode="json")}
            key["destination"] = asdict(self.destination)
        return key

    def open(self, bundle: Bundle, compute_type: str) -> Write:
        """Load the model; see :meth:`adcraft.catalogue.form.Form.open`."""
        generator = Generator.load(bundle, compute_type=compute_type)
        return functools.partial(self.write, Copywriter(generator, self.placements, shipped_rules()))

    def write(self, copywriter: Copywriter, records: Sequence[Record]) -> list[Mapping[str, str]]:
        """The rows of some products. Nothing is written for one that an upload has no place for."""
        places = [self._place(record) for record in records]
        jobs = [
            (record, self.brief)
            for record, place in zip(records, places, strict=True)
            if not isinstance(place, AdcraftError)
        ]
        ads = iter(copywriter.write(jobs) if jobs else ())
        return [
            _failed(place) if isinstance(place, AdcraftError) else self._row(record, place, next(ads))
            for record, place in zip(records, places, strict=True)
        ]

    @property
    def _placement(self) -> Placement:
        return self.placements.named(self.brief.placement)

    def _uploading(self, settings: GenerateSettings) -> AdForm:
        """The same with the upload of ``settings``."""
        uploads = load_uploads(Path(settings.uploads) if settings.uploads else None)
        format_ = uploads.named(settings.upload)
        texts = {
            name: tuple(_column(name, number) for number in range(1, asset.most + 1))
            for name, asset in self._placement.assets.items()
        }
        upload = UploadFile(settings.upload, format_, texts, SAFE)
        upload.check(self.brief.placement)
        least = max(asset.least for asset in self._placement.assets.values())
        if 0 < self.brief.variants < least:
            raise SettingsError(
                f"generate.variants = {self.brief.variants}: {settings.placement} wants {least} of some "
                f"texts, so the upload would be refused. Use {least} or more, or 0 for as many as it takes."
            )
        destination = Destination.of(settings, format_.campaign_chars, format_.ad_group_chars)
        return replace(self, upload=upload, destination=destination)

    def _place(self, record: Record) -> Mapping[str, str] | AdcraftError:
        try:
            return self.destination.fill(record) if self.destination else {}
        except BriefError as error:
            return error

    def _row(self, record: Record, place: Mapping[str, str], ad: Ad | AdcraftError) -> Mapping[str, str]:
        if isinstance(ad, AdcraftError):
            return _failed(ad)
        row = {**place, **_texts(ad)}
        if len(row) == len(place):
            return {ERROR: "no text: nothing that can be published came of this product"}
        if self.upload is None:
            return row
        try:
            self._check_counts(ad)
            self.upload.rows({**record, **row})
        except BriefError as error:
            return _failed(error)
        return row

    def _check_counts(self, ad: Ad) -> None:
        for name, asset in self._placement.assets.items():
            if (count := len(ad.assets[name].texts)) < asset.least:
                raise BriefError(
                    f"{count} texts of {name}, and {self._placement.title} wants {asset.least}: no more that "
                    "can be published came of this product."
                )


def _failed(error: AdcraftError) -> Mapping[str, str]:
    return {ERROR: str(error)}


def _texts(ad: Ad) -> Mapping[str, str]:
    texts = {
        _column(name, number): text
        for name, copy in ad.assets.items()
        for number, text in enumerate(copy.texts, 1)
    }
    safe = " ".join(column for column, text in texts.items() if text.safe)
    return {column: text.text for column, text in texts.items()} | ({SAFE: safe} if safe else {})


def _column(asset: str, number: int) -> str:
    return PLAIN if (asset, number) == (PLAIN, 1) else f"{asset}_{number}"
