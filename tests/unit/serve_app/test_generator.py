"""The generator replica over a fake registry and a fake model."""

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from adcraft.ad_copy.copywriting.ad import Ad
from adcraft.ad_copy.copywriting.brief import Brief
from adcraft.errors import BundleError
from adcraft.inference.bundle import Bundle, BundleManifest, DatasetReference, PromptSettings, RunReference
from adcraft.inference.generator import Generation
from adcraft.registry import ModelVersion
from adcraft.workload import Prompt
from serve_app import generator
from serve_app.args import ServeArgs
from serve_app.generator import GeneratorReplica
from serve_app.messages import Failure, Job

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


class FakeRegistry:
    asked: ClassVar[list[tuple[str, str, str]]] = []

    def __init__(self, uri: str, model: str) -> None:
        self._at = (uri, model)

    def resolve(self, alias_or_version: str) -> ModelVersion:
        self.asked.append((*self._at, alias_or_version))
        return VERSION

    def download(self, version: ModelVersion, folder: Path) -> Path:
        return folder / version.version


class FakeModel:
    compute_type = "int8"
    prompt = MANIFEST.prompt

    def __init__(self) -> None:
        self.batches: list[tuple[list[str], int]] = []
        self.free = threading.Event()
        self.free.set()

    def write(self, prompts: Sequence[Prompt], variants: int) -> list[Generation]:
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
    FakeRegistry.asked.clear()
    monkeypatch.setattr(generator, "Registry", FakeRegistry)
    monkeypatch.setattr(generator, "open_bundle", lambda path: Bundle(path, MANIFEST))
    monkeypatch.setattr("adcraft.inference.generator.Generator.load", lambda bundle, **options: model)
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "true")
    yield model
    model.free.set()


def args() -> ServeArgs:
    return ServeArgs.model_validate(
        {"home": "/h", "tracking": {"uri": "sqlite:////x"}, "serve": {"batch_size": 4}}
    )


def test_replica_warms_up_and_says_what_it_runs(model: FakeModel) -> None:
    replica = GeneratorReplica(args())
    assert FakeRegistry.asked == [("sqlite:////x", "ad_copy", "champion")]
    assert len(model.batches) == 1
    info = asyncio.run(replica.info())
    assert info.model.model_dump() == {
        "name": "ad_copy",
        "version": "7",
        "alias": "champion",
        "run_name": "owl",
        "run_id": "r1",
        "artifact_uri": "runs:/r1/bundle",
        "dataset_version": "5f0e",
    }
    assert (info.engine.compute_type, info.engine.batch_size) == ("int8", 4)
    assert info.trained.metrics == {"chrf": 61.0}
    assert info.trained.tasks == ["body", "headline", "description", "subject"]
    assert {"creative", "google_rsa", "meta"} <= set(info.placements)


def test_version_number_is_no_alias(model: FakeModel) -> None:
    assert generator.provenance(VERSION, "7").alias is None


def test_one_bad_product_fails_alone(model: FakeModel) -> None:
    replica = GeneratorReplica(args())
    jobs = [Job({"product_name": name}) for name in ("Tea", "Bad", "Pot")]
    reply = asyncio.run(replica.generate(jobs))
    assert reply.model.version == "7"
    assert [texts(outcome) for outcome in reply.outcomes] == [["Tea here."], None, ["Pot here."]]
    assert isinstance(reply.outcomes[1], Failure)
    assert "chokes" not in reply.outcomes[1].message


def test_what_can_not_be_had_fails_alone(model: FakeModel) -> None:
    replica = GeneratorReplica(args())
    jobs = [Job({"product_name": "Tea"}, Brief("google_x")), Job({"product_name": "Pot"})]
    fault, ad = asyncio.run(replica.generate(jobs)).outcomes
    assert isinstance(fault, Failure)
    assert (fault.code, fault.status) == ("invalid_request", 422)
    assert "'google_x' is not known" in fault.message
    assert texts(ad) == ["Pot here."]


def test_calls_share_batches_but_not_with_other_placements(model: FakeModel) -> None:
    async def scenario() -> None:
        replica = GeneratorReplica(args())
        model.batches.clear()
        model.free.clear()
        first = asyncio.create_task(replica.generate([Job({"product_name": "Tea"})]))
        while not model.batches:
            await asyncio.sleep(0.001)
        others = [
            asyncio.create_task(replica.generate([Job({"product_name": name}, Brief(placement, 1))]))
            for name, placement in (("Pot", "creative"), ("Cup", "x"), ("Jug", "creative"))
        ]
        await asyncio.sleep(0.01)
        model.free.set()
        await asyncio.gather(first, *others)

    asyncio.run(scenario())
    assert model.batches == [(["Tea"], 1), (["Pot", "Jug"], 1), (["Cup", "Cup"], 1)]


def test_replica_with_a_stuck_engine_is_not_healthy(
    model: FakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        replica = GeneratorReplica(args())
        replica.check_health()
        model.free.clear()
        task = asyncio.create_task(replica.generate([Job({"product_name": "Tea"})]))
        await asyncio.sleep(0.02)
        monkeypatch.setattr(generator, "_STUCK_S", 0.0)
        with pytest.raises(RuntimeError, match="busy with one batch"):
            replica.check_health()
        model.free.set()
        await task
        replica.check_health()

    asyncio.run(scenario())


def test_bundle_that_was_changed_stops_the_replica(model: FakeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> Bundle:
        raise BundleError(f"{path} was changed.")

    monkeypatch.setattr(generator, "open_bundle", refuse)
    started = time.monotonic()
    with pytest.raises(BundleError, match="was changed"):
        GeneratorReplica(args())
    assert time.monotonic() - started < 1
