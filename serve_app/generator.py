"""The generator deployment: in each replica the models that the registry assigns, and one engine thread."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import TYPE_CHECKING, Any

from adcraft import metric_names as names
from adcraft.ad_copy.copywriting.ad import Ad
from adcraft.ad_copy.copywriting.desk import Ask
from adcraft.errors import AdcraftError, SettingsError
from serve_app.args import ServeArgs
from serve_app.batching import Batcher, EngineCall, LateError
from serve_app.counting.meter import Meter
from serve_app.counting.observations import observe_ad
from serve_app.counting.ray_metrics import replica_sink
from serve_app.heart import Heart
from serve_app.http.schemas import Model, model_of
from serve_app.loopback import listen_where_ray_does
from serve_app.messages import Failure, GeneratorInfo, Job, Outcome, Shelf
from serve_app.models.loading import ModelLoader
from serve_app.models.rack import LoadedModel, Rack, UnknownModelError
from serve_app.models.traffic import kept_aliases

if TYPE_CHECKING:
    from ray.serve.handle import DeploymentHandle

log = logging.getLogger("ray.serve")

_STUCK_S = 60.0


class GeneratorReplica:
    """Writes by the model that an alias points to. Needs neither torch nor transformers nor MLflow."""

    async def __init__(  # type: ignore[misc]  # Serve awaits it
        self, control: DeploymentHandle[Any], args: ServeArgs
    ) -> None:
        """Ask which model it is to be, load it, and write once, so that the first request is not slow.

        Raises:
            TrackingError: the registry has no such alias, or can't be reached and never was.
            BundleError: neither its bundle nor that of the last good model can be used.
            SettingsError: ``serve.placements`` is wrong.
        """
        listen_where_ray_does()
        os.environ["TOKENIZERS_PARALLELISM"] = "false"  # the engine's threads are all that it may have
        self._meter = Meter(replica_sink())
        loader = ModelLoader(args, self._meter)
        self._placements = loader.placement_names
        self._rack = Rack(loader.load, kept_aliases(args.serve), swapped=self._swapped)
        self._batcher: Batcher[Ask, Ad] = Batcher(max_tokens=args.serve.batch_tokens, noted=self._noted)
        self._heart = Heart(control, "generator", self._meter, self._rack.follow, self._shelf)
        await self._rack.start(await self._heart.first())
        self._heart.start()

    async def stop(self) -> None:
        """Tell what was counted last."""
        await self._heart.stop()

    async def generate(self, jobs: list[Job], timeout_s: float) -> list[Outcome]:
        """An outcome for each job; one that fails does not fail the others.

        Args:
            jobs: what is asked.
            timeout_s: after which nobody waits for them any more.
        """
        return await asyncio.gather(*(self._outcome(job, timeout_s) for job in jobs))

    async def info(self) -> GeneratorInfo:
        """What this replica runs."""
        model = self._rack.first
        return GeneratorInfo(
            model=self._provenance(model),
            engine=model.engine,
            trained=model.trained,
            placements=self._placements,
            shelf=self._rack.shelf,
        )

    def check_health(self) -> None:
        """Serve replaces the replica when this raises.

        Raises:
            RuntimeError: the engine has not come back from a call.
        """
        if self._batcher.busy_s > _STUCK_S:
            raise RuntimeError(f"The engine has been busy with one batch for {self._batcher.busy_s:.0f} s.")

    async def _outcome(self, job: Job, timeout_s: float) -> Outcome:
        model = self._rack.first
        try:
            model = await self._model(job)
            desk = model.copywriter.open(job.record, job.brief)
            ad = await self._batcher.submit(model.writer, desk, timeout_s=timeout_s, urgent=job.urgent)
        except UnknownModelError as error:
            failure = Failure("unknown_model", str(error), 404)
        except SettingsError as error:
            failure = Failure("invalid_request", str(error), 422)
        except AdcraftError as error:
            failure = Failure("model_unavailable", f"Model {job.model} can't be used now. {error}", 503)
        except LateError:
            failure = Failure("timeout", "No answer in time; the generators are busy. Try again.", 504)
        except Exception:
            log.exception("the engine failed on %s", sorted(job.record))
            failure = Failure("internal", "The model failed on this product; the replica's log says more.")
        else:
            observe_ad(self._meter, ad)
            return Outcome(self._provenance(model), ad)
        return Outcome(self._provenance(model), failure)

    async def _model(self, job: Job) -> LoadedModel:
        """The model that is to write."""
        try:
            return await self._rack.named(job.model)
        except AdcraftError:
            if job.pinned:
                raise
            return self._rack.first  # a challenger that can't be loaded is nothing that a caller sees

    def _provenance(self, model: LoadedModel) -> Model:
        """What every answer says about where it comes from."""
        return model_of(model.version, self._rack.alias_of(model))

    def _swapped(self, outcome: str) -> None:
        self._meter.observe(names.MODEL_SWAPS, outcome=outcome)

    def _shelf(self) -> Shelf:
        """What there is in memory; told with each beat, as are the gauges."""
        shelf = self._rack.shelf
        self._meter.observe(names.QUEUE_PROMPTS, self._batcher.waiting)
        self._meter.clear(names.MODEL_INFO)
        for version in shelf.loaded:
            role = "champion" if version == shelf.answering else self._rack.role_of(version)
            self._meter.observe(names.MODEL_INFO, 1, model_version=version, role=role)
        return shelf

    def _noted(self, call: EngineCall) -> None:
        meter = self._meter
        meter.observe(names.BATCH_PROMPTS, call.asks)
        meter.observe(names.BATCH_TOKENS, call.tokens)
        meter.observe(names.BATCH_WAIT_SECONDS, max(0.0, call.waited_s))
        meter.observe(names.ENGINE_BUSY_SECONDS, max(0.0, call.took_s))


class GeneratorDeployment(GeneratorReplica):
    """What Serve runs. It awaits ``__del__`` when a replica ends; the garbage collector, which knows of no
    ``await``, would not.
    """

    async def __del__(self) -> None:
        """Serve's hook for the end of a replica."""
        await self.stop()
