"""Ads of a registered model for several feeds and all placements, audited text by text.

    python -m benchmarks.copies [--set home=...] [--bundle FOLDER] [--texts 10000] [--feed products.csv ...]

Each feed gives its share of the texts; beside those named there is one of invented products that no model has
learnt from (another seed). A product is asked for in one placement, by turns, for as many texts as that
takes. Faults are counted by ``benchmarks.copy_audit``, which says how, and shares no code with the rules that
every text was checked by. Words count as known if the training split of the model's dataset has them
(data.root). Likeness is sacrebleu's chrF of each text of an asset against each other one for the same
product, 0 to 1. The first of each kind of fault are shown on standard error.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from adcraft.ad_copy.copywriting.ad import Ad
from adcraft.ad_copy.copywriting.brief import Brief, is_written
from adcraft.ad_copy.copywriting.copywriter import Copywriter
from adcraft.ad_copy.fields import AD_FIELDS, PROMPT_FIELDS
from adcraft.ad_copy.guardrails.rules import shipped_rules
from adcraft.ad_copy.placements import shipped_placements
from adcraft.ad_copy.sample_feed.feed import write_feed
from adcraft.data.columns import ColumnRules
from adcraft.data.dataset import PreparedDataset
from adcraft.data.feed import open_feed
from adcraft.data.refining import RowRules
from adcraft.errors import AdcraftError
from adcraft.inference.bundle import Bundle, open_bundle
from adcraft.inference.generator import Generator
from adcraft.registry import Registry
from adcraft.settings import Settings, load_settings
from adcraft.workload import Record
from adcraft.workloads import get_workload
from benchmarks.copy_audit import faults, words
from benchmarks.copy_tally import Tally, entries, print_rows, rows
from benchmarks.report import write_report

_INVENTED, _INVENTED_ROWS, _INVENTED_SEED = "invented", 4_000, 4_242
_BATCH = 16
_SHOWN = 10
_TEMPLATES = Path(__file__).parents[1] / "adcraft" / "ad_copy" / "copywriting" / "safe_copy.yaml"
_KNOWN = (*(field for field in PROMPT_FIELDS if field != "description"), "target", *AD_FIELDS)
"""Fields of a training record whose words count as known. Feeds run the words of descriptions together, so
these have to be in some of them.
"""
_OFTEN = 3


def main() -> None:
    """Write, audit, print, write ``benchmarks/results/copies.json``."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--bundle", type=Path, help="of the model; default: the registered evaluate.model")
    parser.add_argument("--texts", type=int, default=10_000)
    parser.add_argument("--feed", type=Path, action="append", default=[], help="beside the invented products")
    arguments = parser.parse_args()
    if len({path.name for path in arguments.feed}) < len(arguments.feed):
        parser.error("two feeds have one name; rename one of their files")
    settings = load_settings(arguments.config, arguments.set)
    bundle = open_bundle(arguments.bundle) if arguments.bundle else _registered(settings)
    generator = Generator.load(bundle, threads=len(os.sched_getaffinity(0)))
    copywriter = Copywriter(generator, shipped_placements(), shipped_rules())
    known = _known_words(settings, bundle)
    feeds = {_INVENTED: _invented(settings)} | {path.name: _read(settings, path) for path in arguments.feed}
    tallies: dict[tuple[str, str], Tally] = defaultdict(Tally)
    for name, records in feeds.items():
        _audit(copywriter, name, records, -(-arguments.texts // len(feeds)), known, tallies)
    print_rows(rows(tallies))
    write_report("copies", entries(tallies, _INVENTED), {"assets": rows(tallies)})


def _registered(settings: Settings) -> Bundle:
    registry = Registry(settings.tracking.uri, settings.tracking.model)
    version = registry.resolve(settings.evaluate.model or "champion")
    return open_bundle(registry.download(version, Path(settings.home) / "models"))


def _known_words(settings: Settings, bundle: Bundle) -> set[str]:
    known = set(words(_TEMPLATES.read_text("utf-8")))
    reference = bundle.manifest.dataset
    dataset = PreparedDataset.open(settings.data.root, reference.name, reference.version)
    described = Counter[str]()
    for record in dataset.rows("train"):
        known.update(words(" | ".join(record.get(name) or "" for name in _KNOWN)))
        described.update(set(words(record.get("description") or "")))
    return known | {word for word, rows in described.items() if rows >= _OFTEN}


def _invented(settings: Settings) -> list[Record]:
    with tempfile.TemporaryDirectory() as folder:
        feed = Path(folder) / "sample.csv"
        write_feed(feed, _INVENTED_ROWS, _INVENTED_SEED, None)
        return _read(settings, feed)


def _read(settings: Settings, path: Path) -> list[Record]:
    """The good rows of a feed, read as ``ray_jobs generate`` does, in an order of chance."""
    workload = get_workload("ad_copy")
    columns = replace(ColumnRules.of(workload, {}), target_fields=())
    rules = RowRules(workload, columns, settings.data.target_chars)
    records: list[Record] = []
    for file in open_feed(settings.data.model_copy(update={"source": str(path)}), columns).files:
        for index, chunk in enumerate(file.chunks()):
            records += rules.refine(file.parser.parse(chunk, is_first=index == 0)).table.to_pylist()
    random.Random(0).shuffle(records)
    return records


def _audit(
    copywriter: Copywriter,
    feed: str,
    records: Sequence[Record],
    texts: int,
    known: set[str],
    tallies: dict[tuple[str, str], Tally],
) -> None:
    """Write for the products until so many texts that the model was asked for are given out."""
    shown: Counter[str] = Counter()
    given = 0
    for record, name, ad in _ads(copywriter, records):
        placement = shipped_placements().named(name)
        for asset, copy in ad.assets.items():
            limits, tally = placement.assets[asset], tallies[feed, f"{name} {asset}"]
            tally.add(copy, asked=is_written(limits.text))
            given += len(copy.texts) if is_written(limits.text) else 0
            for text in (each.text for each in copy.texts):
                found = list(faults(text, record, known, hard=limits.hard, count=placement.count))
                tally.faults.update({fault for fault, _ in found})
                shown.update(fault for fault, _ in found)
                for fault, what in found:
                    if shown[fault] <= _SHOWN:
                        print(f"{feed} {name} {asset}: {fault} ({what}): {text}", file=sys.stderr)
        if given >= texts:
            return
    raise SystemExit(f"For the {len(records)} products of {feed} came {given} texts, of {texts} wanted.")


def _ads(copywriter: Copywriter, records: Sequence[Record]) -> Iterator[tuple[Record, str, Ad]]:
    placements = sorted(shipped_placements().placements)
    products = enumerate(records)
    while batch := list(islice(products, _BATCH)):
        jobs = [(record, Brief(placements[index % len(placements)])) for index, record in batch]
        for (record, brief), ad in zip(jobs, copywriter.write(jobs), strict=True):
            if isinstance(ad, AdcraftError):
                raise ad
            yield record, brief.placement, ad


if __name__ == "__main__":
    main()
