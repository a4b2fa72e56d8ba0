"""The lines of the report, from what was measured. What was not measured has no line."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from operator import itemgetter

from benchmarks.report import Entry
from benchmarks.serving import sides
from benchmarks.serving.blocks import BATCH, BUSY, CACHED, GPU_CALLERS, HEALTH, OFFLINE, RAW
from benchmarks.serving.figures import share_alike
from benchmarks.serving.results import Results

OURS = sides.ADCRAFT.name
_ROOM_MS = 4.0


def entries(results: Results) -> list[Entry]:
    """All lines."""
    made: list[Entry] = []
    for lines in (_throughput, _single, _without_model, _replicas, _starts, _gpu, _texts, _reported):
        made += lines(results)
    return made


def cpu_rows(results: Results) -> list[tuple[str, str, float]]:
    """Where the time of a request goes: side, role of a process, and CPU milliseconds, largest first."""
    rows = []
    for side, rounds in results.cpu_ms.items():
        roles = {role for spent in rounds for role in spent}
        spent = {role: statistics.median(each.get(role, 0.0) for each in rounds) for role in roles}
        rows += [(side, role, spent[role]) for role in sorted(roles, key=lambda role: -spent[role])]
        rows.append((side, "all", sum(spent.values())))
    return rows


def at_least(claim: str, value: float, goal: float, rounds: int, **peers: float) -> Entry:
    """A line whose value must not be below its goal."""
    return Entry(claim, value, goal, value >= goal, rounds, _named(peers))


def at_most(claim: str, value: float, goal: float, rounds: int, **peers: float) -> Entry:
    """A line whose value must not be above its goal."""
    return Entry(claim, value, goal, value <= goal, rounds, _named(peers))


def reported(claim: str, value: float, rounds: int, **peers: float) -> Entry:
    """A line without a goal."""
    return Entry(claim, value, None, None, rounds, _named(peers))


def _named(peers: dict[str, float]) -> dict[str, float]:
    return {name.replace("_", " "): value for name, value in peers.items()}


def _throughput(results: Results) -> Iterator[Entry]:
    ours = results.median(OURS, BUSY)
    if not ours:
        return
    rounds = len(results.figures[OURS, BUSY])
    for side, goal in (
        (RAW, 0.88),
        (sides.BATCHER.name, 1.5),
        (sides.RAY_SERVE.name, 3.0),
        (sides.TRANSFORMERS.name, 30.0),
    ):
        if peer := results.median(side, BUSY):
            yield _faster(
                f"{BUSY} callers, requests/s over {side}", ours.per_second, peer.per_second, goal, rounds
            )
    best = results.best(sides.TRANSFORMERS.name)
    if best:
        claim = f"{BUSY} callers, requests/s over {sides.TRANSFORMERS.name} with its best number of callers"
        yield _faster(claim, ours.per_second, best, 20.0, rounds)
    if cut := results.median(sides.CUT.name, BUSY):
        claim = f"{BUSY} callers, requests/s with the cut vocabulary over the whole one"
        yield _faster(claim, cut.per_second, ours.per_second, 1.3, rounds)
    if one := results.median(sides.ONE_REPLICA.name, BUSY):
        claim = f"{BUSY} callers, requests/s of two replicas of one thread over one"
        yield _faster(claim, ours.per_second, one.per_second, 1.7, rounds)


def _faster(claim: str, ours: float, peer: float, goal: float, rounds: int) -> Entry:
    return at_least(claim, ours / peer, goal, rounds, ours=ours, peer=peer)


def _single(results: Results) -> Iterator[Entry]:
    ours = results.median(OURS, 1)
    if not ours:
        return
    rounds = len(results.figures[OURS, 1])
    if raw := results.median(RAW, 1):
        claim = "1 caller, p50 in ms, at most the raw engine's + 4"
        yield at_most(claim, ours.p50, raw.p50 + _ROOM_MS, rounds, raw_engine=raw.p50)
    if peer := results.median(sides.TRANSFORMERS.name, 1):
        claim = "1 caller, p50 over transformers'"
        yield at_most(claim, ours.p50 / peer.p50, 0.5, rounds, ours_ms=ours.p50, transformers_ms=peer.p50)
    claim = "1 caller, p95 over its own p50"
    yield at_most(claim, ours.p95 / ours.p50, 1.3, rounds, p50_ms=ours.p50, p95_ms=ours.p95, p99_ms=ours.p99)


def _without_model(results: Results) -> Iterator[Entry]:
    if health := results.median(f"{OURS} {HEALTH}", BUSY):
        rounds = len(results.figures[f"{OURS} {HEALTH}", BUSY])
        for side, goal in ((sides.PLAIN_RAY_SERVE.name, 5.0), (sides.PLAIN_UVICORN.name, 0.4)):
            if peer := results.median(side, BUSY):
                claim = f"GET {HEALTH}, {BUSY} callers, requests/s over {side}"
                yield _faster(claim, health.per_second, peer.per_second, goal, rounds)
    if cached := results.median(f"{OURS} {CACHED}", BUSY):
        rounds = len(results.figures[f"{OURS} {CACHED}", BUSY])
        claim = f"a cached answer, {BUSY} callers, requests/s"
        yield at_least(claim, cached.per_second, 2000.0, rounds, p50_ms=cached.p50, p99_ms=cached.p99)


def _replicas(results: Results) -> Iterator[Entry]:
    ours = results.scalars.get(f"{OURS}: generator, MiB")
    peer = results.scalars.get(f"{sides.TRANSFORMERS.name}: transformers_server, MiB")
    if ours and peer:
        mine, theirs = statistics.median(ours), statistics.median(peer)
        claim = "a replica's resident memory over that of a server with transformers"
        shared = statistics.median(results.scalars[f"{OURS}: generator, MiB proportional"])
        yield at_most(
            claim,
            mine / theirs,
            0.4,
            len(ours),
            ours_MiB=mine,
            proportional_MiB=shared,
            transformers_MiB=theirs,
        )


def _starts(results: Results) -> Iterator[Entry]:
    if found := results.scalars.get("engine start, s"):
        claim = "from a process's start to the engine's first text, s"
        yield at_most(claim, statistics.median(found), 5.0, len(found))
    for name, claim in (
        (f"{OURS}: start to first answer, s", "python -m serve_app, to its first 200, s"),
        ("deploy, s", "serve deploy, to the first 200, s"),
    ):
        if found := results.scalars.get(name):
            yield reported(claim, statistics.median(found), len(found))


def _gpu(results: Results) -> Iterator[Entry]:
    offline = results.scalars.get(OFFLINE)
    if not offline:
        return
    rate = statistics.median(offline)
    for callers in GPU_CALLERS:
        if ours := results.median(OURS, callers):
            claim = f"{callers} callers, requests/s over offline transformers on the GPU, batches of 256"
            yield reported(claim, ours.per_second / rate, len(offline), ours=ours.per_second, offline=rate)


def _texts(results: Results) -> Iterator[Entry]:
    """Against the raw engine, or where that has not run, the application."""
    against = RAW if RAW in results.texts else OURS
    expected = results.texts.get(against)
    if not expected:
        return
    shares = {side: share_alike(texts, expected) for side, texts in results.texts.items() if side != against}
    rough = shares.pop(sides.TRANSFORMERS.name, None)
    if shares:
        value = min(shares.values())
        yield Entry(f"share of texts that are those of {against}", value, 1.0, value == 1.0, 1, shares)
    if rough is not None:
        yield reported(f"share of texts of transformers, in float32, that are those of {against}", rough, 1)


def _reported(results: Results) -> Iterator[Entry]:
    for ours in (sides.ADCRAFT, sides.ONE_REPLICA, sides.CUT):
        if found := results.scalars.get(f"{ours.name}: {BATCH}"):
            yield reported(f"{ours.name}, {BUSY} callers, {BATCH}", statistics.median(found), len(found))
    for side, callers in sorted(results.figures, key=itemgetter(1)):
        figures = results.median(side, callers)
        if figures and figures.p50:
            yield reported(
                f"{side}, {callers} callers, requests/s",
                figures.per_second,
                len(results.figures[side, callers]),
                p50_ms=figures.p50,
                p95_ms=figures.p95,
                p99_ms=figures.p99,
            )
