"""From products and briefs to ads: what is refused is replaced, limits hold, one fault fails one product."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adcraft.ad_copy.copywriting.ad import Ad
from adcraft.ad_copy.copywriting.brief import ONE_CREATIVE, Brief
from adcraft.ad_copy.copywriting.copywriter import Copywriter
from adcraft.ad_copy.copywriting.selection import grams, similarity
from adcraft.ad_copy.fields import PROMPT_FIELDS
from adcraft.ad_copy.guardrails.rules import shipped_rules
from adcraft.ad_copy.placements import shipped_placements
from adcraft.ad_copy.prompts import finish
from adcraft.errors import BriefError, SettingsError
from adcraft.inference.bundle import PromptSettings
from adcraft.inference.generator import Generation
from adcraft.inference.lexicon import Lexicon
from adcraft.workload import Prompt, Record

PLACEMENTS, RULES = shipped_placements(), shipped_rules()
KURTA: Record = {
    "product_name": "Aera Women Red Printed Straight Kurta",
    "brand": "Aera",
    "category": "Clothing > Ethnic Wear",
    "attributes": "Fabric: soft cotton; Sleeves: long",
    "price": "1299",
}
LOOKS = "Red,Printed,Straight,Soft Cotton,Long Sleeves,Ethnic,Women,Kurta,Aera,Wear".split(",")
WORDS = "Kurta Wardrobe Mornings Colours Evenings Layers Days Weddings Comfort Grace".split()
SENTENCES = (
    "{look} {word} for all your plans, by <brand>.",
    "Wear it: {look} {word} with <brand>.",
    "<brand> brings you {word}, {look} as ever.",
    "Made of soft cotton. {word}, {look} and simple.",
    "Your {word} deserve something {look}!",
)


class Model:
    """Answers a prompt by a function of it and of the number of the answer."""

    def __init__(
        self,
        answer: Callable[[str, int], str],
        tones: Sequence[str] = ("warm", "plain"),
        tasks: tuple[str, ...] = (),
        lexicon: Lexicon | None = None,
    ) -> None:
        self.lexicon = lexicon or Lexicon()
        values = {"tone": tuple(tones)}
        self.prompt = PromptSettings(
            fields=PROMPT_FIELDS, source_tokens=128, target_tokens=64, values=values, tasks=tasks
        )
        self.asked: list[tuple[list[str], int]] = []
        self._answer = answer

    def encode(self, prompts: Sequence[Prompt]) -> list[list[int]]:
        return [[1]] * len(prompts)

    def write(
        self, prompts: Sequence[Prompt], sources: Sequence[Sequence[int]], variants: int
    ) -> list[Generation]:
        self.asked.append(([prompt.source for prompt in prompts], variants))
        made = []
        for number, prompt in enumerate(prompts):
            texts = dict.fromkeys(
                finish(self._answer(prompt.source, number * variants + index), prompt.slots)
                for index in range(variants)
            )
            made.append(Generation(tuple(texts), tuple(-0.1 * rank for rank in range(len(texts))), 9, 9))
        return made


def many(source: str, number: int) -> str:
    look, word = LOOKS[number % len(LOOKS)], WORDS[(number // len(LOOKS) + number) % len(WORDS)]
    if source.startswith("write: headline"):
        return f"{look} {word}"
    return SENTENCES[number % len(SENTENCES)].format(look=look, word=word)


def written(model: Any, *jobs: tuple[Record, Brief]) -> list[Any]:
    return Copywriter(model, PLACEMENTS, RULES).write(jobs)


def ad(model: Any, brief: Brief, record: Record = KURTA) -> Ad:
    [made] = written(model, (record, brief))
    assert isinstance(made, Ad), made
    return made


def texts(made: Ad, asset: str) -> list[str]:
    return [text.text for text in made.assets[asset].texts]


def test_every_asset_of_a_placement() -> None:
    made = ad(Model(many), Brief("google_rsa"))
    assert {name: len(copy.texts) for name, copy in made.assets.items()} == {
        "headline": 15,
        "description": 4,
        "path": 2,
    }
    assert texts(made, "path") == ["Ethnic-Wear", "Aera"]
    for name, copy in made.assets.items():
        placement = PLACEMENTS.named("google_rsa")
        assert all(placement.fits(name, text.text) for text in copy.texts)
        assert not any(text.safe for text in copy.texts)
    for one, other in combinations(texts(made, "headline"), 2):
        assert similarity(grams(one), grams(other)) < 0.6


def test_the_same_brief_gives_the_same_ad_and_another_seed_another() -> None:
    def echo(source: str, number: int) -> str:
        return f"{many(source, number)} {'Warm' if 'warm' in source else 'Plain'}"

    first, again, other = (ad(Model(echo), Brief("google_rsa", seed=seed)) for seed in (0, 0, 1))
    assert first == again
    assert texts(first, "headline") != texts(other, "headline")


def test_one_text_is_asked_for_once_and_greedily() -> None:
    model = Model(many)
    made = ad(model, ONE_CREATIVE)
    assert [(len(prompts), variants) for prompts, variants in model.asked] == [(1, 1)]
    [text] = made.assets["creative"].texts
    assert text.ranked
    assert text.text == "Red Kurta for all your plans, by Aera."


def test_what_is_refused_is_replaced_by_further_candidates() -> None:
    def boasting(source: str, number: int) -> str:
        return "The best kurta, now 50% off!" if number == 0 else many(source, number)

    model = Model(boasting)
    made = ad(model, ONE_CREATIVE)
    assert [variants for _, variants in model.asked] == [1, 4]
    assert texts(made, "creative") == ["Wear it: Printed Wardrobe with Aera."]
    [refused, *_] = made.assets["creative"].refused
    assert refused.text == "The best kurta, now 50% off!"
    assert {"discount", "superlative"} <= refused.verdict.rules
    assert made.assets["creative"].candidates == {refused.verdict.rules: 1, frozenset(): 7}


def test_safe_texts_stand_in_and_are_marked() -> None:
    made = ad(Model(lambda *_: "The best! 50% off"), Brief("google_rsa", variants=3))
    for asset in ("headline", "description"):
        assert [text.safe for text in made.assets[asset].texts] == [True] * 3
        assert len(set(texts(made, asset))) == 3
    assert (
        texts(made, "headline")[0] == "Aera Red Printed Straight Kurta"[:30]
        or "Kurta" in texts(made, "headline")[0]
    )


def test_a_model_is_not_asked_for_what_it_has_not_learnt() -> None:
    model = Model(many, tasks=("description",))
    made = ad(model, Brief("google_rsa"))
    assert {source.split(",")[0].split(" |")[0] for sources, _ in model.asked for source in sources} == {
        "write: description"
    }
    assert all(text.safe for text in made.assets["headline"].texts)
    assert len(made.assets["headline"].texts) > 3


def test_a_name_that_is_too_long_is_not_shown_to_the_model() -> None:
    model = Model(many)
    ad(model, Brief("google_rsa"))
    asked = [source for sources, _ in model.asked for source in sources]
    headlines = [source for source in asked if source.startswith("write: headline")]
    assert headlines
    assert not any("<name>" in source for source in headlines)
    assert all("<name>" in source for source in asked if source.startswith("write: description"))


def test_what_is_asked_for_is_in_every_prompt() -> None:
    model = Model(many)
    brief = Brief("meta", 2, "Warm", "short", True, "women", required=("cotton",))
    ad(model, brief)
    for sources, _ in model.asked:
        assert all("short, warm, action, for women, with cotton |" in source for source in sources)


def test_required_and_banned_terms() -> None:
    made = ad(Model(many), Brief("meta", 3, required=("cotton",), banned=("kurta",)))
    for copy in made.assets.values():
        assert all("cotton" in text.text.lower() and "kurta" not in text.text.lower() for text in copy.texts)


@pytest.mark.parametrize(
    ("brief", "error", "words"),
    [
        (Brief("google_x"), SettingsError, ["'google_x' is not known", "google_rsa", "meta"]),
        (Brief(tone="grim"), BriefError, ["'grim'", "warm, plain"]),
        (Brief(banned=("aera",)), BriefError, ["'aera' is part of the brand 'Aera'"]),
        (
            Brief("google_rsa", required=("a very long term that can't fit",)),
            BriefError,
            ["31 characters", "has 30"],
        ),
    ],
    ids=["placement", "tone", "brand", "required"],
)
def test_what_can_not_be_had_fails_that_product_alone(
    brief: Brief, error: type[Exception], words: list[str]
) -> None:
    fault, made = written(Model(many), (KURTA, brief), (KURTA, ONE_CREATIVE))
    assert type(fault) is error
    assert all(word in str(fault) for word in words), fault
    assert isinstance(made, Ad)


def test_a_model_without_tones_takes_any() -> None:
    assert isinstance(ad(Model(many, tones=()), Brief(tone="grim")), Ad)


ODD = st.one_of(
    st.sampled_from(
        [
            "",
            "שמלה אדומה לנשים",
            "红色印花连衣裙女士夏季新款",
            "🎉 Party Box 🎉",
            "A" * 200,
            "x",
            "Kurta & the of",
            "Über-Öl 5 l (2er-Pack)",
        ]
    ),
    st.text(max_size=60),
)


@settings(max_examples=60, deadline=None)
@given(
    st.fixed_dictionaries(
        {"product_name": ODD}, optional=dict.fromkeys(("brand", "category", "attributes"), ODD)
    ),
    st.sampled_from(sorted(PLACEMENTS.placements)),
    ODD,
)
def test_limits_hold_for_every_product_and_whatever_the_model_writes(
    record: dict[str, str], placement: str, wrote: str
) -> None:
    made = ad(Model(lambda *_: wrote), Brief(placement), record)
    for name, copy in made.assets.items():
        for text in copy.texts:
            assert text.text
            assert PLACEMENTS.named(placement).fits(name, text.text)


@pytest.mark.parametrize(
    "record",
    [
        {"product_name": "A" * 40 + " Kurta", "brand": "Aera"},
        {"product_name": "Kurta " * 49, "brand": "Aera"},
        {"product_name": "فستان أحمر طويل من القطن", "brand": "أيرا", "category": "ملابس"},
        {"product_name": "赤いコットンのワンピース 長袖", "brand": "アエラ", "category": "服"},
        {"product_name": "Kurta 💃 Dance 🎉", "brand": "Aera"},
        {
            "product_name": "K",
            "brand": "",
            "category": "",
            "attributes": "",
            "description": "",
            "price": None,
        },
        {"product_name": "Kurta {brand} <brand> %s", "brand": "<n1>"},
        {"product_name": "Kurta", "description": "Soft and red. " * 20_000},
    ],
    ids="long-word long-name right-to-left cjk emoji empty braces long-description".split(),
)
@pytest.mark.parametrize("placement", sorted(PLACEMENTS.placements))
def test_awkward_products_have_texts_that_fit_and_spoil_no_others(record: Record, placement: str) -> None:
    jobs = [(KURTA, Brief(placement)), (record, Brief(placement)), (KURTA, Brief(placement))]
    first, made, last = written(Model(many), *jobs)
    limits = PLACEMENTS.named(placement)
    for other in (first, last):
        assert isinstance(other, Ad)
        assert all(copy.texts for copy in other.assets.values())
    assert isinstance(made, Ad)
    for name, copy in made.assets.items():
        assert all(limits.fits(name, text.text) for text in copy.texts), (name, copy.texts)
        assert all(text.text.strip() for text in copy.texts)


def test_the_tone_of_the_record_comes_first_and_others_when_it_is_not_enough() -> None:
    model = Model(lambda source, number: f"Red Kurta {number}")
    ad(model, Brief("google_rsa"), {**KURTA, "tone": "plain"})
    asked = [source for prompts, _ in model.asked for source in prompts if "write: headline" in source]
    tones = ["plain" if ", plain" in source else "warm" if ", warm" in source else "" for source in asked]
    assert tones[:7] == ["plain"] * 7
    assert "warm" in tones[7:]
    model = Model(many)
    ad(model, Brief("google_rsa", tone="plain"), {**KURTA, "tone": "warm"})
    assert all(", warm" not in source for prompts, _ in model.asked for source in prompts)


def test_words_that_a_model_can_not_have_learnt_are_refused() -> None:
    lexicon = Lexicon(known=frozenset({"sleeves"}), drawn={"headline": frozenset({"sleeves"})})
    model = Model(
        lambda source, number: f"Red Kurta {['Contor', 'Buttons'][number % 2]} {number}", lexicon=lexicon
    )
    copy = ad(model, Brief("google_rsa")).assets["headline"]
    assert all(text.safe for text in copy.texts)
    assert all("unknown_word" in refused.verdict.rules for refused in copy.refused)
