"""The shop's side of a row: title, attributes and description. What an ad says stands in one of them."""

from __future__ import annotations

import functools

from pydantic import BaseModel, ConfigDict, Field

from adcraft.ad_copy.data_files import read_file
from adcraft.ad_copy.phrasing.draws import Draw, pick
from adcraft.ad_copy.phrasing.english import Number, sentence_case
from adcraft.ad_copy.phrasing.templates import Facts, variants
from adcraft.ad_copy.sample_feed.catalogue import Feature, Kind, Look, Measure

MIN_DESCRIPTION_CHARS, MAX_DESCRIPTION_CHARS = 80, 400
_MAX_TITLE_CHARS = 60

# Names of product lines. No materials, colours or flavours: a name must not read as a fact.
_LINES = (
    "Alcove Amble Anchor Arbour Aster Avenue Badger Beacon Bramble Brook Cairn Clover Comet Compass "
    "Coppice Cove Crest Dahlia Dune Ember Falcon Fern Finch Fjord Foxglove Gable Grove Harbour Heron "
    "Horizon Iris Isle Kestrel Lagoon Lark Lodge Lumen Lupin Marlow Meadow Meridian Mistral Monsoon "
    "Moor Nimbus Orbit Orchard Otter Pebble Pilot Poppy Prairie Quay Raven Ridge River Robin Sierra "
    "Solstice Sparrow Summit Swift Tansy Tarn Teasel Thistle Tide Trellis Tundra Vale Vesper Wharf Wren "
    "Zephyr"
).split()
_CODES = ("{}00", "{}0", "S{}", "X{}", "Mk {}", "V{}", "{}00 Pro", "T{}0")


class _Wording(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    bodies: list[str] = Field(min_length=1)
    uses: list[str] = Field(min_length=1)


def write_title(kind: Kind, look: Look, measure: Measure, feature: Feature, draw: Draw) -> str:
    """A title without the brand, such as ``Oak Wall Clock 30 cm`` or ``Harbour X4 Keyboard``."""
    form = draw()
    if form < 0.3:
        return f"{look.title} {kind.title} {measure.title}".rstrip()
    line = pick(_LINES, draw)
    if form < 0.55:
        return f"{line} {look.title} {kind.title}"
    if form < 0.7:
        return f"{line} {kind.title} {measure.title}".rstrip()
    if form < 0.85:
        code = f" {pick(_CODES, draw).format(1 + int(draw() * 9))}" if kind.has_model_codes else ""
        return f"{line}{code} {kind.title}"
    title = f"{look.title} {kind.title} with {feature.title}"
    return title if len(title) <= _MAX_TITLE_CHARS else f"{kind.title} with {feature.title}"


def write_listing(number: Number, attributes: tuple[str, ...], facts: Facts, draw: Draw) -> tuple[str, str]:
    """The description (80 to 400 characters) and the attributes (``key: value; key: value``).

    The uses stand in the description, in the attributes, or in both.
    """
    bodies, uses = _wording(number)
    description = pick(pick(bodies, draw), draw).format_map(facts)
    use = f" {pick(pick(uses, draw), draw).format_map(facts)}"
    if draw() < 0.4 or len(description) + len(use) > MAX_DESCRIPTION_CHARS:
        attributes = (*attributes, f"Ideal for: {facts['use1']}, {facts['use2']}")
        use = use if len(description) < MIN_DESCRIPTION_CHARS else ""
    return sentence_case(description + use), "; ".join(attributes)


_Groups = tuple[tuple[str, ...], ...]


@functools.cache
def _wording(number: Number) -> tuple[_Groups, _Groups]:
    entry = _Wording.model_validate(read_file("adcraft.ad_copy.sample_feed", "descriptions.yaml"))

    def groups(templates: list[str]) -> _Groups:
        return tuple(tuple(sentence.text for sentence in variants(t, number)) for t in templates)

    return groups(entry.bodies), groups(entry.uses)
