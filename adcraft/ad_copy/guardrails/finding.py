"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass

from adcraft.ad_copy.guardrails.folding import Folded


@dataclass(frozen=True)
class Finding:
    """One breach of one rule.

    Attributes:
        rule: its name, as in ``rules.yaml``.
        start: index of the first character in question; equal to ``end`` where something is missing.
        end: index after the last one.
        found: the text between them.
        why: a sentence for people.
    """

    rule: str
    start: int
    end: int
    found: str
    why: str


@dataclass(frozen=True)
class Verdict:
    """All findings about one text, in the order of their place; none: it can be published."""

    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether there are none."""
        return not self.findings

    @property
    def rules(self) -> frozenset[str]:
        """Those that were broken."""
        return frozenset(finding.rule for finding in self.findings)


def found(rule: str, text: str, folded: Folded, span: tuple[int, int], why: str) -> Finding:
    """A finding at a span of the folded text."""
    start, end = folded.span(*span)
    return Finding(rule, start, end, text[start:end], why)
