"""A replica's curve: measured with callers that wait, kept in a file, and read off again."""

from __future__ import annotations

import asyncio
import functools
import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from adcraft.errors import BundleError, SettingsError, StorageError
from serve_app.__main__ import main
from serve_app.args import ServeArgs
from serve_app.messages import Assignment, Beat, Job, Outcome
from serve_app.models.registry_watch import RegistryWatch
from serve_app.scaling import capacity_command, capacity_replica
from serve_app.scaling.autoscaling import Point
from serve_app.scaling.capacity import measure
from serve_app.scaling.capacity_file import capacity_path, read_capacity, write_capacity
from serve_app.scaling.capacity_replica import MeasuredReplica, load_replica, sample_jobs
from tests.unit.serve_app.fakes import MODEL, FakeGenerators


class Engine:
    """Takes whatever waits, up to ``most``, and 100 ms and 10 for each of them: in a time of its own."""

    def __init__(self, most: int) -> None:
        self.now = 0.0
        self.batches: list[int] = []
        self._most = most
        self._waiting: list[asyncio.Future[None]] = []
        self._works = False

    def clock(self) -> float:
        return self.now

    async def submit(self, job: Job) -> None:
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        if not self._works:
            self._works = True
            asyncio.get_running_loop().call_soon(self._begin)
        await future

    def _begin(self) -> None:
        batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
        self._works = bool(batch)
        if not batch:
            return
        self.batches.append(len(batch))
        self.now += 0.1 + 0.01 * len(batch)
        for future in batch:
            future.set_result(None)
        # Callers come back before the engine looks again.
        loop = asyncio.get_running_loop()
        loop.call_soon(loop.call_soon, self._begin)


def jobs() -> Iterator[Job]:
    return (Job({"product_name": str(number)}) for number in itertools.count())


def measured(engine: Engine, callers: Sequence[int], useless_ms: float = 1e9, **options: Any) -> list[Point]:
    return asyncio.run(
        measure(
            engine.submit,
            jobs(),
            callers=callers,
            useless_ms=useless_ms,
            clock=engine.clock,
            **options,
        )
    )


def test_each_point_is_what_the_engine_does_with_so_many() -> None:
    points = measured(Engine(most=8), (1, 4, 8, 16))
    assert [point.concurrency for point in points] == [1, 4, 8, 16]
    assert [point.p50_ms for point in points] == pytest.approx([110, 140, 180, 360])
    assert [point.p95_ms for point in points] == pytest.approx([110, 140, 180, 360])
    assert [point.throughput_per_s for point in points] == pytest.approx(
        [1 / 0.11, 4 / 0.14, 8 / 0.18, 8 / 0.18]
    )


def test_batches_are_whole_from_first_to_last() -> None:
    engine = Engine(most=8)
    measured(engine, (4,), seconds=2)
    assert engine.batches == [4] * (1 + 14), "one to warm up, then as many as fit into two seconds"


def test_a_slow_engine_gets_enough_requests_and_a_quick_one_not_too_many() -> None:
    engine = Engine(most=8)
    measured(engine, (1, 64), seconds=0)
    assert sum(engine.batches) == 2 + 40 - 1 + 64 * 5
    engine = Engine(most=64)
    measured(engine, (64,), seconds=1e9)
    assert sum(engine.batches) == 64 + 5000 // 64 * 64


def test_it_ends_where_nothing_more_is_done_and_nobody_would_wait() -> None:
    assert [p.concurrency for p in measured(Engine(8), (1, 8, 16, 32, 64), useless_ms=500)] == [1, 8, 16, 32]
    assert [p.concurrency for p in measured(Engine(99), (1, 8, 16, 32), useless_ms=1)] == [1, 8, 16, 32], (
        "throughput still rises"
    )
    assert len(measured(Engine(8), (1, 8, 16, 32, 64))) == 5, "somebody may still wait"


def test_every_point_is_told_at_once_and_what_fails_ends_it() -> None:
    seen: list[Point] = []
    assert measured(Engine(8), (1, 2), seen=seen.append) == seen

    async def submit(job: Job) -> None:
        raise BundleError("no")

    with pytest.raises(BundleError):
        asyncio.run(measure(submit, jobs(), useless_ms=1))


def test_jobs_are_those_of_predict_and_none_comes_twice() -> None:
    first = list(itertools.islice(sample_jobs(), 301))
    assert first[0].record == first[300].record
    assert len({(job.record["product_name"], str(job.record), job.brief) for job in first}) == 301
    assert {job.brief.variants for job in first} == {1}
    assert first[0].record["description"]


