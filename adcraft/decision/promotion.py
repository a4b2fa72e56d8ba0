"""Promotion and rollback: decide, write it down, move the aliases.

The record comes before the moves, so no move is without one. If a job is killed in between, running it
again does what is left, wherever that was, under the record that is there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from adcraft.decision.evaluation_record import EvaluationRecord, record_file
from adcraft.decision.trail import Decision, now, trail
from adcraft.decision.verdict import Verdict, judge
from adcraft.errors import AliasError, SettingsError, TrackingError
from adcraft.registry import CHALLENGER, CHAMPION, PREVIOUS, ModelVersion, Registry
from adcraft.settings import PromoteSettings, Settings
from adcraft.tracking.provenance import who
from adcraft.tracking.turn import alone


@dataclass(frozen=True)
class Decided:
    """A decision, and whether it was made before and stands."""

    decision: Decision
    reused: bool = False


def promote(settings: Settings) -> Decided:
    """Make the challenger champion if its evaluation against the champion says so, or by force.

    The old champion becomes ``previous``. A version that was rolled back, or refused on the same
    figures, stays where it is.

    Raises:
        AliasError: there is no challenger, it is the champion, or somebody else moved the aliases.
        TrackingError: it was not evaluated against this champion, and is not forced; or MLflow does not
            answer.
        BundleError: its bundle is gone, so it could not be served.
        SettingsError: a rule names a metric that is not one, and it is not forced.
    """
    registry, rules = Registry(settings.tracking.uri, settings.tracking.model), settings.promote
    with _alone(settings):
        challenger = _challenger(registry, rules)
        seen = registry.aliases()
        champion = registry.resolve(CHAMPION) if CHAMPION in seen else None
        past = trail(registry.tags(challenger))
        if champion and champion.version == challenger.version:
            return _end_promotion(registry, challenger, seen, past)
        decided = _or_the_same_before(_decide(registry, challenger, champion, rules, past), past)
        if decided.decision.action == "refuse":
            _write(registry, decided.decision, challenger, None)
            return decided
        registry.check_bundle(challenger)
        registry.check_aliases(seen)
        _write(registry, decided.decision, challenger, champion)
        moves: dict[str, str | None] = {PREVIOUS: champion.version} if champion else {}
        moves[CHAMPION] = challenger.version
        if seen.get(CHALLENGER) == challenger.version:
            moves[CHALLENGER] = None
        registry.move_aliases(seen, moves)
        return decided


def rollback(settings: Settings) -> Decided:
    """Bring ``previous`` back as champion; the champion becomes ``previous``.

    Raises:
        AliasError: there is no previous one, or somebody else moved the aliases.
        BundleError: its bundle is gone, so it could not be served.
        TrackingError: MLflow does not answer.
    """
    registry = Registry(settings.tracking.uri, settings.tracking.model)
    with _alone(settings):
        seen = registry.aliases()
        before, after = seen.get(CHAMPION), seen.get(PREVIOUS)
        if after is None or after == before:
            return _end_rollback(registry, settings.tracking.model, seen)
        restored = registry.resolve(PREVIOUS)
        registry.check_bundle(restored)
        decision = Decision(
            action="rollback",
            when=now(),
            by=settings.promote.by or who(),
            model=restored.name,
            before=before,
            after=after,
            reasons=(f"Version {after} is brought back.",),
        )
        decided = _or_the_same_before(decision, trail(registry.tags(restored)))
        _write(registry, decided.decision, restored, registry.resolve(CHAMPION) if before else None)
        # The champion first: a job that is killed in between has done what mattered.
        registry.move_aliases(seen, {CHAMPION: after, PREVIOUS: before})
        return decided


def _alone(settings: Settings) -> AbstractContextManager[None]:
    return alone(settings.tracking.uri, settings.tracking.model, settings.promote.by or who())


def _or_the_same_before(decision: Decision, past: Sequence[Decision]) -> Decided:
    """The decision, or the last one in the trail if it says the same: it stands, or was not carried out."""
    if past and past[-1].repeats(decision):
        return Decided(past[-1], reused=True)
    return Decided(decision)


def _end_promotion(
    registry: Registry, champion: ModelVersion, seen: Mapping[str, str], past: Sequence[Decision]
) -> Decided:
    """What a job that was killed after it moved ``champion`` has left."""
    last = past[-1] if past else None
    if (
        last is None
        or (last.action, last.after) != ("promote", champion.version)
        or last.before not in (None, seen.get(PREVIOUS))
        or seen.get(CHALLENGER) != champion.version
    ):
        raise AliasError(
            f"{champion.name} version {champion.version} is the champion already; there is nothing to "
            "promote."
        )
    registry.move_aliases(seen, {CHALLENGER: None})
    return Decided(last, reused=True)


def _end_rollback(registry: Registry, model: str, seen: Mapping[str, str]) -> Decided:
    """What a job that was killed after it moved ``champion`` has left."""
    champion = seen.get(CHAMPION)
    past = trail(registry.tags(registry.resolve(champion))) if champion and PREVIOUS in seen else []
    last = past[-1] if past else None
    if last is None or (last.action, last.after) != ("rollback", champion):
        known = ", ".join(f"{alias} -> {version}" for alias, version in sorted(seen.items())) or "none"
        raise AliasError(
            f"There is nothing to roll back to: {model} has no earlier champion. Aliases: {known}."
        )
    registry.move_aliases(seen, {PREVIOUS: last.before})
    return Decided(last, reused=True)


def _challenger(registry: Registry, rules: PromoteSettings) -> ModelVersion:
    try:
        return registry.resolve(rules.challenger)
    except AliasError as error:
        raise AliasError(f"There is no challenger to promote. {error}") from None


def _evaluation(
    registry: Registry, challenger: ModelVersion, champion: ModelVersion, *, forced: bool
) -> EvaluationRecord | str:
    """The record. By force alone: or why there is none that can be read."""
    what = f"of {challenger.name} version {challenger.version} against version {champion.version}"
    text = registry.read_text(challenger, record_file(champion.version))
    if text is None:
        if forced:
            return "It was not evaluated against the champion."
        raise TrackingError(
            f"There is no evaluation {what}, the champion. Make it first: python -m ray_jobs evaluate "
            f"--set evaluate.model={challenger.version}"
        )
    try:
        return EvaluationRecord.read(text, what)
    except TrackingError as error:
        if forced:
            return str(error)
        raise


def _decide(
    registry: Registry,
    challenger: ModelVersion,
    champion: ModelVersion | None,
    rules: PromoteSettings,
    past: Sequence[Decision],
) -> Decision:
    record = _evaluation(registry, challenger, champion, forced=rules.force) if champion else None
    verdict = _verdict(record, challenger, rules, past)
    return Decision(
        action="promote" if verdict.better or rules.force else "refuse",
        when=now(),
        by=rules.by or who(),
        model=challenger.name,
        before=champion.version if champion else None,
        after=challenger.version,
        forced=rules.force,
        reasons=verdict.reasons,
        figures=verdict.figures,
        rules=rules.model_dump(include={"primary", "margin", "guards", "min_products"}),
        evaluation=record.key if isinstance(record, EvaluationRecord) else "",
    )


def _verdict(
    record: EvaluationRecord | str | None,
    challenger: ModelVersion,
    rules: PromoteSettings,
    past: Sequence[Decision],
) -> Verdict:
    """Of a record; of why there is none; of None where there is no champion."""
    if record is None:
        return Verdict(better=True, reasons=("There was no champion.",), figures={})
    if isinstance(record, str):
        return Verdict(better=False, reasons=(record,), figures={})
    try:
        verdict = judge(record, rules)
    except SettingsError as error:
        if not rules.force:
            raise
        return Verdict(better=False, reasons=(str(error),), figures={})
    # Its own promotions are over, or were never carried out: it is not champion.
    own = ("promote", challenger.version)
    moves = [move for move in past if move.action != "refuse" and (move.action, move.after) != own]
    if moves and moves[-1].action == "rollback" and moves[-1].before == challenger.version:
        taken_down = (
            f"It was champion and was rolled back by {moves[-1].by} at {moves[-1].when}; only "
            "promote.force=true promotes it again."
        )
        return replace(verdict, better=False, reasons=(taken_down, *verdict.reasons))
    return verdict


def _write(registry: Registry, decision: Decision, subject: ModelVersion, other: ModelVersion | None) -> None:
    """The subject's tag comes first: by it a rerun finds the decision, and adds the rest."""
    registry.tag(subject.version, decision.tag, decision.to_json())
    registry.log_text(subject, decision.to_json() + "\n", decision.file)
    if other:
        registry.tag(other.version, decision.tag, decision.to_json())
