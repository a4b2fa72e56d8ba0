"""The generator replica over a fake control replica and fake models."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from adcraft.ad_copy.copywriting.ad import Ad
from adcraft.ad_copy.copywriting.brief import Brief
from adcraft.errors import BundleError
from adcraft.inference.bundle import Bundle, BundleManifest, DatasetReference, PromptSettings, RunReference
from adcraft.inference.generator import Generation
from adcraft.inference.lexicon import Lexicon
from adcraft.metric_names import BATCH_PROMPTS
from adcraft.registry import ModelVersion
from adcraft.workload import Prompt
from serve_app import generator, heart
from serve_app.args import ServeArgs
from serve_app.generator import GeneratorReplica
from serve_app.http.schemas import model_of
from serve_app.messages import Assignment, Beat, Failure, GeneratorInfo, Job, Outcome, Shelf
from serve_app.models import loading

VERSION = ModelVersion("ad_copy", "7", ("champion",), "r1", "owl", "runs:/r1/bundle", "5f0e")
MANIFEST = BundleManifest(
    format=1,
    workload="ad_copy",
    base="scratch",
    dataset=DatasetReference(name="products", version="5f0e"),
    run=RunReference(id="r1", name="owl"),
    prompt=PromptSettings(fields=("product_name",), source_tokens=8, target_tokens=8),
    metrics={"chrf": 61.0},
    files={},
)


WORDS = ("here", "there", "at home", "in the garden")


def texts(outcome: Ad | Failure) -> list[str] | None:
    """Of its only asset."""
    return None if isinstance(outcome, Failure) else [text.text for text in outcome.assets["creative"].texts]


class Control:
    """Assigns ``assignment``; its beats are kept."""

    def __init__(self, assignment: Assignment) -> None:
        self.assignment = assignment
        self.beats: list[Beat] = []
        self.beat = self

    async def remote(self, beat: Beat) -> Assignment:
        self.beats.append(beat)
        return self.assignment


class FakeModel:
    compute_type = "int8"
    prompt = MANIFEST.prompt
    lexicon = Lexicon()

    def __init__(self) -> None:
        self.batches: list[tuple[list[str], int]] = []
        self.garbage: set[str] = set()
        self.free = threading.Event()
        self.free.set()

    def encode(self, prompts: Sequence[Prompt]) -> list[list[int]]:
        return [[1]] * len(prompts)

    def smoke(self, bundle: Bundle) -> None:
        if bundle.path.name in self.garbage:
            raise BundleError("The model writes nothing.")

    def write(
        self, prompts: Sequence[Prompt], sources: Sequence[Sequence[int]], variants: int
    ) -> list[Generation]:
        names = [prompt.slots["<name>"] for prompt in prompts]
        self.batches.append((names, variants))
        assert self.free.wait(10)
        if "Bad" in names:
            raise ValueError("the engine chokes")
        texts = [tuple(f"{name} {word}." for word in WORDS[:variants]) for name in names]
        return [Generation(written, (-1.0,) * variants, 1, 1) for written in texts]


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeModel]:
    model = FakeModel()
    monkeypatch.setattr(loading, "open_bundle", lambda path: Bundle(path, MANIFEST))
    monkeypatch.setattr(loading, "bundle_at_hand", lambda args, version: args.models / version.version)
    monkeypatch.setattr(loading, "smoke_test", lambda generator, bundle: model.smoke(bundle))
    monkeypatch.setattr("adcraft.inference.generator.Generator.load", lambda bundle, **options: model)
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "true")
    yield model
    model.free.set()


def args() -> ServeArgs:
    return ServeArgs.model_validate(
        {"home": "/h", "tracking": {"uri": "sqlite:////x"}, "serve": {"batch_tokens": 400}}
    )


async def replica(**aliases: int) -> tuple[GeneratorReplica, Control]:
    """What Serve does: the constructor is a coroutine."""
    control = Control(assigned(**(aliases or {"champion": 7})))
    made = object.__new__(GeneratorReplica)
    await GeneratorReplica.__init__(made, cast("Any", control), args())
    return made, control


def assigned(**aliases: int) -> Assignment:
    versions = {alias: replace(VERSION, version=str(number)) for alias, number in aliases.items()}
    return Assignment(sum(aliases.values()), versions)


TIMEOUT_S = 10.0


def test_replica_says_what_it_runs(model: FakeModel) -> None:
    async def scenario() -> GeneratorInfo:
        made, control = await replica()
        assert control.beats[0].shelf is None
        return await made.info()

    info = asyncio.run(scenario())
    assert info.model.model_dump() == {
        "name": "ad_copy",
        "version": "7",
        "alias": "champion",
        "run_name": "owl",
        "run_id": "r1",
        "artifact_uri": "runs:/r1/bundle",
        "dataset_version": "5f0e",
    }
    assert (info.engine.compute_type, info.engine.batch_tokens) == ("int8", 400)
    assert info.trained.metrics == {"chrf": 61.0}
    assert info.trained.tasks == ["body", "headline", "description", "subject"]
    assert info.shelf == Shelf("7", ("7",))
    assert {"creative", "google_rsa", "meta"} <= set(info.placements)


def test_version_number_is_no_alias() -> None:
    assert model_of(VERSION, "7").alias is None


def test_one_bad_product_fails_alone(model: FakeModel) -> None:
    async def scenario() -> list[Outcome]:
        made, _ = await replica()
        jobs = [Job({"product_name": name}) for name in ("Tea", "Bad", "Pot")]
        return await made.generate(jobs, TIMEOUT_S)

    outcomes = asyncio.run(scenario())
    assert {outcome.model.version for outcome in outcomes} == {"7"}
    assert [texts(outcome.result) for outcome in outcomes] == [["Tea here."], None, ["Pot here."]]
    assert isinstance(outcomes[1].result, Failure)
    assert "chokes" not in outcomes[1].result.message


def failure_of(job: Job, timeout_s: float = TIMEOUT_S, **aliases: int) -> Failure:
    """Of a job that fails beside one that does not."""

    async def scenario() -> list[Outcome]:
        made, _ = await replica(**aliases)
        return await made.generate([job, Job({"product_name": "Pot"})], timeout_s)

    fault, good = asyncio.run(scenario())
    assert texts(good.result) == (["Pot here."] if timeout_s else None)
    assert isinstance(fault.result, Failure)
    return fault.result


def test_what_can_not_be_had_fails_alone(model: FakeModel) -> None:
    failure = failure_of(Job({"product_name": "Tea"}, Brief("google_x")))
    assert (failure.code, failure.status) == ("invalid_request", 422)
    assert "'google_x' is not known" in failure.message


def test_model_that_nothing_points_to_fails_alone(model: FakeModel) -> None:
    failure = failure_of(Job({"product_name": "Tea"}, model="3", pinned=True))
    assert (failure.code, failure.status) == ("unknown_model", 404)
    assert "champion (version 7)" in failure.message


def test_pinned_model_that_can_not_be_loaded_fails_alone(model: FakeModel) -> None:
    model.garbage = {"8"}
    failure = failure_of(
        Job({"product_name": "Tea"}, model="challenger", pinned=True), champion=7, challenger=8
    )
    assert (failure.code, failure.status) == ("model_unavailable", 503)
    assert "writes nothing" in failure.message


def test_late_job_is_said_to_be_late(model: FakeModel) -> None:
    failure = failure_of(Job({"product_name": "Tea"}), timeout_s=0)
    assert (failure.code, failure.status) == ("timeout", 504)


def test_canary_whose_model_can_not_be_loaded_is_written_by_the_champion(model: FakeModel) -> None:
    async def scenario() -> Outcome:
        made, _ = await replica(champion=7, challenger=8)
        [outcome] = await made.generate([Job({"product_name": "Tea"}, model="challenger")], TIMEOUT_S)
        return outcome

    model.garbage = {"8"}
    outcome = asyncio.run(scenario())
    assert texts(outcome.result) == ["Tea here."]
    assert (outcome.model.version, outcome.model.alias) == ("7", "champion")


def test_answer_names_the_model_that_wrote_it_though_another_took_its_place(model: FakeModel) -> None:
    async def scenario() -> None:
        made, control = await replica(champion=7)
        model.batches.clear()
        model.free.clear()
        asked = asyncio.create_task(made.generate([Job({"product_name": "Tea"})], TIMEOUT_S))
        while not model.batches:
            await asyncio.sleep(0.001)
        control.assignment = assigned(champion=8, previous=7)
        while made._rack.first.version.version != "8":
            await asyncio.sleep(0.01)
        model.free.set()
        [outcome] = await asked
        assert (outcome.model.version, outcome.model.alias) == ("7", "previous")
        [after] = await made.generate([Job({"product_name": "Tea"})], TIMEOUT_S)
        assert (after.model.version, after.model.alias) == ("8", "champion")

    asyncio.run(scenario())


def test_replica_tells_what_it_has_and_goes_on_when_nobody_hears_it(
    model: FakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        made, control = await replica()
        monkeypatch.setattr(heart, "BEAT_S", 0.001)
        while len(control.beats) < 2:
            await asyncio.sleep(0.01)
        assert control.beats[1].shelf == Shelf("7", ("7",))

        async def deaf(beat: Beat) -> Assignment:
            raise RuntimeError("gone")

        control.remote, hears = deaf, control.remote  # type: ignore[method-assign]
        await asyncio.sleep(0.02)
        [outcome] = await made.generate([Job({"product_name": "Tea"})], TIMEOUT_S)
        assert texts(outcome.result) == ["Tea here."]
        control.remote = hears  # type: ignore[method-assign]
        heard = len(control.beats)
        while len(control.beats) == heard:
            await asyncio.sleep(0.01)

    asyncio.run(scenario())


def test_replica_that_ends_tells_what_it_counted_last(model: FakeModel) -> None:
    async def scenario() -> None:
        made, control = await replica()
        await made.generate([Job({"product_name": "Tea"})], TIMEOUT_S)
        await made.stop()
        told = [name for beat in control.beats if beat.delta for name, _ in beat.delta.histograms]
        assert told.count(BATCH_PROMPTS.name) == 1

    asyncio.run(scenario())


def test_replica_with_a_stuck_engine_is_not_healthy(
    model: FakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        made, _ = await replica()
        made.check_health()
        model.free.clear()
        task = asyncio.create_task(made.generate([Job({"product_name": "Tea"})], TIMEOUT_S))
        await asyncio.sleep(0.02)
        monkeypatch.setattr(generator, "_STUCK_S", 0.0)
        with pytest.raises(RuntimeError, match="busy with one batch"):
            made.check_health()
        model.free.set()
        await task
        made.check_health()

    asyncio.run(scenario())


def test_bundle_that_was_changed_stops_the_replica(model: FakeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> Bundle:
        raise BundleError(f"{path} was changed.")

    monkeypatch.setattr(loading, "open_bundle", refuse)
    with pytest.raises(BundleError, match="was changed"):
        asyncio.run(replica())
