"""The parts of a round: each starts one side, measures all that there is to measure of it, and ends it."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.serving import sides
from benchmarks.serving.asking import Asked
from benchmarks.serving.bench_model import BenchModel
from benchmarks.serving.client import Load, Outcome
from benchmarks.serving.engine_calls import engine_calls
from benchmarks.serving.figures import Figures
from benchmarks.serving.processes import Server
from benchmarks.serving.results import Results
from benchmarks.serving.sides import Side

BUSY, PROFILED = 64, 64
"""Callers of the lines about throughput, and with which CPU time is read."""
RAW = "raw engine"
BATCH = "prompts an engine call"
HEALTH, CACHED = "/health", "cached"
_WARM_UP, _WARM_CALLERS = 64, 16
_ASKED, _ALONE, _WAVES, _MOST = 512, 40, 16, 1024
_FEWEST = 5
GPU_CALLERS = (1, 8, 64, 256)
OFFLINE = "offline transformers on the GPU, texts/s"
_PLAIN_REQUESTS, _PLAIN_LIMIT_S = 10_000, 15.0


@dataclass(frozen=True)
class Plan:
    """What a run measures.

    Attributes:
        model: served.
        asked: requests, as many as ``needed`` says; where more are sent, they come again.
        callers: numbers of them.
        scale: of the numbers of requests; below 1 is for tries.
        own_settings: of the application.
    """

    model: BenchModel
    asked: Sequence[Asked]
    callers: Sequence[int]
    scale: float = 1.0
    own_settings: tuple[str, ...] = ()

    def of(self, callers: int) -> list[int]:
        """The numbers of the requests that are sent with so many callers.

        A load begins and ends with small batches, so there are many for each caller.
        """
        whole = _ALONE if callers == 1 else min(_WAVES * callers, _MOST)
        count = max(callers, _FEWEST, round(whole * self.scale))
        return [number % len(self.asked) for number in range(count)]

    @property
    def warm_up(self) -> int:
        """Requests before anything is measured."""
        return max(2, round(_WARM_UP * self.scale))


def needed(scale: float) -> int:
    """Different requests that a run needs."""
    return max(2, round(_ASKED * scale))


def raw(plan: Plan, results: Results, seed: int) -> None:
    """The engine alone."""
    batches, singles = _shuffled(plan.of(BUSY), seed), _shuffled(plan.of(1), seed)
    made = sides.raw_engine(
        plan.model.whole.path, [plan.asked[i] for i in batches], [plan.asked[i] for i in singles]
    )
    rate = len(batches) / made.seconds
    results.figures[RAW, BUSY].append(Figures(rate, 0, 0, 0))
    results.figures[RAW, 1].append(Figures.of_latencies(made.single_ms, sum(made.single_ms) / 1000))
    results.cpu_ms[RAW].append({"engine": 1000 * made.cpu_s / len(batches)})
    results.texts[RAW] |= dict(zip(batches, made.texts, strict=True))
    _say(f"{RAW}: {rate:.1f}/s in {made.compute_type}, alone {results.figures[RAW, 1][-1].p50:.0f} ms")


def side_block(side: Side) -> Callable[[Plan, Results, int], None]:
    """A peer, or the application with other settings."""

    def run(plan: Plan, results: Results, seed: int) -> None:
        callers = [each for each in plan.callers if each <= side.most_callers]
        with sides.start(side, plan.model, plan.own_settings) as server:
            _measure(server, side, plan, results, seed, callers)

    return run


def at_64(side: Side) -> Callable[[Plan, Results, int], None]:
    """The same, with 64 callers only."""

    def run(plan: Plan, results: Results, seed: int) -> None:
        with sides.start(side, plan.model, plan.own_settings) as server:
            _measure(server, side, plan, results, seed, [BUSY])

    return run


def adcraft(plan: Plan, results: Results, seed: int) -> None:
    """The application: all callers, then a route that needs no model, and one answer again and again."""
    side = sides.ADCRAFT
    with sides.start(side, plan.model, plan.own_settings) as server:
        _measure(server, side, plan, results, seed, plan.callers)
        _plain(server, "/health", f"{side.name} {HEALTH}", plan, results)
        body = plan.asked[0].body
        count = round(_PLAIN_REQUESTS * plan.scale)
        sides.send(Load(server.port, "/predict", 1, [body], sides.TEXT))  # from here on it is kept
        load = Load(server.port, "/predict", BUSY, [body] * count, sides.TEXT, _PLAIN_LIMIT_S, cached=True)
        outcome = sides.send(load)
        results.figures[f"{side.name} {CACHED}", BUSY].append(Figures.of(outcome))
        _say(f"{side.name}, one answer again and again: {outcome.per_second:.0f}/s")


def plain(side: Side) -> Callable[[Plan, Results, int], None]:
    """A peer without a model."""

    def run(plan: Plan, results: Results, seed: int) -> None:
        with sides.start(side, plan.model, ()) as server:
            server.wait("/", None)
            _plain(server, "/", side.name, plan, results)

    return run


def engine_start(plan: Plan, results: Results, seed: int) -> None:
    """From the start of a process to the engine's first text."""
    asked = plan.asked[seed % len(plan.asked)]
    started = time.perf_counter()
    sides.engine_start(plan.model.whole.path, asked)
    results.scalars["engine start, s"].append(time.perf_counter() - started)
    _say(f"engine ready in {results.scalars['engine start, s'][-1]:.1f} s")


