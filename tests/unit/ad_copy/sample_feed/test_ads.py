"""What every ad must hold to, since it is what a model learns to write."""

import re
from collections import Counter
from collections.abc import Iterable

from adcraft.ad_copy.phrasing.tones import AD
from adcraft.ad_copy.sample_feed.catalogue import Kind, catalogue
from adcraft.ad_copy.sample_feed.products import Product

NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def record(product: Product) -> str:
    """Everything that a shop's record says, without the ad."""
    return (
        f"{product.title} | {product.brand} | {product.description} | {product.attributes} | {product.price}"
    )


def kinds() -> Iterable[Kind]:
    return (kind for category in catalogue() for kind in category)


def texts(product: Product) -> tuple[str, ...]:
    """All that was written for it; a headline's capitals are no matter of grammar."""
    return product.ad, product.headline.lower(), product.ad_description, product.subject


def sentences(ad: str) -> set[str]:
    return set(re.split(r"(?<=[.?!]) ", ad))


def shared(ads: Iterable[str]) -> float:
    """The share of sentences that occur in another ad too."""
    by_ad = [sentences(ad) for ad in ads]
    count = Counter(sentence for found in by_ad for sentence in found)
    return sum(count[s] > 1 for found in by_ad for s in found) / sum(map(len, by_ad))


def test_length(rows: list[Product]):
    assert (AD.least, AD.most) == (60, 158)
    assert all(60 <= len(row.ad) <= 158 for row in rows)
    assert all(1 <= len(sentences(row.ad)) <= 4 for row in rows)


def test_brand_is_verbatim(rows: list[Product]):
    assert [row for row in rows if row.brand not in row.ad] == []


def test_title_and_price_are_sometimes_verbatim(rows: list[Product]):
    assert 0.15 < sum(row.title in row.ad for row in rows) / len(rows) < 0.5
    assert 0.1 < sum(row.price in row.ad for row in rows) / len(rows) < 0.5


def test_every_number_stands_in_the_record(rows: list[Product]):
    invented = [
        (text, n)
        for row in rows
        for text in texts(row)
        for n in NUMBER.findall(text)
        if n not in NUMBER.findall(record(row))
    ]
    assert invented == []


def test_every_feature_use_and_benefit_stands_in_the_record(rows: list[Product]):
    """A benefit stands in the record where the feature does that it belongs to."""
    features_of: dict[str, set[str]] = {}
    for feature in (feature for kind in kinds() for feature in kind.features):
        for facts in feature.first:
            for benefit in (facts["does1"], facts["do1"], facts["f1_does"]):
                features_of.setdefault(benefit, set()).add(feature.bare)
    # Single words ("promises", "stacking") are plain English too, so they prove nothing.
    claims = {feature.bare for kind in kinds() for feature in kind.features}
    claims = {claim for claim in claims.union(*(kind.uses for kind in kinds())) if " " in claim}
    benefit_in, claim_in = any_of(features_of), any_of(claims)
    for row in rows:
        known = record(row).lower()
        for benefit in benefit_in.findall(row.ad):
            owners = features_of.get(benefit) or features_of[benefit[0].lower() + benefit[1:]]
            assert any(feature.lower() in known for feature in owners), row
        rest = benefit_in.sub("", row.ad)
        assert [claim for claim in claim_in.findall(rest) if claim.lower() not in known] == [], row


def any_of(phrases: Iterable[str]) -> re.Pattern[str]:
    """Any of the phrases, the longest first, in any case at its beginning."""
    longest = sorted(phrases, key=len, reverse=True)
    return re.compile("|".join(rf"\b(?i:{re.escape(p[0])}){re.escape(p[1:])}\b" for p in longest))


def test_every_look_stands_in_the_record(rows: list[Product]):
    """A wooden lamp is never advertised as brass: looks before the product's own noun are its own."""
    looks = {
        kind.facts["noun"]: {a.split(": ")[1] for look in kind.looks for a in look.attributes}
        for kind in kinds()
    }
    said = [
        (row, look)
        for row in rows
        for noun in looks
        if noun in row.ad
        for look in looks[noun]
        if re.search(rf"(?<![\w-]){look} {noun}", row.ad)
    ]
    assert len(said) > len(rows) / 3
    assert [(row, look) for row, look in said if look not in row.attributes] == []


def test_no_invented_discount_stock_or_delivery(rows: list[Product]):
    claims = re.compile(
        r"\b(?:discount|sale|save \d|% off|in stock|selling out|last few|limited|free (?:delivery|shipping)|"
        r"guarantee[ds]?|warranty|best[- ]selling|award|number one|cheapest|ends (?:soon|today|tonight))\b",
        re.IGNORECASE,
    )
    assert [text for row in rows for text in texts(row) if claims.search(text)] == []


def test_articles_agree(rows: list[Product]):
    """Checked against a list of its own, not by the code that chose them."""
    a_before_vowel = {
        "one-hand",
        "one-handed",
        "one-piece",
        "one-pot",
        "one-touch",
        "usb",
        "usb-c",
        "useful",
        "uv-stable",
    }
    an_before_consonant = {"rfid-blocking", "led", "s2"}
    for row in rows:
        for found in re.finditer(r"\b([Aa]n?) ([\w-]+)", " ".join([*texts(row), row.description])):
            chosen, word = found[1].lower(), found[2].lower()
            vowel = (word[0] in "aeiou" and word not in a_before_vowel) or word in an_before_consonant
            vowel |= word[0] == "8" or word in {"11", "18"}
            assert chosen == ("an" if vowel else "a"), found[0]


def test_demonstratives_and_verbs_agree(rows: list[Product]):
    plural = {kind.facts["noun"] for kind in kinds() if kind.number == "plural"}
    singular = {kind.facts["noun"] for kind in kinds() if kind.number != "plural"}
    words = r"(?:(?!by |from |every )[\w-]+ ){0,5}?"
    wrong = [
        *(rf"\b[Tt]his {words}{noun}\b" for noun in plural),
        *(rf"\b[Tt]hese {words}{noun}\b" for noun in singular),
        r"\b[Tt]hey (?:has|is|\w+[^s]s) ",
        r"(?<!let )\b[Ii]t (?:have|are|come|keep|make|let|stay) ",
        r"[{}^\[\]|]|  | [.,;:!?]|\.\.|,,",
    ]
    pattern = re.compile("|".join(wrong))
    assert [text for row in rows for text in texts(row) if pattern.search(text)] == []


def test_every_sentence_starts_and_ends_well(rows: list[Product]):
    for row in rows:
        for text in (row.ad, row.description):
            assert re.fullmatch(r"[A-Z0-9].*[.?!]", text), text
            assert not re.search(r"[.?!] [a-z]", text), text


def test_two_ads_seldom_share_a_sentence(rows: list[Product]):
    exact = shared(row.ad for row in rows)
    slotted = shared(row.ad.replace(row.title, "<name>").replace(row.brand, "<brand>") for row in rows)
    assert exact < 0.02, f"{exact:.1%} of the sentences stand in another ad"
    assert slotted < 0.05, f"{slotted:.1%} of the sentences stand in another ad but for brand and title"
