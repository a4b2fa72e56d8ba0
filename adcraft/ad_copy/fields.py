"""The record of a product, and the column names that shops use for it."""

from typing import Literal

from adcraft.workload import FieldSpec

Kind = Literal["headline", "description", "body", "subject"]
"""Of text that the model writes."""
AD_FIELDS: dict[str, Kind] = {
    "ad": "body",
    "headline": "headline",
    "ad_description": "description",
    "subject": "subject",
}
"""Fields that hold ad copy, each with what kind it is. They say nothing about the product that could be
relied on."""

FIELDS = (
    FieldSpec("id", ("product id", "sku", "item id", "uniq id", "index", "pid", "asin", "gtin", "offer id")),
    FieldSpec(
        "product_name",
        ("name", "title", "product title", "item name", "product", "item title", "display name"),
        required=True,
        identity=True,
        max_chars=300,
    ),
    FieldSpec(
        "brand",
        ("product brand", "brand name", "manufacturer", "vendor", "maker", "label"),
        identity=True,
        max_chars=100,
    ),
    FieldSpec(
        "category",
        (
            "product category",
            "product type",
            "google product category",
            "department",
            "product category tree",
        ),
        identity=True,
    ),
    FieldSpec("gender", ("sex", "ideal for", "target group"), identity=True),
    FieldSpec("color", ("colour", "primary color", "primary colour", "base colour"), identity=True),
    FieldSpec("material", ("fabric", "materials"), identity=True),
    FieldSpec(
        "description",
        ("product description", "desc", "long description", "body", "body html", "details", "about product"),
        identity=True,
    ),
    FieldSpec(
        "attributes",
        ("features", "specifications", "product specifications", "specs", "bullet points", "highlights"),
        kind="attributes",
        identity=True,
    ),
    FieldSpec(
        "price",
        ("sale price", "selling price", "discounted price", "unit price", "list price", "retail price"),
        kind="price",
    ),
    FieldSpec("rating", ("product rating", "overall rating", "stars", "average rating"), kind="number"),
    FieldSpec(
        "timestamp", ("created at", "updated at", "date", "crawl timestamp", "created"), kind="timestamp"
    ),
    FieldSpec(
        "link",
        (
            "url",
            "product url",
            "product link",
            "product page",
            "product page url",
            "item url",
            "final url",
            "landing page",
            "landing page url",
            "landing url",
            "destination url",
            "page url",
            "web url",
            "purl",
        ),
    ),
    FieldSpec("tone", ("style", "voice"), counted=True),
    FieldSpec(
        "ad",
        ("ad copy", "ad text", "creative", "copy", "advertisement", "marketing copy", "ad creative"),
        identity=True,
    ),
    FieldSpec("headline", ("ad headline", "ad title"), identity=True),
    FieldSpec("ad_description", ("ad description line", "description line"), identity=True),
    FieldSpec("subject", ("email subject", "subject line"), identity=True),
)

# Most telling first: where the model's source is full, the end of the prompt is what goes.
PROMPT_FIELDS = (
    "product_name",
    "brand",
    "category",
    "gender",
    "color",
    "material",
    "price",
    "attributes",
    "description",
)