def offline(plan: Plan, results: Results, seed: int) -> None:
    """``transformers.generate`` on a GPU, for all requests of 64 callers and more."""
    numbers = [number for callers in plan.callers if callers >= BUSY for number in plan.of(callers)]
    asked = [plan.asked[number] for number in _shuffled(numbers, seed)]
    rate = len(asked) / sides.offline_s(plan.model.whole.path, asked)
    results.scalars[OFFLINE].append(rate)
    _say(f"{OFFLINE}: {rate:.0f}")


def _measure(
    server: Server, side: Side, plan: Plan, results: Results, seed: int, callers: Sequence[int]
) -> None:
    results.scalars[f"{side.name}: start to first answer, s"].append(
        server.wait("/predict", plan.asked[0].body)
    )
    warm = max(2, round(plan.warm_up * side.share))
    sides.load(server, plan.asked[:warm], min(_WARM_CALLERS, warm))
    for each in callers:
        numbers = _shuffled(plan.of(each), seed)
        numbers = numbers[: max(each, _FEWEST, round(len(numbers) * side.share))]
        calls = engine_calls(server) if each == PROFILED and side.settings is not None else None
        before = server.cpu()
        outcome = sides.load(server, [plan.asked[i] for i in numbers], each)
        if each == PROFILED:
            results.cpu_ms[side.name].append(_cpu_ms(before, server, outcome))
        if calls:
            more = engine_calls(server)
            results.scalars[f"{side.name}: {BATCH}"].append(
                (more.prompts - calls.prompts) / (more.calls - calls.calls)
            )
        figures = Figures.of(outcome)
        results.figures[side.name, each].append(figures)
        results.texts[side.name] |= dict(zip(numbers, outcome.texts, strict=True))
        _say(
            f"{side.name}, {each} callers: {figures.per_second:.1f}/s, "
            f"p50 {figures.p50:.0f} ms, p95 {figures.p95:.0f} ms, p99 {figures.p99:.0f} ms"
        )
    for name, processes in server.memory().items():
        largest = max(processes, key=lambda memory: memory.resident)
        results.scalars[f"{side.name}: {name}, MiB"].append(largest.resident)
        results.scalars[f"{side.name}: {name}, MiB proportional"].append(largest.proportional)


def _plain(server: Server, path: str, name: str, plan: Plan, results: Results) -> None:
    count = round(_PLAIN_REQUESTS * plan.scale)
    before = server.cpu()
    outcome = sides.send(Load(server.port, path, BUSY, [None] * count, limit_s=_PLAIN_LIMIT_S))
    results.cpu_ms[name].append(_cpu_ms(before, server, outcome))
    results.figures[name, BUSY].append(Figures.of(outcome))
    _say(f"{name}: {outcome.per_second:.0f}/s")


def _cpu_ms(before: Mapping[str, float], server: Server, outcome: Outcome) -> dict[str, float]:
    """Of one request, by role."""
    spent = {role: seconds - before.get(role, 0.0) for role, seconds in server.cpu().items()}
    spent["client"] = outcome.cpu_s
    return {role: 1000 * seconds / len(outcome.latencies_ms) for role, seconds in spent.items()}


def _shuffled(numbers: Sequence[int], seed: int) -> list[int]:
    return random.Random(seed).sample(numbers, len(numbers))


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)
