"""What runs in each worker of Ray Train: epochs of steps, then validation and a checkpoint."""

from __future__ import annotations

import math
import random
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import ray.train
import torch
from ray.train.torch import get_device, prepare_model

from adcraft.training import checkpoint, faults, steps
from adcraft.training.adapters import step_sizes
from adcraft.training.batches import Batch, Row, collate, packed
from adcraft.training.compilation import compiled
from adcraft.training.optimizer import ScaledAdamW
from adcraft.training.plan import TrainingPlan
from adcraft.training.precision import choose_precision
from adcraft.training.progress import Reporter
from adcraft.training.run_state import RunState
from adcraft.training.schedule import Budget, learning_rate
from adcraft.training.sharding import shard
from adcraft.training.successor import start_successor
from adcraft.training.train_list import SCORE, score
from adcraft.training.trained_model import trained_model

_POOL = 2048
_SHUFFLE_ROWS = 8192
_PAD_ID = 0
_TIME_IS_UP, _TOLD = 1.0, 2.0
"""Why a pass over the data ends before it is through; all workers agree on it."""


def train_loop_per_worker(config: dict[str, Any]) -> None:
    """Train as ``config["plan"]`` says, from the last checkpoint if there is one.

    A report with a checkpoint ends each epoch. Progress goes to ``config["progress"]`` in between. With
    ``config["successor"]``, a process is made in the last epoch for the worker that comes next.
    """
    plan = TrainingPlan.from_config(config["plan"])
    torch.set_num_threads(plan.threads)
    try:
        worker = _Worker(plan, Reporter(config["progress"]))
        while not worker.state.stopped and (left := (plan.until or plan.epochs) - worker.state.epoch) > 0:
            worker.run_epoch(start_successor if config["successor"] and left == 1 else _nothing)
    except Exception as error:
        if (plain := faults.portable(error)) is not error:
            raise plain from error
        raise


