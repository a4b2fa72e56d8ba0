"""What runs in each worker of Ray Train: epochs of steps, then validation and a checkpoint."""

from __future__ import annotations

import math
import random
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import ray.train
import torch
from ray.train.torch import get_device, prepare_model

from adcraft.training import checkpoint, steps
from adcraft.training.base_model import load_model
from adcraft.training.batches import Batch, Row, by_token_budget, collate
from adcraft.training.checkpoint import RunState
from adcraft.training.optimizer import ScaledAdamW
from adcraft.training.plan import TrainingPlan
from adcraft.training.progress import Reporter
from adcraft.training.schedule import Budget, learning_rate

_POOL = 2048
_SHUFFLE_ROWS = 8192
_PAD_ID = 0


def train_loop_per_worker(config: dict[str, Any]) -> None:
    """Train as ``config["plan"]`` says, from the last checkpoint if there is one.

    A report with a checkpoint ends each epoch. Progress goes to ``config["progress"]`` in between.
    """
    plan = TrainingPlan(**config["plan"])
    torch.set_num_threads(plan.threads)
    worker = _Worker(plan, Reporter(config["progress"]))
    while not worker.state.stopped:
        worker.run_epoch()


class _Worker:
    def __init__(self, plan: TrainingPlan, reporter: Reporter) -> None:
        self.plan = plan
        self.reporter = reporter
        self.device = get_device()
        self.rank = ray.train.get_context().get_world_rank()
        self.budget = Budget(plan.epochs, plan.seconds, plan.rows)
        core = load_model(Path(plan.base), plan.pretrained, plan.seed)
        core.train()
        self.model = prepare_model(core)
        self.optimizer = ScaledAdamW(core, weight_decay=plan.weight_decay)
        self.state = RunState()
        if latest := ray.train.get_checkpoint():
            with latest.as_directory() as folder:
                self.state = checkpoint.load(Path(folder), core, self.optimizer.adamw)
        self.core = core
        self.begun = time.monotonic() - self.state.elapsed_s
        torch.manual_seed(plan.seed + 1000 * self.rank + self.state.epoch)

    def run_epoch(self) -> None:
        """Train on the data once, or until time is up; validate; decide; report."""
        loss, tokens, seconds, time_up = self._train()
        state = self.state
        state.epoch += 1
        validation = steps.validate(self.model, self._batches("validation", shuffle=False), self.device)
        if validation < state.best_loss:
            state.best_loss, state.bad_epochs = validation, 0
        else:
            state.bad_epochs += 1
        state.elapsed_s = time.monotonic() - self.begun
        state.stopped = self._reason_to_stop(validation, time_up)
        metrics = {
            "epoch": float(state.epoch),
            "train_loss": loss,
            "validation_loss": validation,
            "tokens_per_s": tokens / max(seconds, 1e-9),
            "elapsed_s": state.elapsed_s,
        }
        state.history.append(metrics)
        samples = None
        if self.rank == 0:
            samples = steps.generate_samples(
                self.model, self.plan.sample_sources, self.device, self.plan.target_tokens
            )
        self._report(metrics, samples)

    def _train(self) -> tuple[float, int, float, bool]:
        """One pass: mean loss per target token, tokens of all workers, seconds, whether time is up."""
        plan, state = self.plan, self.state
        batches = self._batches("train", shuffle=True)
        loss_total, target_total, token_total = 0.0, 0, 0
        started = time.monotonic()
        while True:
            mine = list(islice(batches, plan.accumulate))
            elapsed = time.monotonic() - self.begun
            late = self.rank == 0 and bool(plan.seconds) and elapsed >= plan.seconds
            counts = steps.all_reduce(
                torch.tensor(
                    [
                        sum(batch.target_tokens for batch in mine),
                        sum(batch.tokens for batch in mine),
                        sum(len(batch.labels) for batch in mine),
                        late,
                        elapsed if self.rank == 0 else 0.0,  # all workers follow one clock
                    ],
                    dtype=torch.float64,
                )
            )
            target_tokens, tokens, rows = (int(count) for count in counts[:3])
            if not target_tokens or counts[3]:
                break
            rate = learning_rate(
                self.budget.progress(state.rows, float(counts[4])),
                peak=plan.learning_rate,
                warmup=plan.warmup,
            )
            loss, norm = steps.train_step(
                self.model,
                self.optimizer,
                mine,
                device=self.device,
                rate=rate,
                target_tokens=target_tokens,
                smoothing=plan.label_smoothing,
                clip_norm=plan.clip_norm,
            )
            state.step += 1
            state.rows += rows
            state.tokens += tokens
            loss_total += loss
            target_total += target_tokens
            token_total += tokens
            if self.rank == 0:
                self.reporter.step(
                    step=state.step,
                    epoch=state.epoch + 1,
                    epochs=plan.epochs,
                    progress=self.budget.progress(state.rows, elapsed),
                    loss=loss / max(1, sum(batch.target_tokens for batch in mine)),
                    learning_rate=rate,
                    gradient_norm=norm,
                    tokens=token_total,
                    seconds=time.monotonic() - started,
                )
        summed = steps.all_reduce(torch.tensor([loss_total], dtype=torch.float64))
        seconds = time.monotonic() - started
        return float(summed[0]) / max(1, target_total), token_total, seconds, bool(counts[3])

    def _batches(self, split: str, *, shuffle: bool) -> Iterator[Batch]:
        shard = ray.train.get_dataset_shard(split)
        seed = self.plan.seed + self.state.epoch
        rows = (
            Row(source, target)
            for table in shard.iter_batches(
                batch_size=1024,
                batch_format="numpy",
                local_shuffle_buffer_size=_SHUFFLE_ROWS if shuffle else None,
                local_shuffle_seed=seed if shuffle else None,
            )
            for source, target in zip(table["source"], table["target"], strict=True)
        )
        groups = by_token_budget(rows, self.plan.tokens_per_batch, pool=_POOL, generator=random.Random(seed))
        return (collate(group, _PAD_ID) for group in groups)

    def _reason_to_stop(self, validation: float, time_up: bool) -> str:
        plan, state = self.plan, self.state
        if not math.isfinite(validation):
            return "the loss is not a number"
        if time_up or (plan.seconds and state.elapsed_s >= plan.seconds):
            return f"{plan.seconds / 60:g} minutes are over"
        if state.epoch >= plan.epochs:
            return f"{plan.epochs} epochs are done"
        if plan.patience and state.bad_epochs >= plan.patience:
            return f"no better validation loss in {plan.patience} epochs"
        return ""

    def _report(self, metrics: dict[str, float], samples: list[list[int]] | None) -> None:
        if self.rank != 0:
            ray.train.report(metrics)
            return
        with tempfile.TemporaryDirectory(prefix="adcraft-checkpoint-") as folder:
            checkpoint.save(Path(folder), self.core, self.optimizer.adamw, self.state)
            ray.train.report(metrics, checkpoint=ray.train.Checkpoint.from_directory(folder))
        self.reporter.epoch(self.state.step, metrics, samples or [], self.state.stopped)
