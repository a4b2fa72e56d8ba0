"""The kinds of product that copy presents, and that the record must name: texts, and shares of corpora."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from adcraft.ad_copy.guardrails.facts import Facts
from adcraft.ad_copy.guardrails.folding import fold
from adcraft.ad_copy.guardrails.grounding import ungrounded
from adcraft.ad_copy.guardrails.presented import presented
from adcraft.ad_copy.guardrails.rules import shipped_rules
from adcraft.ad_copy.sample_feed.products import products

RULES = shipped_rules()
KINDS = RULES.product_kinds
SHARED = Path(__file__).parents[5] / "shared" / "data"
MYNTRA = SHARED / "products" / "myntra_products_catalog.csv"
ADS = SHARED / "ad_copy" / "product_ads.csv"
SEED, ROWS = 11, 800
COLUMNS = ("headline", "subject", "ad_description", "ad")
MOST_OF_OWN, LEAST_OF_OTHERS = 0.005, 0.7


@pytest.mark.parametrize(
    ("noun", "text"),
    [
        ("lamp", "Lamp"),
        ("desk lamp", "Steel desk lamp"),
        ("lamp", "Meet the lamp"),
        ("lamps", "Our lamps glow"),
        ("lamp", "This lamp glows."),
        ("lamp", "A lamp that glows"),
        ("lamp", "So bright: a brass lamp with a dimmer"),
        ("lamp", "Nights are long. Here is a lamp for them."),
        ("lamp", "Goodness knows why a lamp by Keltrix works"),
        ("lamps", "At night, Keltrix's brass lamps glow"),
        ("sandals", "A pair of red sandals, secured with a strap"),
        ("shirt", "Blue and white striped casual shirt, has a collar"),
        ("jeans", "Dark wash jeans"),
        ("lamp", "Your lamp"),
        ("lamp", "Meet your new lamp"),
        ("lamp", "Hello, lamp"),
        ("lamp", "Upgrade to a lamp"),
        ("lamp", "Brass Lamp, Refined"),
        ("scarves", "These scarves for cold days"),
    ],
)
def test_presented(noun: str, text: str) -> None:
    assert [found.text for found in presented(fold(text), "keltrix", KINDS)] == [noun]


@pytest.mark.parametrize(
    "text",
    [
        "Lamp shade",
        "Goes with a lamp",
        "Pair it with these jeans",
        "Wear it under our coats",
        "Light your desk",
        "Clear desks",
        "Messy desk?",
        "Desk, sofa, done",
        "Desk to dinner",
        "Swap the shoes for socks",
        "The coffee is ready",
        "The sofa is yours again",
        "As soft as a pillow",
        "Shirt pocket",
        "Sit down on the sofa",
        "Put the phone away",
    ],
)
def test_not_presented(text: str) -> None:
    assert list(presented(fold(text), "keltrix", KINDS)) == []


@pytest.mark.parametrize(
    ("name", "text", "refused"),
    [
        ("Glass Blender 500 W", "Desk Organiser", True),
        ("Glass Blender 500 W", "Our juicer, refined", False),  # of a group with it
        ("Canvas Sneaker", "This footwear goes everywhere", False),
        ("Canvas Sneakers", "This sneaker goes everywhere", False),
        ("Canvas Sneakers with Shoe Bag", "This bag goes everywhere", False),
        ("Keltrix X4", "Desk Organiser", False),  # nobody knows what it is
    ],
)
def test_kinds_that_may_stand_for_one_another(name: str, text: str, refused: bool) -> None:
    assert is_refused(text, Facts.of({"product_name": name}, RULES)) is refused


def test_a_record_names_its_kind_in_its_description_where_its_name_does_not() -> None:
    facts = Facts.of({"product_name": "Keltrix X4", "description": "A kettle of steel."}, RULES)
    assert is_refused("Desk Organiser", facts)
    assert not is_refused("Steel kettle", facts)


def test_the_data_fits_together() -> None:
    nouns = {noun for group in KINDS.groups.values() for noun in group}
    assert len(nouns) >= 500
    assert nouns >= KINDS.ambiguous
    assert all(noun == fold(noun).text for noun in nouns)
    assert all(len(noun.split()) <= 3 for noun in nouns)
    assert all(len(set(group)) == len(group) for group in KINDS.groups.values())


def is_refused(text: str, facts: Facts) -> bool:
    folded = fold(text)
    hits = RULES.scanner.scan(folded)
    return any(finding.rule == "product_kind" for finding in ungrounded(text, folded, hits, facts, RULES))


Record = Mapping[str, str]


def shares(name: str, cases: Sequence[tuple[str, Record]]) -> tuple[float, float]:
    """Refused of the records' own texts, and of texts that name the kind of another record, with this one's
    name and brand in their place; it prints both.
    """
    facts = [Facts.of(record, RULES) for _, record in cases]
    own = [text for (text, _), known in zip(cases, facts, strict=True) if is_refused(text, known)]
    others = list(range(len(cases)))
    random.Random(SEED).shuffle(others)
    caught = count = 0
    for (text, record), theirs, other in zip(cases, facts, others, strict=True):
        foreign = as_if_of(text, record, cases[other][1])
        if theirs.kinds.isdisjoint(facts[other].kinds) and names_another_kind(foreign, facts[other]):
            count += 1
            caught += is_refused(foreign, facts[other])
    print(f"\n{name}: refused of {len(cases)} own texts {len(own)}, of {count} about another kind {caught}")
    for text in own:
        print(f"  own: {text!r}")
    return len(own) / len(cases), caught / count


def as_if_of(text: str, record: Record, other: Record) -> str:
    for field in ("product_name", "brand"):
        if record.get(field) and other.get(field):
            text = text.replace(record[field], other[field])
    return text


def names_another_kind(text: str, facts: Facts) -> bool:
    words = [word.group() for word in fold(text).words]
    nouns = KINDS.telling.intersection(words)
    return any(KINDS.groups_of[noun].isdisjoint(facts.kinds) and not facts.says(noun) for noun in nouns)


@pytest.mark.parametrize("column", COLUMNS)
def test_the_sample_feeds_texts(column: str) -> None:
    rows = [row._asdict() for row in products(ROWS, seed=SEED)]
    cases = [(row[column], {**row, "product_name": row["title"]}) for row in rows]
    own, others = shares(f"sample feed, {column}", cases)
    assert own <= MOST_OF_OWN
    assert others >= LEAST_OF_OTHERS


def rows_of(file: Path) -> Iterator[dict[str, str]]:
    with file.open(encoding="utf-8-sig") as opened:
        yield from csv.DictReader(opened)


@pytest.mark.skipif(not MYNTRA.exists(), reason=f"{MYNTRA} is not on this machine")
def test_descriptions_of_a_fashion_shop() -> None:
    cases = [
        (
            row["Description"].partition(".")[0][:200],
            {
                "product_name": row["ProductName"],
                "brand": row["ProductBrand"],
                "description": row["Description"],
            },
        )
        for row in list(rows_of(MYNTRA))[3::12]
    ]
    own, others = shares("Myntra, descriptions", cases)
    assert own <= MOST_OF_OWN
    assert others >= LEAST_OF_OTHERS


@pytest.mark.skipif(not ADS.exists(), reason=f"{ADS} is not on this machine")
def test_ads_that_people_wrote() -> None:
    """They present a product by its name, which another's takes the place of: few name a kind besides."""
    cases = [
        (
            row["ad"],
            {"product_name": row["product"], "category": row["category"], "description": row["description"]},
        )
        for row in rows_of(ADS)
    ]
    assert shares("ads that people wrote", cases)[0] <= MOST_OF_OWN
