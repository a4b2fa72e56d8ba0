"""The audit trail: each decision as a tag of the model versions that it is about, and as a file in the
run of the one that it is for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from adcraft.decision.evaluation_record import Estimate

_TAG = "adcraft.decision."
FOLDER = "decisions"


class Decision(BaseModel):
    """One decision, for whoever asks later.

    Attributes:
        when: UTC, ISO 8601.
        by: ``user@host``, or what ``promote.by`` said.
        before: the champion that it found; None if there was none. ``from`` in JSON.
        after: the version that it is about: promoted, refused or brought back. ``to`` in JSON.
        forced: ``promote.force`` was set.
        reasons: sentences, the deciding one first.
        figures: the gains that the rules looked at.
        rules: settings of the decision.
        evaluation: key of the evaluation that it rests on, "" for none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    action: Literal["promote", "refuse", "rollback"]
    when: str
    by: str
    model: str
    before: str | None = Field(alias="from")
    after: str = Field(alias="to")
    forced: bool = False
    reasons: tuple[str, ...] = ()
    figures: dict[str, Estimate] = Field(default_factory=dict)
    rules: dict[str, Any] = Field(default_factory=dict)
    evaluation: str = ""

    @property
    def tag(self) -> str:
        """Key of the tag; keys sort by time."""
        return f"{_TAG}{self.when}"

    @property
    def file(self) -> str:
        """The artifact in the run of the version that it is about."""
        return f"{FOLDER}/{self.when.replace(':', '')}-{self.action}.json"

    def to_json(self) -> str:
        """One line."""
        return self.model_dump_json(by_alias=True)

    def repeats(self, other: Decision) -> bool:
        """Whether it says the same as one that was made before."""
        aside: Any = {"when", "by"}
        return self.model_dump(exclude=aside) == other.model_dump(exclude=aside)


def trail(tags: Mapping[str, str]) -> list[Decision]:
    """The decisions in a model version's tags, oldest first. What is none of ours is left out."""
    decisions = []
    for key in sorted(key for key in tags if key.startswith(_TAG)):
        try:
            decisions.append(Decision.model_validate_json(tags[key]))
        except ValidationError:
            continue
    return decisions


def history(tags_of_versions: Iterable[Mapping[str, str]]) -> list[Decision]:
    """Every decision about a model, newest first, by the tags of all its versions: a move is in those of
    both that it was between, and here once.
    """
    once = {decision.to_json(): decision for tags in tags_of_versions for decision in trail(tags)}
    return sorted(once.values(), key=lambda decision: decision.when, reverse=True)


def in_retrospect(decision: Decision) -> str:
    """The decision for people who ask later: when, who and what, then a line for each reason."""
    forced = " by force" if decision.forced else ""
    what = {
        "promote": f"promoted{forced}, champion {decision.before or 'none'} -> {decision.after}",
        "refuse": f"refused version {decision.after}, champion stays {decision.before}",
        "rollback": f"rolled back, champion {decision.before or 'none'} -> {decision.after}",
    }
    when = f"{decision.when[:19].replace('T', ' ')} UTC"
    return "\n".join(
        [f"{when}  {decision.by}  {what[decision.action]}", *(f"  {reason}" for reason in decision.reasons)]
    )


def in_words(decision: Decision) -> str:
    """The decision for people, a line for each reason."""
    version = f"{decision.model} version {decision.after}"
    instead = f" instead of version {decision.before}" if decision.before else ""
    heads = {
        "promote": f"{version} is champion now{instead}{' (forced)' if decision.forced else ''}.",
        "refuse": f"{version} does not become champion; version {decision.before} stays.",
        "rollback": f"{version} is champion again{instead}.",
    }
    return "\n".join([heads[decision.action], *(f"  {reason}" for reason in decision.reasons)])


def now() -> str:
    """The time, in UTC, to the microsecond: decisions of one version never share it."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