class FakeReplica:
    async def __init__(self, control: Any, args: ServeArgs) -> None:  # type: ignore[misc]  # as Serve's
        self.generators = FakeGenerators()
        self.info = self.generators.info
        assert isinstance(await control.beat.remote(Beat("generator", "me")), Assignment)

    async def generate(self, jobs: Sequence[Job], timeout_s: float) -> list[Outcome]:
        return await self.generators.generate(jobs)


def test_what_the_replica_fails_on_is_no_quick_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity_replica, "GeneratorReplica", FakeReplica)
    monkeypatch.setattr(RegistryWatch, "look", lambda watch: watch.assignment)

    async def scenario() -> None:
        replica = await load_replica(ServeArgs())
        assert (replica.model, replica.version, replica.computed_in) == (MODEL.name, MODEL.version, "int8")
        await replica.submit(Job({"product_name": "Tea"}))
        with pytest.raises(BundleError, match=r"version 3 failed on 'broken' of the sample feed.*The model"):
            await replica.submit(Job({"product_name": "broken"}))

    asyncio.run(scenario())


@pytest.fixture
def replica(monkeypatch: pytest.MonkeyPatch) -> Engine:
    """What the command measures: an engine whose time costs nothing."""
    engine = Engine(most=8)

    async def load(args: ServeArgs) -> MeasuredReplica:
        return MeasuredReplica(engine.submit, "ad_copy", "7", "int8")

    monkeypatch.setattr(capacity_replica, "load_replica", load)
    monkeypatch.setattr(capacity_command, "measure", functools.partial(measure, clock=engine.clock))
    return engine


class Command:
    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.home = home
        self._capsys = capsys
        self.out = self.err = ""

    def __call__(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        assert main(["capacity", *arguments, "--set", f"home={self.home}"]) == code
        self.out, self.err = self._capsys.readouterr()
        result: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        assert (result["stage"], result["ok"]) == ("capacity", code == 0)
        return result


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str], replica: Engine) -> Command:
    return Command(tmp_path / "home", capsys)


def test_the_command_shows_and_keeps_what_it_measured(command: Command) -> None:
    result = command("--latency-target-ms", "270", "--write", "--set", "serve.threads=2")
    assert [point["concurrency"] for point in result["points"]] == [1, 2, 4, 8, 16, 32]
    assert "       8        44.4      180      180" in command.out
    assert "ad_copy version 7, int8, on " in command.out
    assert result["limits"] == {
        "target_ongoing_requests": pytest.approx(9),
        "max_ongoing_requests": 16,
        "max_queued_requests": int(0.8 * 30 * 8 / 0.18) - 16,
    }
    kept = read_capacity(capacity_path(str(command.home)))
    assert kept.engine == {"compute_type": "auto", "threads": 2, "batch_tokens": 4096}
    assert {**kept.model_dump(mode="json"), "file": result["file"]}.items() <= result.items()
    assert [file.name for file in command.home.iterdir()] == ["capacity.json"]


def test_without_write_nothing_is_kept(command: Command) -> None:
    result = command()
    assert (result["file"], result["limits"], len(result["points"])) == (None, None, 7)
    assert not command.home.exists()


def test_a_target_that_none_meets_names_the_best_and_the_curve_is_kept_all_the_same(command: Command) -> None:
    error = command("--latency-target-ms", "100", "--write", code=2)["error"]
    assert "latency_target_ms = 100 can't be met" in error
    assert "110 ms, with 1 at once" in error
    assert read_capacity(capacity_path(str(command.home))).quickest.p95_ms == pytest.approx(110)


@pytest.mark.parametrize("content", ["{", "{}", '{"format": 2}', "[]"])
def test_what_is_no_curve_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "capacity.json"
    path.write_text(content)
    with pytest.raises(SettingsError, match=r"capacity\.json is no measured curve: .*serve_app capacity"):
        read_capacity(path)


def test_a_file_that_can_not_be_read_or_written_is_said(tmp_path: Path, command: Command) -> None:
    command("--write")
    kept = read_capacity(capacity_path(str(command.home)))
    with pytest.raises(SettingsError, match="can't be read: Is a directory"):
        read_capacity(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_capacity(tmp_path / "capacity.json")
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="can't be written to"):
        write_capacity(tmp_path / "file" / "capacity.json", kept)