class _Worker:
    def __init__(self, plan: TrainingPlan, reporter: Reporter) -> None:
        self.plan = plan
        self.reporter = reporter
        context = ray.train.get_context()
        self.rank, self.world = context.get_world_rank(), context.get_world_size()
        self.sharded = plan.strategy == "fsdp" and self.world > 1
        self.precision = choose_precision(plan.precision, get_device(), sharded=self.sharded)
        self.budget = Budget(plan.epochs, plan.seconds, plan.rows)
        self._say("loading the model")
        self.core = trained_model(plan, self.precision.device)
        sizes = step_sizes(self.core) if plan.adapters else {}
        if self.sharded:
            shard(self.core, self.precision)
        self.model = self.core if self.sharded else prepare_model(self.core)
        if plan.compile:
            self.model = compiled(self.model, self.precision.device)
        self.optimizer = ScaledAdamW(self.core, weight_decay=plan.weight_decay, sizes=sizes)
        self.state = RunState()
        held = (self.core, self.optimizer.adamw)
        if latest := ray.train.get_checkpoint():
            with latest.as_directory() as folder:
                self.state = checkpoint.load(Path(folder), *held, self.precision.scaler)
        elif plan.start:
            self.state = checkpoint.begin_from(Path(plan.start), *held, self.precision.scaler)
        self.begun = 0.0
        self._say("taking the first step")

    def run_epoch(self, at_first_step: Callable[[], None]) -> None:
        """Train on the data once, or until time is up; validate; decide; report."""
        # Dropout is the same whether or not the run was interrupted before this epoch.
        torch.manual_seed(self.plan.seed + 1000 * self.rank + self.state.epoch)
        loss, tokens, seconds, cut = self._train(at_first_step)
        state = self.state
        if cut == _TOLD:  # what was begun since the last checkpoint does not count
            state.stopped = "it was told to stop"
            return
        state.epoch += 1
        self._say("validating")
        validation = steps.validate(self.model, self._batches("validation"), self.precision)
        if validation < state.best_loss:
            state.best_loss, state.bad_epochs = validation, 0
        else:
            state.bad_epochs += 1
        state.elapsed_s = self._elapsed()
        state.stopped = self._reason_to_stop(validation, cut == _TIME_IS_UP)
        metrics = {
            "epoch": float(state.epoch),
            "step": float(state.step),
            "train_loss": loss,
            "validation_loss": validation,
            "tokens_per_s": tokens / max(seconds, 1e-9),
            "elapsed_s": state.elapsed_s,
        }
        state.history.append(metrics)
        self._report(metrics)

    def _train(self, at_first_step: Callable[[], None]) -> tuple[float, int, float, float]:
        """One pass: mean loss per target token, tokens of all workers, seconds, why it was cut short."""
        plan, state = self.plan, self.state
        batches = self._batches("train")
        loss_total, target_total, token_total = 0.0, 0, 0
        started = time.monotonic()
        while True:
            wanted, passes = plan.share(self.rank, self.world, state.step)
            mine = list(islice(batches, wanted))
            if not self.begun:  # the clock starts when there is something to train on
                self.begun = time.monotonic() - state.elapsed_s
            elapsed = time.monotonic() - self.begun
            late = self.rank == 0 and 0 < plan.seconds <= elapsed and token_total > 0  # a step at least
            counts = steps.all_reduce(
                torch.tensor(
                    [
                        sum(batch.target_tokens for batch in mine),
                        sum(batch.tokens for batch in mine),
                        sum(batch.examples for batch in mine),
                        _TOLD if self.rank == 0 and self.reporter.told_to_stop else late * _TIME_IS_UP,
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
                precision=self.precision,
                rate=rate,
                target_tokens=target_tokens,
                smoothing=plan.label_smoothing,
                clip_norm=plan.clip_norm,
                passes=passes,
            )
            if not token_total:
                at_first_step()
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
        return float(summed[0]) / max(1, target_total), token_total, seconds, float(counts[3])

    def _batches(self, split: str) -> Iterator[Batch]:
        """This worker's part of a split, as batches. Training rows come in another order each epoch; what is
        validated is packed the same way always, so that its loss is not another one by rounding alone.
        """
        seed = self.plan.seed + (self.state.epoch if split == "train" else 0)
        rows = self._training_rows(seed) if split == "train" else self._validation_rows()
        batches = packed(rows, self.plan.tokens_per_batch, pool=_POOL, generator=random.Random(seed))
        return (collate(lines, _PAD_ID) for lines in batches)

    def _training_rows(self, seed: int) -> Iterator[Row]:
        tables = ray.train.get_dataset_shard("train").iter_batches(
            batch_size=1024,
            batch_format="numpy",
            local_shuffle_buffer_size=_SHUFFLE_ROWS,
            local_shuffle_seed=seed,
        )
        return _rows(tables)

    def _validation_rows(self) -> Iterator[Row]:
        """Every n-th row for n workers: Ray Data splits evenly, and leaves out rows to do so."""
        tables = ray.train.get_dataset_shard("validation").iter_batches(batch_size=1024, batch_format="numpy")
        return islice(_rows(tables), self.rank, None, self.world)

    def _elapsed(self) -> float:
        """Seconds of training so far, over all attempts, by the clock of rank 0: else one worker would
        stop and the others wait for it.
        """
        elapsed = time.monotonic() - self.begun if self.rank == 0 else 0.0
        return float(steps.all_reduce(torch.tensor([elapsed], dtype=torch.float64))[0])

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

    def _report(self, metrics: dict[str, float]) -> None:
        samples: list[list[int]] = []
        if self.rank == 0 or self.sharded:
            self._say("writing samples")
            samples = steps.generate_samples(
                self.model, self.plan.sample_sources, self.precision, self.plan.target_tokens
            )
        self._say("saving a checkpoint")
        with tempfile.TemporaryDirectory(prefix="adcraft-checkpoint-") as folder:
            writes = self.rank == 0
            checkpoint.save(
                Path(folder) if writes else None,
                self.core,
                self.optimizer.adamw,
                self.state,
                self.precision.scaler,
            )
            ray.train.report(
                score(metrics[SCORE]),
                checkpoint=ray.train.Checkpoint.from_directory(folder) if writes else None,
            )
        if writes:
            self.reporter.epoch(metrics, samples, self.state.stopped)

    def _say(self, phase: str) -> None:
        if self.rank == 0:
            self.reporter.phase(phase)


def _nothing() -> None:
    """Nothing is to be done."""


def _rows(tables: Iterable[Mapping[str, Any]]) -> Iterator[Row]:
    for table in tables:
        yield from map(Row, table["source"], table["target"])
