"""Ads of a running server for the first products of a test split, as Markdown.

    python -m benchmarks.shown_ads --url http://127.0.0.1:8000 --set data.name=... [--placement google_rsa]

Each product is asked for by ``POST /predict``, with all that its feed says of it. A text that is a template's
is in italics.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import httpx

from adcraft.ad_copy.fields import PROMPT_FIELDS
from adcraft.data.dataset import PreparedDataset
from adcraft.settings import load_settings
from adcraft.workload import Record

_SECONDS = 120.0


def main() -> None:
    """Print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--placement", default="google_rsa")
    parser.add_argument("--products", type=int, default=10)
    parser.add_argument("--target-field", default="description", help="of the products that are shown")
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    args = parser.parse_args()
    data = load_settings(overrides=args.overrides).data
    dataset = PreparedDataset.open(data.root, data.name, data.version)
    rows = (row for row in dataset.rows("test") if row["target_field"] == args.target_field)
    with httpx.Client(base_url=args.url, timeout=_SECONDS) as client:
        for row in islice(rows, args.products):
            product = {field: row[field] for field in PROMPT_FIELDS if row.get(field)}
            answer = client.post("/predict", json={**product, "placement": args.placement})
            answer.raise_for_status()
            print("\n".join(_shown(row, answer.json())))


def _shown(row: Record, answer: Mapping[str, Any]) -> Iterator[str]:
    yield f"### {row['product_name']}\n"
    for name, texts in answer["assets"].items():
        yield (
            f"{name}: "
            + " · ".join(f"*{text['text']}*" if text["safe"] else text["text"] for text in texts)
            + "\n"
        )


if __name__ == "__main__":
    main()
