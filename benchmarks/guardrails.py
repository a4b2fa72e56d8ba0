"""What checking copy costs beside writing it: a registered model's copy for its test products.

    python -m benchmarks.guardrails [--set home=...] [--products 640] [--rounds 5]

One thread of one process does both, timed by the CPU and in turn: each round writes copy for other products,
in batches of 32, and then checks it. So no text is checked twice, and words are known from earlier rounds as
they are in service. A product's record is read once for all the copy about it; here that is one text, so its
time is told apart.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from adcraft.ad_copy.guardrails.check import Wishes, check
from adcraft.ad_copy.guardrails.facts import Facts
from adcraft.ad_copy.guardrails.rules import shipped_rules
from adcraft.ad_copy.placements import shipped_placements
from adcraft.data.dataset import PreparedDataset
from adcraft.inference.bundle import open_bundle
from adcraft.inference.generator import Generator
from adcraft.registry import Registry
from adcraft.settings import Settings, load_settings
from adcraft.workload import Record
from benchmarks.report import Entry, write_report

_BATCH = 32
_GOAL = 0.05


@dataclass(frozen=True)
class Round:
    """Seconds of CPU for one text, and the share of texts that passed."""

    writing: float
    reading: float
    checking: float
    passed: float


def main() -> None:
    """Compare, print, write ``benchmarks/results/guardrails.json``."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--products", type=int, default=640)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    settings = load_settings(arguments.config, arguments.set)
    generator, records = _generator_and_products(settings, arguments.products)
    generator.generate(records[:1])
    parts = [records[index :: arguments.rounds] for index in range(arguments.rounds)]
    write_report("guardrails", _entries([_round(generator, part) for part in parts]))


def _generator_and_products(settings: Settings, count: int) -> tuple[Generator, list[Record]]:
    registry = Registry(settings.tracking.uri, settings.tracking.model)
    version = registry.resolve(settings.evaluate.model or "champion")
    bundle = open_bundle(registry.download(version, Path(settings.home) / "models"))
    reference = bundle.manifest.dataset
    dataset = PreparedDataset.open(settings.data.root, reference.name, reference.version)
    return Generator.load(bundle, threads=1), list(islice(dataset.rows("test"), count))


def _round(generator: Generator, records: Sequence[Record]) -> Round:
    rules, placement, wishes = shipped_rules(), shipped_placements().named("creative"), Wishes(language="en")
    begun = time.process_time()
    batches = [records[start : start + _BATCH] for start in range(0, len(records), _BATCH)]
    texts = [each.texts[0] for batch in batches for each in generator.generate(batch)]
    written = time.process_time()
    facts = [Facts.of(record, rules) for record in records]
    read = time.process_time()
    verdicts = [
        check(text, known, rules, placement, "creative", wishes)
        for text, known in zip(texts, facts, strict=True)
    ]
    checked = time.process_time()
    return Round(
        writing=(written - begun) / len(texts),
        reading=(read - written) / len(texts),
        checking=(checked - read) / len(texts),
        passed=sum(verdict.passed for verdict in verdicts) / len(texts),
    )


def _entries(rounds: Sequence[Round]) -> list[Entry]:
    ratio = statistics.median(each.checking / each.writing for each in rounds)
    with_reading = statistics.median((each.checking + each.reading) / each.writing for each in rounds)
    milliseconds = {
        f"{name}, ms a text": 1000 * statistics.median(getattr(each, field) for each in rounds)
        for name, field in (
            ("writing", "writing"),
            ("checking", "checking"),
            ("reading its record", "reading"),
        )
    }
    passed = statistics.median(each.passed for each in rounds)
    return [
        Entry(
            claim="time of checking copy over that of writing it, batches of 32, one thread",
            value=ratio,
            goal=_GOAL,
            met=ratio <= _GOAL,
            rounds=len(rounds),
            peers={**milliseconds, "share that passed": passed},
        ),
        Entry(
            claim="the same, where each product's record is read for one text (reported)",
            value=with_reading,
            goal=None,
            met=None,
            rounds=len(rounds),
        ),
    ]


if __name__ == "__main__":
    main()
