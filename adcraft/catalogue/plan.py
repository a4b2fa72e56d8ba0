"""What a job is going to write, settled before Ray is started: wrong settings fail at once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from adcraft import __version__
from adcraft.catalogue.form import ERROR, Form
from adcraft.catalogue.survey import Survey, survey
from adcraft.data.columns import ColumnRules, describe
from adcraft.data.feed import Feed, open_feed
from adcraft.data.feed_file import FeedFile
from adcraft.data.refining import RowRules
from adcraft.errors import FeedError, SettingsError
from adcraft.inference.bundle import MANIFEST as BUNDLE_MANIFEST
from adcraft.inference.bundle import Bundle, open_bundle, sha256
from adcraft.registry import ModelVersion, Registry
from adcraft.settings import GenerateSettings, Settings
from adcraft.workloads import get_workload

FORMATS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
ROW = "row"
_OUTCOME = {"compute_type", "batch_size"}


@dataclass(frozen=True)
class CataloguePlan:
    """What is to be written.

    Attributes:
        feed: the products.
        rules: what makes a row good; it needs no text to learn.
        survey: of the feed.
        version: of the model.
        bundle: its files, fetched and checked.
        output: the file that comes of it.
        folder: of the job's own files, which every node must see; named by all that decides the copy.
        form: of the output.
        settings: of the generation.
    """

    feed: Feed
    rules: RowRules
    survey: Survey
    version: ModelVersion
    bundle: Bundle
    output: Path
    folder: Path
    form: Form
    settings: GenerateSettings

    @property
    def parts(self) -> Path:
        """The folder of what is written before it is assembled."""
        return self.folder / "parts"

    @property
    def upload(self) -> Path | None:
        """The form's other file, beside the output."""
        return self.output.with_suffix(self.form.upload.suffix) if self.form.upload else None

    @property
    def columns(self) -> tuple[str, ...]:
        """All of the output."""
        workload = self.rules.workload
        return (ROW, "id", workload.product_name, workload.product_brand, *self.form.columns, ERROR)


def plan_catalogue(settings: Settings, registry: Registry, form: Form) -> CataloguePlan:
    """Find the model, look into the feed and count its rows.

    Args:
        settings: of feed and generation.
        registry: of models.
        form: of the output.

    Raises:
        SettingsError: the output is of no known format.
        FeedError: the feed can't be read, lacks a column, or has no rows.
        AliasError: there is no such model.
        BundleError: its bundle is damaged.
    """
    output = _output(settings)
    version = registry.resolve(settings.generate.model)
    bundle = open_bundle(registry.download(version, Path(settings.home) / "models"))
    workload = get_workload(bundle.manifest.workload)
    columns = replace(ColumnRules.of(workload, settings.data.columns), target_fields=())
    feed = open_feed(settings.data, columns)
    for file in feed.files:
        _check_columns(columns, file, form)
    surveyed = survey(feed.files)
    if not surveyed.rows:
        raise FeedError(f"The feed {feed.location} has no rows: nothing follows its header.")
    key = {
        "feed": surveyed.digest,
        "columns": dict(settings.data.columns),
        "max_row_bytes": settings.data.max_row_bytes,
        "model": sha256(bundle.path / BUNDLE_MANIFEST),
        "form": form.key,
        "generate": settings.generate.model_dump(mode="json", include=_OUTCOME),
        "adcraft": __version__,
    }
    name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
    return CataloguePlan(
        feed=feed,
        rules=RowRules(workload, columns, settings.data.target_chars),
        survey=surveyed,
        version=version,
        bundle=bundle,
        output=output,
        folder=Path(settings.home) / "generate" / name,
        form=form,
        settings=settings.generate,
    )


def missing(plan: CataloguePlan) -> Sequence[str]:
    """Names of the parts that are not there yet, in the order of the feed."""
    there = {path.name for path in plan.parts.glob("*.arrow")} if plan.parts.is_dir() else set()
    return [each.name for each in plan.survey.slices() if each.name not in there]


def _check_columns(columns: ColumnRules, file: FeedFile, form: Form) -> None:
    found = columns.check(file.header, file.name)
    for field, setting in form.needs.items():
        if field not in found:
            raise FeedError(
                f"{file.name} has no column that looks like {field}, which {setting} takes. "
                f"{describe(file.header)} Set data.columns.{field} to the right one, or change the setting."
            )


def _output(settings: Settings) -> Path:
    output = settings.generate.output
    if "://" in output:
        raise SettingsError(
            f"generate.output = {output!r} is a URL. Copy is written to a path; a mounted bucket will do."
        )
    path = Path(output)
    if path.suffix.lower() not in FORMATS:
        raise SettingsError(
            f"generate.output = {path}: a file of that kind can't be written. Its name ends in one of "
            f"{', '.join(FORMATS)}."
        )
    return path
