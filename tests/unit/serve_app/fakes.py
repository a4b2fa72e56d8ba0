"""Generators that answer without a model."""

import asyncio

from adcraft.inference.generator import Generation
from serve_app.faults import ApiError
from serve_app.messages import Failure, GeneratorInfo, Job, Reply
from serve_app.schemas import EngineInfo, Model, TrainedInfo

MODEL = Model(
    name="ad_copy",
    version="3",
    alias="champion",
    run_name="quiet-owl",
    run_id="a1b2c3",
    artifact_uri="mlflow-artifacts:/1/a1b2c3/artifacts/bundle",
    dataset_version="5f0e",
)


class FakeGenerators:
    """Writes ``<name> for you``; products are told apart by their names.

    "broken" fails, "silent" gives an empty text; ``fault`` is raised instead of any answer.
    """

    def __init__(self) -> None:
        self.calls: list[list[Job]] = []
        self.fault: Exception | None = None
        self.at_once = 0
        self.most_at_once = 0

    async def generate(self, jobs: list[Job]) -> Reply:
        self.calls.append(jobs)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        if self.fault:
            raise self.fault
        return Reply(MODEL, tuple(self._outcome(job) for job in jobs))

    async def info(self) -> GeneratorInfo:
        if self.fault:
            raise self.fault
        return GeneratorInfo(
            model=MODEL,
            engine=EngineInfo(compute_type="int8", threads=1, batch_size=32, load_s=0.5),
            trained=TrainedInfo(workload="ad_copy", base="scratch", metrics={"chrf": 60.0}),
        )

    async def ready(self) -> Model:
        return (await self.info()).model

    def _outcome(self, job: Job) -> Generation | Failure:
        name = job.record["product_name"]
        if name == "broken":
            return Failure("internal", "The model failed on this product.")
        texts = ("",) if name == "silent" else tuple(f"{name} for you, {i}" for i in range(job.variants))
        return Generation(texts, tuple(-0.1 for _ in texts), 5, 5)


TIMEOUT = ApiError(504, "timeout", "No answer in time.")
