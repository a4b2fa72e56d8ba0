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
    changes: list[dict[str, object]] = [{}, {"seed": 1}, {"placement": "meta"}, {"banned": ["x"]}]
    keys = [AdForm.of(GenerateSettings.model_validate(changed)).key for changed in changes]
    assert all(one != other for index, one in enumerate(keys) for other in keys[:index])


def test_a_placement_that_there_is_not() -> None:
    with pytest.raises(SettingsError, match="'google_x' is not known"):
        AdForm.of(GenerateSettings(placement="google_x"))
