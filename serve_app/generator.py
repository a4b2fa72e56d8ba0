"""The generator deployment: one model, one engine, one micro-batcher in each replica."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path

from adcraft.ad_copy.copywriting.ad import Ad
from adcraft.ad_copy.copywriting.copywriter import Copywriter
from adcraft.ad_copy.guardrails.rules import shipped_rules
from adcraft.ad_copy.placements import load_placements
from adcraft.errors import AdcraftError
from adcraft.inference.bundle import open_bundle
from adcraft.inference.generator import Generator
from adcraft.registry import ModelVersion, Registry
from adcraft.workloads import get_workload
from serve_app.args import ServeArgs
from serve_app.batching import MicroBatcher
from serve_app.loopback import listen_where_ray_does
from serve_app.messages import Failure, GeneratorInfo, Job, Reply
from serve_app.schemas import EngineInfo, Model, TrainedInfo

log = logging.getLogger("ray.serve")

_STUCK_S = 60.0


class GeneratorReplica:
    """Loads the model that an alias points to, and writes. Needs neither torch nor transformers."""

    def __init__(self, args: ServeArgs) -> None:
        """Fetch, check and load the bundle, and write once, so that the first request is not slow.

        Raises:
            TrackingError: the registry can't be reached, or has no such alias.
            BundleError: the bundle is incomplete or was changed.
            SettingsError: ``serve.placements`` is wrong.
        """
        started = time.monotonic()
        listen_where_ray_does()
        os.environ["TOKENIZERS_PARALLELISM"] = "false"  # the engine's threads are all that it may have
        serve = args.serve
        registry = Registry(args.tracking.uri, args.tracking.model)
        version = registry.resolve(serve.alias)
        bundle = open_bundle(registry.download(version, args.models))
        generator = Generator.load(bundle, compute_type=serve.compute_type, threads=serve.threads)
        placements = load_placements(Path(serve.placements) if serve.placements else None)
        self._copywriter = Copywriter(generator, placements, shipped_rules())
        workload = get_workload(bundle.manifest.workload)
        self._write([Job({workload.product_name: "Running Shoes"})])
        # One text for a page that waits is not held up by fifteen headlines for a campaign.
        self._batcher = MicroBatcher(
            self._write, max_items=serve.batch_size, kind=lambda job: job.brief.placement
        )
        self._info = GeneratorInfo(
            model=provenance(version, serve.alias),
            engine=EngineInfo(
                compute_type=generator.compute_type,
                threads=serve.threads,
                batch_size=serve.batch_size,
                load_s=round(time.monotonic() - started, 3),
            ),
            trained=TrainedInfo(
                workload=workload.name,
                base=bundle.manifest.base,
                metrics=bundle.manifest.metrics,
                tasks=[task for task in workload.tasks if generator.prompt.learns(task)],
                tones=list(self._copywriter.tones),
            ),
            placements=sorted(placements.placements),
        )
        log.info("%s version %s is ready, in %.1f s", version.name, version.version, self._info.engine.load_s)

    async def generate(self, jobs: list[Job]) -> Reply:
        """An outcome for each job; one that fails does not fail the others."""
        outcomes = await asyncio.gather(*(self._outcome(job) for job in jobs))
        return Reply(self._info.model, tuple(outcomes))

    async def info(self) -> GeneratorInfo:
        """What this replica runs."""
        return self._info

    def check_health(self) -> None:
        """Serve replaces the replica when this raises.

        Raises:
            RuntimeError: the engine has not come back from a call.
        """
        if self._batcher.busy_s > _STUCK_S:
            raise RuntimeError(f"The engine has been busy with one batch for {self._batcher.busy_s:.0f} s.")

    async def _outcome(self, job: Job) -> Ad | Failure:
        try:
            ad = await self._batcher.submit(job)
            return Failure("invalid_request", str(ad), 422) if isinstance(ad, AdcraftError) else ad
        except Exception:
            log.exception("the engine failed on %s", sorted(job.record))
            return Failure("internal", "The model failed on this product; the replica's log says more.")

    def _write(self, jobs: Sequence[Job]) -> list[Ad | AdcraftError]:
        return self._copywriter.write([(job.record, job.brief) for job in jobs])


def provenance(version: ModelVersion, alias_or_version: str) -> Model:
    """What every answer says about where it comes from."""
    alias = alias_or_version.strip()
    return Model(
        name=version.name,
        version=version.version,
        alias=None if alias.isdecimal() else alias,
        run_name=version.run_name,
        run_id=version.run_id,
        artifact_uri=version.artifact_uri,
        dataset_version=version.dataset_version,
    )
