"""Generators that answer without a model."""

import asyncio
from collections.abc import Sequence
from typing import Any

from adcraft.ad_copy.copywriting.ad import Ad, AdText, AssetCopy, Refused
from adcraft.ad_copy.copywriting.ranking import Ranked
from adcraft.ad_copy.guardrails.finding import Finding, Verdict
from serve_app.counting.stats import stats
from serve_app.counting.totals import Totals
from serve_app.http.faults import ApiError
from serve_app.http.model_schemas import Models, RegistryState, ServedModel, Traffic
from serve_app.http.schemas import EngineInfo, Model, TrainedInfo
from serve_app.http.state_schemas import LogQuery, Logs, Stats
from serve_app.messages import Failure, GeneratorInfo, Job, Outcome, Shelf

MODEL = Model(
    name="ad_copy",
    version="3",
    alias="champion",
    run_name="quiet-owl",
    run_id="a1b2c3",
    artifact_uri="mlflow-artifacts:/1/a1b2c3/artifacts/bundle",
    dataset_version="5f0e",
)
RANKED = Ranked(likelihood=0.5, grounding=1.0, readability=1.0, fit=1.0, diversity=1.0)


class FakeGenerators:
    """Writes ``<name> for you``; products are told apart by their names.

    "broken" fails, "silent" gives no text, "strange" can't be had; ``fault`` is raised instead of any answer.
    """

    def __init__(self) -> None:
        self.calls: list[list[Job]] = []
        self.serial = 1
        self.control: Any = None
        self.shelf = Shelf("3", ("3",))
        self.version: str | None = MODEL.version
        self.fault: Exception | None = None
        self.at_once = 0
        self.most_at_once = 0

    def start(self) -> None:
        self.started = True

    async def stop(self) -> None:
        self.started = False

    def expected(self, job: Job) -> str | None:
        return self.version

    async def generate(self, jobs: Sequence[Job]) -> list[Outcome]:
        self.calls.append(list(jobs))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        if self.fault:
            raise self.fault
        return [Outcome(MODEL, self._outcome(job)) for job in jobs]

    async def info(self) -> GeneratorInfo:
        if self.fault:
            raise self.fault
        return GeneratorInfo(
            model=MODEL,
            engine=EngineInfo(compute_type="int8", threads=1, batch_tokens=4096, load_s=0.5),
            trained=TrainedInfo(
                workload="ad_copy", base="scratch", metrics={"chrf": 60.0}, tasks=["body"], tones=["warm"]
            ),
            placements=["creative", "google_rsa"],
            shelf=self.shelf,
        )

    async def ready(self) -> Model:
        return (await self.info()).model

    async def stats(self) -> Stats:
        return await self._at_control("stats")

    async def logs(self, query: LogQuery) -> Logs:
        return await self._at_control("logs", query)

    async def metrics(self) -> bytes:
        return await self._at_control("metrics")

    async def _at_control(self, method: str, *arguments: object) -> Any:
        """What a control replica answers; of one that has just started, where the test has none."""
        if self.control:
            return await getattr(self.control, method)(*arguments)
        if self.fault:
            raise self.fault
        totals = Totals()
        return {"stats": stats(totals), "logs": Logs(entries=[], kept=0), "metrics": totals.exposition()}[
            method
        ]

    async def models(self) -> Models:
        if self.fault:
            raise self.fault
        return Models(
            models=[ServedModel(model=MODEL, loaded_in=2, answers_in=2)],
            refused=[],
            registry=RegistryState(reachable=True, fault=None),
            traffic=Traffic(canary_percent=0, shadow_percent=0),
        )

    def _outcome(self, job: Job) -> Ad | Failure:
        name = job.record["product_name"]
        if name == "broken":
            return Failure("internal", "The model failed on this product.")
        if name == "strange":
            return Failure("invalid_request", "The tone 'grim' is not known to this model.", 422)
        texts = [] if name == "silent" else [f"{name} for you, {i}" for i in range(job.brief.variants or 2)]
        shown = tuple(AdText(text, RANKED, False, len(text), True) for text in texts)
        verdict = Verdict((Finding("discount", 0, 3, "50%", "promises a price advantage"),))
        return Ad("creative", {"creative": AssetCopy(shown, (Refused("50% off", verdict),))}, "creative")


TIMEOUT = ApiError(504, "timeout", "No answer in time.")
