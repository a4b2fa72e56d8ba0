"""What is passed over as ordinary has nothing that the rules passed over would find."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from adcraft.ad_copy.guardrails.characters import odd_characters
from adcraft.ad_copy.guardrails.editorial import punctuated
from adcraft.ad_copy.guardrails.facts import Facts
from adcraft.ad_copy.guardrails.folding import fold
from adcraft.ad_copy.guardrails.ordinary import is_ordinary
from adcraft.ad_copy.guardrails.rules import shipped_rules

FACTS = Facts.of({"product_name": "Lamp"}, shipped_rules())
_WORDS = st.from_regex(
    re.compile(r"[#$£(\"“]?[A-Za-z8é]{1,3}[-–.,/'’]?[a-z3]{0,2}[%'+]?[.,:;?!…]?[)\"”]?"), fullmatch=True
)
_SIGNS = st.sampled_from(["-", "–", "&", "a", "", "!", ":)", "…", "83", "\u200b", "\u3000"])


@given(st.lists(_WORDS | _SIGNS, min_size=1, max_size=6).map(" ".join))
def test_ordinary_text_has_no_fault_of_signs(text: str) -> None:
    findings = [*punctuated(text, "en"), *odd_characters(text, fold(text), FACTS, emoji=False)]
    assert not (is_ordinary(text) and findings)


def test_copy_is_ordinary() -> None:
    assert is_ordinary("Soft cotton – it's yours (in red) for $49.90! Wash & wear, 100% breathable.")
    assert not is_ordinary("Soft cotton - - it's yours")
