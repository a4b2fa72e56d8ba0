"""The rules: better on the primary metric beyond noise, and worse on no guarded one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from adcraft.decision.evaluation_record import Estimate, EvaluationRecord
from adcraft.errors import SettingsError
from adcraft.settings import PromoteSettings


@dataclass(frozen=True)
class Verdict:
    """What the figures say.

    Attributes:
        better: whether the challenger should become champion.
        reasons: a sentence for each rule, that of the primary metric first, unless products are too few.
        figures: the gain in each metric that a rule looked at.
    """

    better: bool
    reasons: tuple[str, ...]
    figures: dict[str, Estimate]


def judge(record: EvaluationRecord, rules: PromoteSettings) -> Verdict:
    """Apply the rules to an evaluation of a challenger against the champion.

    Both rules look at the interval of the gain: the primary metric is better if all of it lies above
    the margin, a guarded one is worse if all of it lies below minus its tolerance. The bootstrap's interval
    is too narrow where products are few, so fewer than ``min_products`` pass for no proof.

    Raises:
        SettingsError: a metric is not known, or none of its directions is better.
    """
    outcomes = [
        *_too_few(record, rules.min_products),
        _primary(record, rules.primary, rules.margin),
        *_guards(record, rules),
    ]
    looked_at = (rules.primary, *rules.guards)
    return Verdict(
        better=all(passed for passed, _ in outcomes),
        reasons=tuple(sentence for _, sentence in outcomes),
        figures={name: record.gains[name] for name in looked_at if name in record.gains},
    )


def _too_few(record: EvaluationRecord, needed: int) -> Iterator[tuple[bool, str]]:
    if record.products < needed:
        were = "product was" if record.products == 1 else "products were"
        yield (
            False,
            f"Only {record.products} {were} compared; at least {needed} are needed (promote.min_products).",
        )


def _primary(record: EvaluationRecord, name: str, margin: float) -> tuple[bool, str]:
    label = _label(record, "promote.primary", name)
    if name in record.not_compared:
        return False, f"{label} can't be compared: {record.not_compared[name]}."
    gain = record.gains[name]
    if gain.low > margin:
        return True, f"{label} is better: {_said(record, name)}, all of it above the margin {margin:g}."
    how = "worse" if gain.high < 0 else "not better beyond noise"
    return False, f"{label} is {how}: {_said(record, name)}; it must lie above the margin {margin:g}."


def _guards(record: EvaluationRecord, rules: PromoteSettings) -> Iterator[tuple[bool, str]]:
    for name, tolerance in rules.guards.items():
        label = _label(record, "promote.guards", name)
        if name in record.not_compared:
            yield False, f"{label} is guarded and can't be compared: {record.not_compared[name]}."
        elif record.gains[name].high < -tolerance:
            yield False, f"{label} is worse: {_said(record, name)}, all of it below {-tolerance:g}."
        else:
            yield (
                True,
                f"{label} is not worse by more than {tolerance:g} beyond noise: {_said(record, name)}.",
            )


def _said(record: EvaluationRecord, name: str) -> str:
    gain, digits = record.gains[name], record.metrics[name].digits
    return (
        f"gain {gain.value:+.{digits}f}, {record.confidence:.0%} interval "
        f"{gain.low:+.{digits}f} to {gain.high:+.{digits}f}"
    )


def _label(record: EvaluationRecord, key: str, name: str) -> str:
    if name not in record.metrics:
        raise SettingsError(
            f"{key}: {name!r} is not a metric of the evaluation. Known: {', '.join(record.metrics)}."
        )
    if not record.metrics[name].better:
        raise SettingsError(f"{key}: {name!r} is only told; neither more nor less of it is better.")
    return record.metrics[name].label
