"""Which language a text is in, by its script and its function words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adcraft.ad_copy.languages import function_words, is_latin, language_of, languages, languages_of

KANA, HAN, HANGUL = "毎日の革のバッグ", "皮革手提包适合每天使用", "가죽 가방"


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("A light jacket for cold days and wet walks.", "en"),
        ("Soft on skin, hard on dirt: the shampoo you reach for.", "en"),
        ("Die leichte Jacke für kalte Tage und nasse Wege.", "de"),
        ("DIE JACKE FÜR DICH UND MICH", "de"),
        ("Le sac en cuir de la marque, pour tous les jours.", "fr"),
        ("Un bolso de piel para el día a día.", "es"),
        ("La borsa in pelle per tutti i giorni.", "it"),
        ("De leren tas voor elke dag, met een rits.", "nl"),
        ("A bolsa de couro para o dia a dia.", "pt"),
        ("Väskan av läder för varje dag.", "sv"),
        ("Deri çanta her gün için", "tr"),
        (KANA, "ja"),
        (HAN, "zh"),
        (HANGUL, "ko"),
        (f"{KANA} by Keltrix", "ja"),
        ("The bag that is called カバン in Japan, and here is yours", "en"),
    ],
)
def test_a_text_is_told_by_its_words_or_its_script(text: str, tag: str) -> None:
    assert language_of(text) == tag


@pytest.mark.parametrize(
    "text",
    [
        "",
        "12 x 3",
        "Keltrix Harbour X4",
        "Plus size",  # "plus" is a French word, too
        "Curve de la",  # of four languages
        "Jacke",
        "Кожаная сумка",  # Russian, Bulgarian or Ukrainian
    ],
)
def test_what_is_not_sure_has_no_tag(text: str) -> None:
    assert language_of(text) == ""


def test_the_data_fits_together() -> None:
    assert all(word == word.lower() for words in function_words().values() for word in words)
    assert function_words().keys() == {tag for tag in languages() if is_latin(tag)}
    assert all(tag in languages_of()[word] for tag, words in function_words().items() for word in words)


@given(st.text(max_size=80))
def test_any_text_gets_a_known_tag_or_none(text: str) -> None:
    assert language_of(text) in {"", *languages()}
