"""From a registered version to a model that has answered its smoke test."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from adcraft import metric_names as names
from adcraft.ad_copy.copywriting.copywriter import Copywriter
from adcraft.ad_copy.copywriting.desk import Ask
from adcraft.ad_copy.guardrails.rules import shipped_rules
from adcraft.ad_copy.placements import load_placements
from adcraft.inference.bundle import open_bundle
from adcraft.inference.generator import Generator
from adcraft.inference.smoke import smoke_test
from adcraft.registry import ModelVersion
from adcraft.workloads import get_workload
from serve_app.args import ServeArgs
from serve_app.counting.meter import Meter
from serve_app.http.schemas import EngineInfo, TrainedInfo
from serve_app.models.fetching import bundle_at_hand
from serve_app.models.rack import LoadedModel


class CountedWriter:
    """A copywriter whose tokens are counted."""

    def __init__(self, copywriter: Copywriter, version: str, meter: Meter) -> None:
        self._copywriter = copywriter
        self._version = version
        self._meter = meter

    def answer(self, asks: Sequence[Ask]) -> None:
        """Answer all of them in one engine call."""
        written = self._copywriter.answer(asks)
        for metric, tokens in (
            (names.INPUT_TOKENS, sum(each.input_tokens for each in written)),
            (names.OUTPUT_TOKENS, sum(each.output_tokens for each in written)),
        ):
            self._meter.observe(metric, tokens, model_version=self._version)


class ModelLoader:
    """Makes versions ready to write, as the settings want them."""

    def __init__(self, args: ServeArgs, meter: Meter) -> None:
        """Nothing is loaded yet.

        Args:
            args: of the application.
            meter: counts what the models read and write.

        Raises:
            SettingsError: ``serve.placements`` is wrong.
        """
        self._args = args
        self._meter = meter
        own = args.serve.placements
        self._placements = load_placements(Path(own) if own else None)
        self._rules = shipped_rules()

    @property
    def placement_names(self) -> list[str]:
        """That a request may name."""
        return sorted(self._placements.placements)

    def load(self, version: ModelVersion) -> LoadedModel:
        """Fetch, check, load and try a model. Blocking.

        Raises:
            TrackingError: it can't be fetched.
            BundleError: it is incomplete, was changed, or does not write what it wrote after training.
            SettingsError: the hardware does not support ``serve.compute_type``.
        """
        started = time.monotonic()
        serve = self._args.serve
        bundle = open_bundle(bundle_at_hand(self._args, version))
        generator = Generator.load(
            bundle, engine=serve.engine, compute_type=serve.compute_type, threads=serve.threads
        )
        smoke_test(generator, bundle)
        copywriter = Copywriter(generator, self._placements, self._rules)
        workload = get_workload(bundle.manifest.workload)
        return LoadedModel(
            version=version,
            copywriter=copywriter,
            writer=CountedWriter(copywriter, version.version, self._meter),
            engine=EngineInfo(
                compute_type=generator.compute_type,
                threads=serve.threads,
                batch_tokens=serve.batch_tokens,
                load_s=round(time.monotonic() - started, 3),
            ),
            trained=TrainedInfo(
                workload=workload.name,
                base=bundle.manifest.base,
                metrics=bundle.manifest.metrics,
                tasks=[task for task in workload.tasks if generator.prompt.learns(task)],
                tones=list(copywriter.tones),
            ),
        )
