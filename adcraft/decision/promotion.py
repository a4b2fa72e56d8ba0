"""Promotion and rollback: decide, write it down, move the aliases.

The record comes before the move, so no move is without one; a record whose move did not follow is of a
job that was killed in between, and running it again completes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from adcraft.decision.evaluation_record import EvaluationRecord, record_file
from adcraft.decision.trail import Decision, now, trail
from adcraft.decision.turn import alone
from adcraft.decision.verdict import Verdict, judge
from adcraft.errors import AliasError, TrackingError
from adcraft.registry import CHALLENGER, CHAMPION, PREVIOUS, ModelVersion, Registry
from adcraft.settings import PromoteSettings, Settings
from adcraft.tracking.provenance import who


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
        TrackingError: it was not evaluated against this champion, or MLflow does not answer.
        BundleError: its bundle is gone, so it could not be served.
        SettingsError: a rule names a metric that is not one.
    """
    registry, rules = Registry(settings.tracking.uri, settings.tracking.model), settings.promote
    with alone(settings):
        challenger = _challenger(registry, rules)
        seen = registry.aliases()
        champion = registry.resolve(CHAMPION) if CHAMPION in seen else None
        if champion and champion.version == challenger.version:
            raise AliasError(
                f"{challenger.name} version {challenger.version} is the champion already; there is nothing "
                "to promote."
            )
        past = trail(registry.tags(challenger))
        decision = _decide(registry, challenger, champion, rules, past)
        if decision.action == "refuse":
            if past and past[-1].repeats(decision):
                return Decided(past[-1], reused=True)
            _write(registry, decision, challenger, None)
            return Decided(decision)
        registry.check_bundle(challenger)
        registry.check_aliases(seen)
        _write(registry, decision, challenger, champion)
        moves: dict[str, str | None] = {PREVIOUS: champion.version} if champion else {}
        moves[CHAMPION] = challenger.version
        if seen.get(CHALLENGER) == challenger.version:
            moves[CHALLENGER] = None
        registry.move_aliases(seen, moves)
        return Decided(decision)


def rollback(settings: Settings) -> Decision:
    """Bring ``previous`` back as champion; the champion becomes ``previous``.

    Raises:
        AliasError: there is no previous one, or somebody else moved the aliases.
        BundleError: its bundle is gone, so it could not be served.
        TrackingError: MLflow does not answer.
    """
    registry = Registry(settings.tracking.uri, settings.tracking.model)
    with alone(settings):
        seen = registry.aliases()
        before, after = seen.get(CHAMPION), seen.get(PREVIOUS)
        if after is None or after == before:
            known = ", ".join(f"{alias} -> {version}" for alias, version in sorted(seen.items())) or "none"
            raise AliasError(
                f"There is nothing to roll back to: {settings.tracking.model} has no earlier champion. "
                f"Aliases: {known}."
            )
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
        _write(registry, decision, restored, registry.resolve(CHAMPION) if before else None)
        # The champion first: a job that is killed in between has done what mattered.
        registry.move_aliases(seen, {CHAMPION: after, PREVIOUS: before})
        return decision


def _challenger(registry: Registry, rules: PromoteSettings) -> ModelVersion:
    try:
        return registry.resolve(rules.challenger)
    except AliasError as error:
        raise AliasError(f"There is no challenger to promote. {error}") from None


def _evaluation(
    registry: Registry, challenger: ModelVersion, champion: ModelVersion | None, *, forced: bool
) -> EvaluationRecord | None:
    if champion is None:
        return None
    what = f"of {challenger.name} version {challenger.version} against version {champion.version}"
    text = registry.read_text(challenger, record_file(champion.version))
    if text is not None:
        return EvaluationRecord.read(text, what)
    if forced:
        return None
    raise TrackingError(
        f"There is no evaluation {what}, the champion. Make it first: python -m ray_jobs evaluate "
        f"--set evaluate.model={challenger.version}"
    )


def _decide(
    registry: Registry,
    challenger: ModelVersion,
    champion: ModelVersion | None,
    rules: PromoteSettings,
    past: Sequence[Decision],
) -> Decision:
    record = _evaluation(registry, challenger, champion, forced=rules.force)
    verdict = _verdict(record, challenger, champion, rules, past)
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
        evaluation=record.key if record else "",
    )


def _verdict(
    record: EvaluationRecord | None,
    challenger: ModelVersion,
    champion: ModelVersion | None,
    rules: PromoteSettings,
    past: Sequence[Decision],
) -> Verdict:
    if champion is None:
        return Verdict(better=True, reasons=("There was no champion.",), figures={})
    if record is None:
        return Verdict(better=False, reasons=("It was not evaluated against the champion.",), figures={})
    verdict = judge(record, rules)
    moves = [decision for decision in past if decision.action != "refuse"]
    if moves and moves[-1].action == "rollback" and moves[-1].before == challenger.version:
        taken_down = (
            f"It was champion and was rolled back by {moves[-1].by} at {moves[-1].when}; only "
            "promote.force=true promotes it again."
        )
        return replace(verdict, better=False, reasons=(taken_down, *verdict.reasons))
    return verdict


def _write(registry: Registry, decision: Decision, subject: ModelVersion, other: ModelVersion | None) -> None:
    registry.log_text(subject, decision.to_json() + "\n", decision.file)
    for version in (subject, other):
        if version:
            registry.tag(version.version, decision.tag, decision.to_json())
