"""Generators that answer without a model."""

import asyncio

from adcraft.ad_copy.copywriting.ad import Ad, AdText, AssetCopy, Refused
from adcraft.ad_copy.copywriting.ranking import Ranked
from adcraft.ad_copy.guardrails.finding import Finding, Verdict
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
RANKED = Ranked(likelihood=0.5, grounding=1.0, readability=1.0, fit=1.0, diversity=1.0)


class FakeGenerators:
    """Writes ``<name> for you``; products are told apart by their names.

    "broken" fails, "silent" gives no text, "strange" can't be had; ``fault`` is raised instead of any answer.
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
            trained=TrainedInfo(
                workload="ad_copy", base="scratch", metrics={"chrf": 60.0}, tasks=["body"], tones=["warm"]
            ),
            placements=["creative", "google_rsa"],
        )

    async def ready(self) -> Model:
        return (await self.info()).model

    def _outcome(self, job: Job) -> Ad | Failure:
        name = job.record["product_name"]
        if name == "broken":
            return Failure("internal", "The model failed on this product.")
        if name == "strange":
            return Failure("invalid_request", "The tone 'grim' is not known to this model.", 422)
        texts = [] if name == "silent" else [f"{name} for you, {i}" for i in range(job.brief.variants)]
        shown = tuple(AdText(text, RANKED, False, len(text), True) for text in texts)
        verdict = Verdict((Finding("discount", 0, 3, "50%", "promises a price advantage"),))
        return Ad("creative", {"creative": AssetCopy(shown, (Refused("50% off", verdict),))}, "creative")


TIMEOUT = ApiError(504, "timeout", "No answer in time.")
