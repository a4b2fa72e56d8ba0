"""What a prepared dataset says about itself, in ``manifest.json``."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

SPLITS = ("train", "validation", "test")
REJECTED = "rejected"
VERSION_DIGITS = 16


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class SourceFile(_Entry):
    """One file of the feed, and how it was read."""

    name: str = Field(description="relative to the source; rows are named after it")
    format: str
    bytes: int
    rows: int
    encoding: str = ""
    delimiter: str = ""
    columns: dict[str, tuple[str, ...]] = Field(description="field: its columns, best first")
    unused: tuple[str, ...] = Field(description="columns that no field was read from")


class Source(_Entry):
    """The feed."""

    location: str = Field(description="data.source as it was given; not part of the version")
    files: tuple[SourceFile, ...]


class RowCounts(_Entry):
    """Where the rows went: ``in`` = ``kept`` + ``rejected`` + ``duplicates``."""

    read: int = Field(alias="in")
    kept: int
    rejected: int
    duplicates: int


class Lengths(_Entry):
    """Lengths of a column's texts, in characters, over the kept rows that have one."""

    median: int
    p95: int
    longest: int


class Split(_Entry):
    """One split."""

    fraction: float
    rows: int
    products: int


class DataFile(_Entry):
    """One file of the dataset."""

    rows: int
    bytes: int
    sha256: str


class Manifest(_Entry):
    """The content of ``manifest.json``.

    ``version`` is the hash of everything else here but ``source.location``, and ``files`` holds the
    hash of every file: so the version stands for the content, to the last byte.
    """

    format: Literal[1] = 1
    version: str = ""
    workload: str
    source: Source
    settings: dict[str, Any] = Field(description="those of ``data`` that decide the content")
    columns: dict[str, str] = Field(description="of the splits' Parquet files, with their types")
    rows: RowCounts
    reasons: dict[str, int] = Field(description="why rows were rejected")
    blanked: dict[str, int] = Field(description="field: values that were not of its kind, left out")
    nulls: dict[str, int] = Field(description="column: kept rows without a value")
    lengths: dict[str, Lengths]
    target_fields: dict[str, int] = Field(description="field: kept rows whose target it is")
    values: dict[str, dict[str, int]] = Field(
        description="field of few values: its values, the hundred most frequent, and the kept rows of each"
    )
    largest_product: int = Field(description="rows of the product that has most")
    split_seed: int
    splits: dict[str, Split]
    files: dict[str, DataFile] = Field(description="path below the dataset's folder")

    def with_version(self) -> Manifest:
        """The same manifest, with the version that its content has."""
        return self.model_copy(update={"version": self.content_version()})

    def content_version(self) -> str:
        """The version that the content has: the start of its SHA-256, in hex."""
        content = self.model_dump(
            mode="json", by_alias=True, exclude={"version": True, "source": {"location"}}
        )
        text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:VERSION_DIGITS]

    def to_json(self) -> str:
        """The text of ``manifest.json``."""
        return json.dumps(self.model_dump(mode="json", by_alias=True), indent=2, ensure_ascii=False) + "\n"
