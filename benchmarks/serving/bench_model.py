"""The model that is served: a small one that has learnt to write, widened to t5-small's shape.

Random weights of that shape write nothing that guardrails let through, so each text would be written three
times; training so many on a few cores takes days. See ``benchmarks.serving.widening``.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from adcraft.errors import AliasError
from adcraft.inference.bundle import MANIFEST, Bundle, RunReference, open_bundle, seal_bundle
from adcraft.inference.codec import TextCodec
from adcraft.registry import CHAMPION, Registry
from adcraft.settings import Settings
from benchmarks.serving.widening import Shape, widen
from cluster.leash import ROOT

_VMAP = "vmap.txt"
"""CTranslate2's vocabulary map: the pieces that may be written."""
TARGET_TOKENS = 40
"""Written at most; texts of 32 end by themselves."""
_FORMAT = 2
_MODEL = "ad_copy"
_FEED_ROWS, _MINUTES = 6000, 8.0


@dataclass(frozen=True)
class BenchModel:
    """A registered model of the benchmark's own.

    Attributes:
        home: of the application that serves it.
        whole: its bundle; version 1, and champion.
        cut: the same with its output cut to the small model's vocabulary map, or if it has none to all pieces
            that the small model has; version 2.
        small: what both were made from.
    """

    home: Path
    whole: Bundle
    cut: Bundle
    small: Bundle

    @property
    def tracking_uri(self) -> str:
        """MLflow's address."""
        return _uri(self.home)


def small_bundle(settings: Settings, given: Path | None, home: Path) -> Bundle:
    """The model to widen: the one given, else the champion of the settings, else one trained here for some
    minutes, once.

    Raises:
        BundleError: what is given is no bundle.
        TrackingError: MLflow can't be reached.
    """
    if given:
        return open_bundle(given)
    try:
        return _champion(settings.tracking.uri, settings.tracking.model, Path(settings.home))
    except AliasError:
        trained = home / "small"
        try:
            return _champion(_uri(trained), _MODEL, trained)
        except AliasError:
            _train(trained)
            return _champion(_uri(trained), _MODEL, trained)


def bench_model(small: Bundle, shape: Shape, home: Path) -> BenchModel:
    """Widen and register ``small``, or find that done before."""
    key = hashlib.sha256((small.path / MANIFEST).read_bytes() + repr((_FORMAT, shape)).encode()).hexdigest()
    home /= key[:12]
    done = home / "done"
    if not done.exists():
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        print("widening the model", file=sys.stderr, flush=True)
        engines = _widened(small, shape, home / "aside")
        for engine in engines:
            _register(small, home, engine)
        shutil.rmtree(home / "aside")
        done.touch()
    registry = Registry(_uri(home), _MODEL)
    whole = open_bundle(registry.download(registry.resolve("1"), home / "models"))
    cut = open_bundle(registry.download(registry.resolve("2"), home / "models"))
    return BenchModel(home, whole, cut, small)


def _uri(home: Path) -> str:
    return f"sqlite:///{home}/mlflow.db"


def _champion(uri: str, model: str, home: Path) -> Bundle:
    if uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///")).exists():
        raise AliasError(f"There is no {uri}.")  # connecting would create it
    registry = Registry(uri, model)
    return open_bundle(registry.download(registry.resolve(CHAMPION), home / "models"))


def _train(home: Path) -> None:
    """Through the project's own jobs, on a sample feed."""
    print(f"no champion to widen; training one for {_MINUTES:.0f} minutes", file=sys.stderr, flush=True)
    feed = home / "feed.csv"
    shared = ["--config", "configs/demo.yaml", "--set", f"home={home}", "--set", f"tracking.uri={_uri(home)}"]
    shared += ["--set", f"data.source={feed}", "--set", f"train.max_minutes={_MINUTES}"]
    for stage in (["sample", "--rows", str(_FEED_ROWS), "--output", str(feed)], ["prepare"], ["train"]):
        command = [sys.executable, "-m", "ray_jobs", *stage, *shared]
        subprocess.run(command, check=True, cwd=ROOT, stdout=sys.stderr, env=dict(os.environ))


def _widened(small: Bundle, shape: Shape, folder: Path) -> list[Path]:
    """Folders of the whole bundle, and of the one with a vocabulary map, without their manifests."""
    from transformers import T5ForConditionalGeneration

    from adcraft.training.conversion import convert

    wide = widen(T5ForConditionalGeneration.from_pretrained(small.model), shape)
    codec = TextCodec.load(small.tokenizer)
    whole = folder / "whole"
    # The small one's tokenizer, lexicon and settings, and whatever else a bundle may have.
    shutil.copytree(small.path, whole, ignore=shutil.ignore_patterns(MANIFEST, "engine", "*.safetensors"))
    wide.save_pretrained(whole / "model")
    convert(wide, codec.vocabulary, whole / "engine")
    cut = folder / "cut"
    shutil.copytree(whole, cut)
    if (small.engine / _VMAP).exists():
        shutil.copy(small.engine / _VMAP, cut / "engine" / _VMAP)
    else:  # a line of an n-gram of the source, here none, and what may be written where the source has it
        (cut / "engine" / _VMAP).write_text(f"\t{' '.join(codec.vocabulary)}\n", encoding="utf-8")
    return [whole, cut]


def _register(small: Bundle, home: Path, folder: Path) -> None:
    from adcraft.tracking.run_log import RunLog

    manifest, uri = small.manifest, _uri(home)
    run_log = RunLog(uri, "bench-serve", run_key=folder.name, run_name=folder.name, tags={})
    bundle = seal_bundle(
        folder,
        workload=manifest.workload,
        base=manifest.base,
        dataset=manifest.dataset,
        run=RunReference(id=run_log.run_id, name=folder.name),
        prompt=manifest.prompt.model_copy(update={"target_tokens": TARGET_TOKENS}),
        metrics=manifest.metrics,
    )
    run_log.folder(bundle.path, "bundle")
    run_log.end("FINISHED")
    Registry(uri, _MODEL).register(
        run_id=run_log.run_id,
        run_name=folder.name,
        run_key=folder.name,
        dataset_version=manifest.dataset.version,
    )
