"""Upload formats: the shipped data, and a shop's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from adcraft.ad_copy.catalogue_copy import AdForm
from adcraft.ad_copy.placements import shipped_placements
from adcraft.ad_copy.uploads import load_uploads, shipped_uploads
from adcraft.errors import SettingsError
from adcraft.settings import GenerateSettings

OWN = """
version: "7"
uploads:
  pins:
    title: Our tool for pins
    sources: ["https://shop.example/wiki"]
    checked: "2026-01-31"
    placement: pinterest
    encoding: utf-8
    delimiter: tab
    campaign_chars: 50
    ad_group_chars: 50
    first:
      - Note: made by a {{machine}}
    rows:
      - Title: "{title_1}"
        Text: "{description_1}"
        Page: "{link}"
"""


@pytest.mark.parametrize("name", shipped_uploads().uploads)
def test_shipped_formats_go_with_their_placement_and_name_their_sources(name: str) -> None:
    upload = shipped_uploads().named(name)
    form = AdForm.of(GenerateSettings(upload=name, placement=upload.placement))
    assert form.upload is not None
    assert form.upload.format == upload
    assert all(source.startswith("https://") for source in upload.sources)


@pytest.mark.parametrize(("name", "status"), [("google_ads_editor", "Status"), ("meta", "Ad Status")])
def test_ads_are_made_paused(name: str, status: str) -> None:
    (row,) = shipped_uploads().named(name).rows
    assert row[status].lower() == "paused"


def test_microsoft_s_version_stands_above_and_its_ad_group_before_the_ad() -> None:
    upload = shipped_uploads().named("microsoft")
    assert upload.first == [{"Type": "Format Version", "Name": "6.0"}]
    assert [row["Type"] for row in upload.rows] == ["Ad Group", "Responsive Search Ad"]
    assert upload.rows[1]["Status"] == "Paused"
    assert upload.columns[0] == "Type"


@pytest.mark.parametrize("name", shipped_uploads().uploads)
def test_every_text_of_the_placement_has_a_column(name: str) -> None:
    upload = shipped_uploads().named(name)
    cells = {cell for row in upload.rows for cell in row.values()}
    for asset, limits in shipped_placements().named(upload.placement).assets.items():
        each = {f"{{{asset}_{number}}}" for number in range(1, limits.most + 1)}
        assert each <= cells or f"{{{asset}_list}}" in cells


def test_a_shop_s_own_stand_beside_the_shipped(tmp_path: Path) -> None:
    file = tmp_path / "uploads.yaml"
    file.write_text(OWN)
    both = load_uploads(file)
    assert both.version == f"{shipped_uploads().version}+7"
    assert both.named("meta") == shipped_uploads().named("meta")
    form = AdForm.of(GenerateSettings(upload="pins", uploads=str(file), placement="pinterest"))
    assert form.upload is not None
    assert form.upload.format.columns == ("Title", "Text", "Page", "Note")
    form.upload.write(tmp_path / "pins.csv", [])
    assert (tmp_path / "pins.csv").read_bytes() == b"Title\tText\tPage\tNote\r\n\t\t\tmade by a {machine}\r\n"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("delimiter: tab", "delimiter: pipe", "uploads.pins.delimiter"),
        ("encoding: utf-8", "encoding: latin-1", "uploads.pins.encoding"),
        ("checked:", "chekced:", "uploads.pins.checked: Field required"),
        ("{title_1}", "{title_1", "uploads.pins.rows"),
        ("  pins:", "  pins/x:", "uploads.pins/x"),
        ('sources: ["https://shop.example/wiki"]', "sources: []", "uploads.pins.sources"),
        (OWN, "- 1", "not a mapping with 'version' and 'uploads'"),
    ],
)
def test_a_fault_in_the_file_is_named(tmp_path: Path, old: str, new: str, words: str) -> None:
    file = tmp_path / "uploads.yaml"
    file.write_text(OWN.replace(old, new))
    with pytest.raises(SettingsError) as refused:
        load_uploads(file)
    assert words in str(refused.value)
    assert str(file) in str(refused.value)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("{title_1}", "{title_2}", "{title_2} in column 'Title'. Known there: ad_group, brand, campaign"),
        ("{{machine}}", "{link}", "{link} in column 'Note'. Known there: nothing"),
    ],
)
def test_a_value_that_there_is_not(tmp_path: Path, old: str, new: str, words: str) -> None:
    file = tmp_path / "uploads.yaml"
    file.write_text(OWN.replace(old, new))
    with pytest.raises(SettingsError) as refused:
        AdForm.of(GenerateSettings(upload="pins", uploads=str(file), placement="pinterest"))
    assert words in str(refused.value)


def test_an_unknown_format_lists_the_known_ones() -> None:
    with pytest.raises(
        SettingsError, match=r"'google' is not known\. Known: google_ads_editor, meta, microsoft\."
    ):
        shipped_uploads().named("google")
