"""The rules of promotion."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adcraft.decision.verdict import judge
from adcraft.errors import SettingsError
from adcraft.settings import PromoteSettings
from tests.evaluations import evaluation


def rules(**values: Any) -> PromoteSettings:
    guarded: dict[str, Any] = {"guards": {"slot_accuracy": 0.01}}
    return PromoteSettings(**{**guarded, **values})


def test_better_beyond_noise_and_worse_on_nothing() -> None:
    verdict = judge(evaluation(chrf=(1.1, 3.2, 5.3)), rules())
    assert verdict.better
    assert verdict.reasons == (
        "chrF, 0 to 100 is better: gain +3.2, 95% interval +1.1 to +5.3, all of it above the margin 0.",
        (
            "slots, share is not worse by more than 0.01 beyond noise: gain +0.000, 95% interval -0.500 to "
            "+0.500."
        ),
    )
    assert set(verdict.figures) == {"chrf", "slot_accuracy"}
    assert verdict.figures["chrf"].low == 1.1


@pytest.mark.parametrize(
    ("gain", "margin", "how"),
    [
        ((-0.1, 2.0, 4.0), 0.0, "not better beyond noise"),
        ((0.0, 0.0, 0.0), 0.0, "not better beyond noise"),
        ((1.0, 2.0, 3.0), 1.0, "not better beyond noise"),
        ((-3.0, -2.0, -1.0), 0.0, "worse"),
    ],
)
def test_not_better_by_the_margin(gain: tuple[float, float, float], margin: float, how: str) -> None:
    verdict = judge(evaluation(chrf=gain), rules(margin=margin))
    assert not verdict.better
    assert f"chrF, 0 to 100 is {how}: gain" in verdict.reasons[0]
    assert verdict.reasons[0].endswith(f"it must lie above the margin {margin:g}.")


def test_better_but_worse_on_a_guard() -> None:
    record = evaluation(chrf=(1, 2, 3), slot_accuracy=(-0.3, -0.2, -0.1))
    verdict = judge(record, rules())
    assert not verdict.better
    assert "is better" in verdict.reasons[0]
    assert verdict.reasons[1].startswith("slots, share is worse: gain -0.200, 95% interval -0.300 to -0.100")
    assert judge(record, rules(guards={"slot_accuracy": 0.1})).better
    assert judge(record, rules(guards={})).better


@pytest.mark.parametrize(
    ("products", "said"),
    [
        (29, "Only 29 products were compared; at least 30 are needed (promote.min_products)."),
        (1, "Only 1 product was compared; at least 30 are needed (promote.min_products)."),
    ],
)
def test_too_few_products_prove_nothing(products: int, said: str) -> None:
    """Of one product the interval has no width at all."""
    record = evaluation(chrf=(1, 2, 3), products=products)
    verdict = judge(record, rules())
    assert not verdict.better
    assert verdict.reasons[0] == said
    assert verdict.reasons[1:] == judge(record, rules(min_products=1)).reasons
    assert judge(record, rules(min_products=products)).better
    assert judge(evaluation(chrf=(1, 2, 3), products=30), rules()).better


def test_what_can_not_be_compared_does_not_pass() -> None:
    record = evaluation(chrf=(1, 2, 3), not_compared={"loss": "other tokenizers"})
    assert judge(record, rules(primary="loss")).reasons[0] == (
        "loss, nats can't be compared: other tokenizers."
    )
    guarded = judge(record, rules(guards={"loss": 0.1}))
    assert not guarded.better
    assert guarded.reasons[1] == "loss, nats is guarded and can't be compared: other tokenizers."
    assert judge(record, rules()).better


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"primary": "bleu"}, "promote.primary: 'bleu' is not a metric of the evaluation. Known: chrf, slot"),
        ({"guards": {"bleu": 1}}, "promote.guards: 'bleu' is not a metric"),
        ({"primary": "length"}, "promote.primary: 'length' is only told"),
        ({"guards": {"length": 1}}, "promote.guards: 'length' is only told"),
    ],
)
def test_rule_about_a_metric_that_is_none(values: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        judge(evaluation(chrf=(1, 2, 3)), rules(**values))


INTERVALS = st.tuples(*[st.floats(-10, 10)] * 3).map(sorted).map(tuple)


@given(gain=INTERVALS, guarded=INTERVALS, margin=st.floats(0, 5), tolerance=st.floats(0, 5))
def test_rules_are_exactly_those(
    gain: tuple[float, float, float],
    guarded: tuple[float, float, float],
    margin: float,
    tolerance: float,
) -> None:
    record = evaluation(chrf=gain, slot_accuracy=guarded)
    verdict = judge(record, rules(margin=margin, guards={"slot_accuracy": tolerance}))
    assert verdict.better == (gain[0] > margin and guarded[2] >= -tolerance)
    assert len(verdict.reasons) == 2


@given(gain=INTERVALS, margin=st.floats(0, 5), more=st.floats(0, 5))
def test_a_larger_margin_promotes_no_more(
    gain: tuple[float, float, float], margin: float, more: float
) -> None:
    record = evaluation(chrf=gain)
    assert judge(record, rules(margin=margin)).better or not judge(record, rules(margin=margin + more)).better
