"""One side of the training benchmark, in a process of its own: a pass over the rows, a part at each turn.

    python -m benchmarks.train_sides FOLDER SIDE TURNS

It trains a part for each line that it reads, and prints ``{"seconds": ..., "tokens": ...}`` (not padding)
when the part is done; for one line more ``{"loss": ...}``, per target token of the validation rows. Sides
differ in how they batch and in whose loop they run; weights at the start, rows, optimizer, schedule, clipping
and tokens per step (on average) are the same.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from torch.optim.lr_scheduler import LambdaLR
from transformers import (
    DataCollatorForSeq2Seq,
    PreTrainedTokenizerFast,
    PrinterCallback,
    Seq2SeqTrainer,
    Seq2SeqTrainingArguments,
    T5ForConditionalGeneration,
    TrainerCallback,
    default_data_collator,
)

from adcraft.training.base_model import load_model
from adcraft.training.batches import IGNORED, Line, Row, collate, packed
from adcraft.training.dropout import quicken_dropout
from adcraft.training.masks import keep_examples_apart
from adcraft.training.optimizer import ScaledAdamW
from adcraft.training.plan import TrainingPlan
from adcraft.training.precision import choose_precision
from adcraft.training.schedule import learning_rate
from adcraft.training.steps import train_step, validate
from benchmarks.train_feed import SOURCE_TOKENS, TARGET_TOKENS, Feed

OURS, FULL, DYNAMIC, GROUPED = "ours", "full", "dynamic", "grouped"
_POOL = 2048
_CPU = torch.device("cpu")


def main() -> None:
    """Take turns until the rows are used up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("side", choices=(OURS, FULL, DYNAMIC, GROUPED))
    parser.add_argument("turns", type=int)
    arguments = parser.parse_args()
    feed = Feed(arguments.folder, "")
    plan = feed.plan
    torch.set_num_threads(plan.threads)
    rows = feed.rows("train")
    batches = _batches(rows, plan)
    model = load_model(Path(plan.base), plan.pretrained, plan.seed)
    optimizer = ScaledAdamW(model, weight_decay=plan.weight_decay)
    turns = Turns(len(batches), arguments.turns)
    if arguments.side == OURS:
        by_our_loop(model, optimizer, plan, batches, turns)
    else:
        size = round(len(rows) / len(batches))  # of a batch: as many tokens as ours have on average
        turns = Turns(-(-len(rows) // size), arguments.turns)
        by_their_trainer(model, optimizer, plan, rows, arguments.side, size, turns)
    sys.stdin.readline()  # else it would take the cores from those whose last turn is still to come
    if arguments.side != OURS:
        keep_examples_apart(model)
    held_out = packed(feed.rows("validation"), plan.tokens_per_batch, pool=_POOL, generator=random.Random(0))
    loss = validate(model, (collate(lines, 0) for lines in held_out), choose_precision("float32", _CPU))
    print(json.dumps({"loss": loss}), flush=True)


class Turns:
    """Lets a loop go on part by part.

    Args:
        steps: of the whole loop.
        count: of turns.
    """

    def __init__(self, steps: int, count: int) -> None:
        self._ends = {round(steps * (turn + 1) / count) for turn in range(count)}
        self._last = steps
        self._tokens = 0
        self._started = 0.0

    def begin(self) -> None:
        """Wait for a line, and start the clock."""
        sys.stdin.readline()
        self._started = time.perf_counter()

    def step(self, number: int, tokens: int) -> None:
        """Take note of step ``number`` (from 1), the last of ``tokens`` tokens so far."""
        if number not in self._ends:
            return
        seconds = time.perf_counter() - self._started
        print(json.dumps({"seconds": seconds, "tokens": tokens - self._tokens}), flush=True)
        self._tokens = tokens
        if number < self._last:
            self.begin()


def by_our_loop(
    model: T5ForConditionalGeneration,
    optimizer: ScaledAdamW,
    plan: TrainingPlan,
    batches: Sequence[Sequence[Line]],
    turns: Turns,
) -> None:
    """The batches and steps of ``adcraft.training``, in a plain loop without Ray."""
    quicken_dropout(model, _CPU)
    keep_examples_apart(model)
    model.train()
    precision = choose_precision(plan.precision, _CPU)
    torch.manual_seed(plan.seed)
    seen = tokens = 0
    turns.begin()
    for number, lines in enumerate(batches, 1):
        batch = collate(lines, 0)
        train_step(
            model,
            optimizer,
            [batch],
            precision=precision,
            rate=learning_rate(seen / plan.rows, peak=plan.learning_rate, warmup=plan.warmup),
            target_tokens=batch.target_tokens,
            smoothing=plan.label_smoothing,
            clip_norm=plan.clip_norm,
        )
        seen += sum(map(len, lines))
        tokens += batch.tokens
        turns.step(number, tokens)


def by_their_trainer(
    model: T5ForConditionalGeneration,
    optimizer: ScaledAdamW,
    plan: TrainingPlan,
    rows: Sequence[Row],
    side: str,
    size: int,
    turns: Turns,
) -> None:
    """``Seq2SeqTrainer`` with nothing beside training: no logs, no evaluation, nothing saved."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(plan.base)
    pad: Callable[[list[dict[str, Any]]], dict[str, Any]] = (
        default_data_collator
        if side == FULL
        else DataCollatorForSeq2Seq(tokenizer, model=model)  # pads to the longest of a batch
    )
    tokens: list[int] = []

    def counted(features: list[dict[str, Any]]) -> dict[str, Any]:
        tokens.append(sum(feature.pop("length") for feature in features))
        for feature in features:
            feature.pop("order", None)
        return pad(features)

    class Steps(TrainerCallback):
        """Tells ``turns`` of each step. Batches are fetched ahead, so they are counted by step."""

        def on_train_begin(self, *_: Any, **__: Any) -> None:
            turns.begin()

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            turns.step(state.global_step, sum(tokens[: state.global_step]))

    trainer = Seq2SeqTrainer(
        model=model,
        args=Seq2SeqTrainingArguments(
            output_dir=str(Path(plan.base).parent / side),
            per_device_train_batch_size=size,
            num_train_epochs=1,
            max_grad_norm=plan.clip_norm,
            train_sampling_strategy="group_by_length" if side == GROUPED else "random",
            length_column_name="order",
            remove_unused_columns=False,  # else the lengths are gone before the sampler looks for them
            logging_strategy="no",
            save_strategy="no",
            eval_strategy="no",
            report_to=[],
            disable_tqdm=True,
            use_cpu=True,
            dataloader_num_workers=0,
            dataloader_pin_memory=False,
            seed=plan.seed,
        ),
        train_dataset=Dataset.from_list(list(_features(rows, full=side == FULL))),
        data_collator=counted,
        processing_class=tokenizer,
        optimizers=(optimizer.adamw, _Rates(optimizer, plan, size)),
        callbacks=[Steps()],
    )
    trainer.remove_callback(PrinterCallback)  # it prints to standard output, which is ours
    trainer.train()


class _Rates(LambdaLR):
    """Our schedule and our scaling of each parameter's rate, as the Trainer wants it."""

    def __init__(self, optimizer: ScaledAdamW, plan: TrainingPlan, size: int) -> None:
        self._scaled, self._plan, self._size = optimizer, plan, size
        super().__init__(optimizer.adamw, lambda _: 1.0)

    def get_lr(self) -> list[float | torch.Tensor]:
        progress = min(1.0, self.last_epoch * self._size / self._plan.rows)
        self._scaled.set_rates(
            learning_rate(progress, peak=self._plan.learning_rate, warmup=self._plan.warmup)
        )
        return [group["lr"] for group in self._scaled.adamw.param_groups]


def _batches(rows: list[Row], plan: TrainingPlan) -> list[list[Line]]:
    """All batches of ours, cut before the clock starts (the real loop cuts a pool at a time)."""
    generator = random.Random(plan.seed)
    shuffled = generator.sample(rows, len(rows))
    return list(packed(shuffled, plan.tokens_per_batch, pool=_POOL, generator=generator))


def _features(rows: Sequence[Row], *, full: bool) -> Iterator[dict[str, Any]]:
    """Rows as the Trainer wants them. ``order`` is what ``group_by_length`` sorts by: of source, target and
    their sum, sorting by target leaves the least padding on these rows.
    """
    for row in rows:
        source, target = list(row.source), list(row.target)
        width, height = (SOURCE_TOKENS - len(source), TARGET_TOKENS - len(target)) if full else (0, 0)
        yield {
            "input_ids": source + [0] * width,
            "attention_mask": [1] * len(source) + [0] * width,
            "labels": target + [IGNORED] * height,
            "length": len(source) + len(target),
            "order": len(target),
        }


if __name__ == "__main__":
    main()
