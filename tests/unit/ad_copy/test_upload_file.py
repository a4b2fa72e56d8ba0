"""Files that tools import, byte by byte; and that nothing in a text can break them."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adcraft.ad_copy.catalogue_copy import AdForm
from adcraft.ad_copy.copywriting.ad import Ad, AdText, AssetCopy
from adcraft.ad_copy.copywriting.brief import Brief
from adcraft.ad_copy.placements import shipped_placements
from adcraft.ad_copy.upload_file import UploadFile
from adcraft.ad_copy.uploads import shipped_uploads
from adcraft.errors import AdcraftError, BriefError
from adcraft.settings import GenerateSettings
from adcraft.workload import Record

GOLDEN = Path(__file__).with_name("upload_files")
NAMES = sorted(shipped_uploads().uploads)
PRODUCTS: list[Record] = [
    {
        "id": "7",
        "product_name": 'Läufer 24" "Sprint"',
        "brand": "Aera",
        "category": "Shoes",
        "link": "https://shop.example/7?a=1,2",
    },
    {"id": "8", "product_name": "No Address", "brand": "Aera", "link": None},
    {"id": None, "product_name": "=SUM(Kurta)", "brand": None, "link": "http://shop.example/8;x"},
    {"id": "9", "product_name": "Nothing Written", "brand": None, "link": "http://shop.example/9"},
    {"id": "10", "product_name": "Too Few", "brand": None, "link": "http://shop.example/10"},
]


class Writer:
    """In the place of a copywriter: a few texts of each asset that say what they are."""

    def write(self, jobs: Sequence[tuple[Record, Brief]]) -> list[Ad | AdcraftError]:
        return [self._ad(record, brief) for record, brief in jobs]

    def _ad(self, record: Record, brief: Brief) -> Ad | AdcraftError:
        name = record["product_name"] or ""
        if name == "Nothing Written":
            return BriefError("Nothing was written.")
        assets = {}
        for asset, limits in shipped_placements().named(brief.placement).assets.items():
            count = 1 if name == "Too Few" else max(limits.least, limits.most - 1)
            texts = [f"{name}, {asset} №{number}" for number in range(1, count + 1)]
            safe = name.startswith("=")
            assets[asset] = AssetCopy(
                tuple(AdText(text, None, safe and text is texts[-1], len(text), True) for text in texts), ()
            )
        return Ad(brief.placement, assets, next(iter(assets)))


def form(name: str) -> AdForm:
    placement = shipped_uploads().named(name).placement
    return AdForm.of(GenerateSettings(upload=name, placement=placement, campaign="Spring {category}"))


def upload(name: str) -> UploadFile:
    made = form(name).upload
    assert made is not None
    return made


def ads(name: str) -> list[dict[str, str | None]]:
    """Rows of a catalogue's output."""
    writer: Any = Writer()
    rows = form(name).write(writer, PRODUCTS)
    return [{**record, **row} for record, row in zip(PRODUCTS, rows, strict=True)]


def read(file: Path, upload: UploadFile) -> list[list[str]]:
    delimiter = {"comma": ",", "tab": "\t"}[upload.format.delimiter]
    with file.open(encoding=upload.format.encoding, newline="") as opened:
        return list(csv.reader(opened, delimiter=delimiter, strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_bytes_of_a_file(name: str, tmp_path: Path) -> None:
    upload(name).write(tmp_path / "ads.csv", [ad for ad in ads(name) if not ad.get("error")])
    assert (tmp_path / "ads.csv").read_bytes() == (GOLDEN / f"{name}.csv").read_bytes()


@pytest.mark.parametrize("name", ["google_ads_editor", "microsoft"])
def test_why_an_ad_is_not_in_it(name: str) -> None:
    errors = [ad.get("error") for ad in ads(name)]
    assert [bool(error) for error in errors] == [False, True, False, True, True]
    assert "The product has no link" in str(errors[1])
    assert errors[3] == "Nothing was written."
    assert "1 texts of headline, and" in str(errors[4])


def test_what_a_row_of_the_output_has_beside_its_texts() -> None:
    ad = ads("google_ads_editor")[2]
    assert [ad[column] for column in ("link", "campaign", "ad_group")] == [
        "http://shop.example/8;x",
        "Spring",
        "=SUM(Kurta)",
    ]
    assert str(ad["safe"]).split() == ["headline_14", "description_3", "path_1"]
    assert form("google_ads_editor").columns[:4] == ("link", "campaign", "ad_group", "headline_1")


def test_microsoft_s_texts_are_json() -> None:
    _, row = upload("microsoft").rows(ads("microsoft")[0])
    headlines = json.loads(row["Headline"])
    assert len(headlines) == 14
    assert headlines[0] == {"text": 'Läufer 24" "Sprint", headline №1'}


@pytest.mark.parametrize(("name", "cell"), [("google_ads_editor", "[]"), ("microsoft", "delete_value")])
def test_a_cell_that_is_a_command_is_refused(name: str, cell: str) -> None:
    ad = {**ads(name)[0], "campaign": cell}
    with pytest.raises(BriefError, match="as a command"):
        upload(name).rows(ad)
    with pytest.raises(BriefError, match="as a command"):
        upload(name).rows({**ad, "campaign": "", "path_1": cell})
    assert upload(name).rows({**ad, "campaign": f"{cell} "})


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["=1+1", "+1", "-1", "@a", '"', '""', ",", "\t", "\r", "\n", "\r\n", "\ufeff", "\0", " ", "{link}", "[]x"]
)


@pytest.mark.parametrize("name", NAMES)
@given(cells=st.lists(st.lists(TEXT, min_size=6, max_size=6), max_size=3))
@example(cells=[])
def test_any_text_reads_back_as_it_was(
    name: str, cells: list[list[str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    made = upload(name)
    made = replace(made, format=made.format.model_copy(update={"reserved": []}))
    first = next(iter(made.texts.values()))[0]
    columns = ("id", "link", "campaign", "ad_group", first, "path_1")
    given_ads: list[Mapping[str, str]] = [dict(zip(columns, row, strict=True)) for row in cells]
    file = tmp_path_factory.mktemp("upload") / "ads.csv"
    made.write(file, given_ads)
    header, *rows = read(file, made)
    assert header == list(made.format.columns)
    expected = [*made.format.first, *(row for ad in given_ads for row in made.rows(ad))]
    assert rows == [[row.get(column, "") for column in header] for row in expected]
    for row, ad in zip(rows[-len(given_ads) :], given_ads, strict=False):
        assert name == "microsoft" or {ad["link"], ad["campaign"], ad[first]} <= set(row)
