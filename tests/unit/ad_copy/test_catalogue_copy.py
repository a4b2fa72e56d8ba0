"""Ads as rows of an output."""

from __future__ import annotations

import pickle

import pytest

from adcraft.ad_copy.catalogue_copy import AdForm
from adcraft.errors import SettingsError
from adcraft.settings import GenerateSettings


@pytest.mark.parametrize(
    ("settings", "columns"),
    [
        ({}, ("creative", "safe")),
        ({"variants": 3}, ("creative", "creative_2", "creative_3", "safe")),
        ({"placement": "pinterest"}, ("title_1", "description_1", "safe")),
        (
            {"placement": "google_rsa", "variants": 2},
            ("headline_1", "headline_2", "description_1", "description_2", "path_1", "path_2", "safe"),
        ),
    ],
)
def test_a_column_for_each_text(settings: dict[str, object], columns: tuple[str, ...]) -> None:
    form = AdForm.of(GenerateSettings.model_validate(settings))
    assert form.columns == columns
    assert pickle.loads(pickle.dumps(form)) == form


def test_what_decides_the_copy_is_in_the_key() -> None:
    upload = {"placement": "meta", "upload": "meta"}
    changes: list[dict[str, object]] = [
        {},
        {"seed": 1},
        {"placement": "meta"},
        {"banned": ["x"]},
        {**upload},
        {**upload, "campaign": "Spring"},
        {**upload, "link": "https://shop.example/{id}"},
    ]
    keys = [AdForm.of(GenerateSettings.model_validate(changed)).key for changed in changes]
    assert all(one != other for index, one in enumerate(keys) for other in keys[:index])


def test_a_placement_that_there_is_not() -> None:
    with pytest.raises(SettingsError, match="'google_x' is not known"):
        AdForm.of(GenerateSettings(placement="google_x"))


def test_an_upload_says_where_ads_go_and_needs_an_address() -> None:
    form = AdForm.of(GenerateSettings(placement="meta", upload="meta", variants=1))
    assert form.columns == (
        *("link", "campaign", "ad_group"),
        *("primary_text_1", "headline_1", "description_1", "safe"),
    )
    assert form.needs == {"link": "generate.link = '{link}'"}
    assert pickle.loads(pickle.dumps(form)) == form
    plain = AdForm.of(GenerateSettings(placement="meta"))
    assert (plain.upload, plain.needs) == (None, {})


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"upload": "google"}, r"upload format 'google' is not known\. Known: google_ads_editor, meta"),
        (
            {"upload": "google_ads_editor"},
            r"takes ads of the placement 'google_rsa', and generate\.placement is 'creative'\. Set",
        ),
        ({"upload": "meta", "placement": "google_rsa"}, r"Set generate\.placement=meta\."),
        (
            {"upload": "microsoft", "placement": "microsoft_rsa", "variants": 2},
            r"generate\.variants = 2: microsoft_rsa wants 3",
        ),
        ({"upload": "meta", "placement": "meta", "campaign": "{sku}"}, "no field 'sku'"),
        ({"upload": "meta", "placement": "meta", "uploads": "none.yaml"}, "none.yaml can't be read"),
    ],
)
def test_an_upload_that_can_not_be(settings: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        AdForm.of(GenerateSettings.model_validate(settings))
