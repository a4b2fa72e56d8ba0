"""Where an ad goes: templates of settings, filled in by a product."""

from __future__ import annotations

import pytest

from adcraft.ad_copy.destination import Destination
from adcraft.errors import BriefError, SettingsError
from adcraft.settings import GenerateSettings
from adcraft.workload import Record

SHOE: Record = {
    "id": "A 1/2",
    "product_name": "Trail Shoe",
    "brand": None,
    "category": "Shoes",
    "link": "https://shop.example/trail?size=42&colour=grün",
}


def destination(**settings: str) -> Destination:
    return Destination.of(GenerateSettings.model_validate(settings), campaign_chars=20, ad_group_chars=17)


def test_without_settings_the_feed_s_link_and_an_ad_group_for_each_product() -> None:
    assert destination().fill(SHOE) == {
        "link": "https://shop.example/trail?size=42&colour=grün",
        "campaign": "Adcraft",
        "ad_group": "A 1/2 Trail Shoe",
    }
    assert destination().needs == {"link": "generate.link = '{link}'"}


@pytest.mark.parametrize(
    ("link", "address"),
    [
        ("https://shop.example/p/{id}", "https://shop.example/p/A%201%2F2"),
        ("{link}&from=ad", "https://shop.example/trail?size=42&colour=grün&from=ad"),
        ("HTTP://shop.example:8080/{category}/{{x", None),
        ("http://[::1]/{category}", "http://[::1]/Shoes"),
    ],
)
def test_an_address_by_a_pattern(link: str, address: str | None) -> None:
    if address is None:
        with pytest.raises(SettingsError, match="no http or https address"):
            destination(link=link)
    else:
        assert destination(link=link).fill(SHOE)["link"] == address


@pytest.mark.parametrize(
    "link",
    [
        "shop.example/trail",
        "/trail",
        "ftp://shop.example/trail",
        "javascript:alert(1)",
        "https://",
        "https:///trail",
        "https://shop.example/a b",
        "https://shop.example/a\thttps://other.example",
        "https://shop.example/{lpurl}",
        "https://shop.example:port/trail",
        "https://shop.example:99999/trail",
        "https://[::1/trail",
        "https://shop.example/" + "a" * 2048,
    ],
)
def test_a_link_that_is_no_address_fails_its_product(link: str) -> None:
    with pytest.raises(
        BriefError, match=r"which is no http or https address|2069 characters, and tools take"
    ):
        destination().fill({**SHOE, "link": link})


@pytest.mark.parametrize(
    ("settings", "lacking", "words"),
    [
        ({}, "link", r"has no link, which generate\.link = '\{link\}' takes"),
        ({"link": "https://shop.example/{id}"}, "id", "has no id"),
        ({"campaign": "{category}"}, "category", r"name of the campaign is empty: .* '\{category\}'"),
        ({"ad_group": " {brand} "}, "brand", "name of the ad group is empty"),
    ],
)
def test_what_a_product_lacks(settings: dict[str, str], lacking: str, words: str) -> None:
    with pytest.raises(BriefError, match=words):
        destination(**settings).fill({**SHOE, lacking: None})


def test_names_leave_out_what_a_product_lacks_and_are_cut() -> None:
    filled = destination(campaign="{brand} {category}", ad_group="{product_name}s,  size {id}").fill(SHOE)
    assert (filled["campaign"], filled["ad_group"]) == ("Shoes", "Trail Shoes, size")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"link": "https://shop.example/{sku}"},
            r"generate\.link = .*no field 'sku'\. Fields of a product: id",
        ),
        ({"campaign": "{}"}, r"generate\.campaign = '\{\}' can't be read"),
        ({"campaign": "{id!r}"}, r"generate\.campaign = .* can't be read"),
        ({"ad_group": "{id.__class__}"}, r"generate\.ad_group = .* can't be read"),
        ({"ad_group": "{id"}, r"generate\.ad_group = .* can't be read"),
        ({"link": "shop.example/p/{id}"}, r"generate\.link = .* gives 'shop\.example/p/1', which is no http"),
        ({"link": ""}, r"generate\.link = '' gives ''"),
    ],
)
def test_wrong_templates_are_refused_at_once(settings: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        destination(**settings)
