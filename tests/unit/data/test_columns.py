"""Which column holds which field."""

import pytest

from adcraft.data.columns import ColumnRules, plain_name
from adcraft.errors import FeedError
from adcraft.workloads import get_workload

WORKLOAD = get_workload("ad_copy")


def rules(**explicit: str) -> ColumnRules:
    return ColumnRules.of(WORKLOAD, explicit)


@pytest.mark.parametrize(
    "column", ["ProductName", "product_name", "PRODUCT NAME", "product-name", "Product Name (en)"]
)
def test_names_are_compared_plainly(column: str) -> None:
    assert plain_name(column) == "productname"


def test_myntra() -> None:
    header = ["ProductID", "ProductName", "ProductBrand", "Gender", "Price (INR)", "NumImages", "Description"]
    assert rules().recognise(header) == {
        "id": ("ProductID",),
        "product_name": ("ProductName",),
        "brand": ("ProductBrand",),
        "gender": ("Gender",),
        "price": ("Price (INR)",),
        "description": ("Description",),
    }


def test_the_field_s_own_name_goes_first() -> None:
    found = rules().recognise(["manufacturer", "title", "brand", "product_name"])
    assert found["brand"] == ("brand", "manufacturer")
    assert found["product_name"] == ("product_name", "title")


def test_an_explicit_column_is_the_only_one_and_serves_no_other_field() -> None:
    found = rules(brand="title").recognise(["title", "name", "brand"])
    assert found == {"brand": ("title",), "product_name": ("name",)}


def test_target_by_field_by_column_and_by_a_column_of_no_field() -> None:
    header = ["Title", "Description", "Ad Copy", "Promo"]
    assert rules().learning("", header).target_fields == ("ad", "description")
    assert rules().learning("description", header).target_fields == ("description",)
    assert rules().learning("Description", header).target_fields == ("description",)
    promo = rules().learning("promo", header)
    assert promo.target_fields == ("ad",)
    assert promo.recognise(header)["ad"] == ("Promo",)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rules(brnd="x"), r"data\.columns\.brnd: there is no such field\. Did you mean 'brand'"),
        (
            lambda: rules(brand="Brnd").check(["title", "Brand", "ad"], "f.csv"),
            r"no column 'Brnd'.*mean 'Brand'",
        ),
        (
            lambda: rules().check(["a", "b"], "f.csv"),
            r"f\.csv has no column that looks like product_name.*'a', 'b'",
        ),
        (lambda: rules().check(["title", "x"], "f.csv"), r"no column with a text to learn.*Set data\.target"),
        (
            lambda: rules().learning("promo", ["title", "promos"]),
            r"'promo': the feed has no such.*mean 'promos'",
        ),
    ],
)
def test_faults_name_what_is_there(call, message: str) -> None:
    with pytest.raises(FeedError, match=message):
        call()


def test_a_link_is_no_picture_s() -> None:
    header = ["title", "image_link", "Image URL", "img", "Product URL", "mobile_link"]
    assert rules().recognise(header) == {"product_name": ("title",), "link": ("Product URL",)}
