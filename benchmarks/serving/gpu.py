"""``transformers.generate`` offline on a GPU: batches of 256, bfloat16, a static cache.

    python -m benchmarks.serving.gpu BUNDLE < records as JSON > seconds

The model is on the GPU, and the records are tokens, before the clock starts.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import T5ForConditionalGeneration

from adcraft.inference.bundle import Bundle, open_bundle
from adcraft.inference.codec import TextCodec
from adcraft.workloads import get_workload

BATCH = 256


def offline_s(bundle: Bundle, records: Sequence[dict[str, str]], device: str = "cuda") -> float:
    """Seconds for all records, after a batch that is not counted."""
    model = T5ForConditionalGeneration.from_pretrained(bundle.model, dtype=torch.bfloat16).eval()
    model.to(torch.device(device))
    codec, settings = TextCodec.load(bundle.tokenizer), bundle.manifest.prompt
    workload = get_workload(bundle.manifest.workload)
    prompts = [workload.prompt(record, settings.fields).source for record in records]
    sources = codec.encode(prompts, settings.source_tokens)
    width = max(map(len, sources))
    batches = []
    for start in range(0, len(sources), BATCH):
        rows = sources[start : start + BATCH]
        padded = [[*row, *[codec.pad_id] * (width - len(row))] for row in rows]
        batches.append(torch.tensor(padded, device=device))

    def write(ids: torch.Tensor) -> None:
        with torch.inference_mode():
            model.generate(
                input_ids=ids,
                attention_mask=ids.ne(codec.pad_id).long(),
                max_new_tokens=settings.target_tokens,
                do_sample=False,
                num_beams=1,
                suppress_tokens=[codec.unk_id],
                cache_implementation="static",
            ).cpu()

    write(batches[0])
    started = time.perf_counter()
    for batch in batches:
        write(batch)
    return time.perf_counter() - started


def main() -> None:
    """Read records, print the seconds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--device", default="cuda")
    arguments = parser.parse_args()
    print(offline_s(open_bundle(arguments.bundle), json.load(sys.stdin), arguments.device))


if __name__ == "__main__":
    main()
