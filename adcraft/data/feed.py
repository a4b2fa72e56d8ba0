"""A feed, found and looked into: a file, a folder, a glob, or a Hugging Face dataset."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from adcraft.data.arrow_format import ArrowParser, readable_columns
from adcraft.data.columns import ColumnRules
from adcraft.data.csv_format import CsvParser
from adcraft.data.csv_sniff import sniff
from adcraft.data.feed_file import CsvFile, FeedFile, JsonLinesFile, ParquetFile
from adcraft.data.json_format import JsonParser
from adcraft.data.text_stream import COMPRESSED, TextStream, detect, unreadable
from adcraft.errors import FeedError
from adcraft.settings import DataSettings

HUB_PREFIX = "hf:"
FORMAT_OF_SUFFIX = {
    ".csv": "csv", ".tsv": "csv", ".psv": "csv", ".tab": "csv", ".txt": "csv",
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl",
    ".parquet": "parquet", ".pq": "parquet",
}  # fmt: skip
_SPREADSHEETS = (".xls", ".xlsx", ".xlsm", ".ods")
_SAMPLE_BYTES = 1 << 20
_SAVED_DATASET = ("dataset_info.json", "dataset_dict.json")


@dataclass(frozen=True)
class Feed:
    """All files of a feed, in the order of their names."""

    location: str
    files: Sequence[FeedFile]


def open_feed(settings: DataSettings, rules: ColumnRules) -> Feed:
    """Find the feed and look into the beginning of each file. Cheap: nothing is read to its end.

    Raises:
        FeedError: there is nothing there, or something that can't be read as a feed.
    """
    source = settings.source
    if not source:
        raise FeedError(
            "No feed is named: set data.source to a file, a folder, a glob or hf:NAME[:SPLIT]. "
            "'python -m ray_jobs sample' writes a feed to try it with."
        )
    if is_dataset(settings):
        from adcraft.data.huggingface import open_dataset

        return Feed(source, open_dataset(source.removeprefix(HUB_PREFIX), settings.max_row_bytes))
    if "://" in source:
        raise FeedError(
            f"data.source = {source!r} is a URL. Feeds are read from paths that every node sees (a mounted "
            "bucket will do), or from the Hugging Face hub as hf:NAME."
        )
    paths = feed_paths(source)
    base = _base(source)
    files = tuple(_open(path, _name(path, base), settings, rules) for path in paths)
    return Feed(source, files)


def is_dataset(settings: DataSettings) -> bool:
    """Whether the feed is a Hugging Face dataset, of the hub or saved in a folder, and not files."""
    source = settings.source
    return source.startswith(HUB_PREFIX) or settings.format == "huggingface" or _is_saved(Path(source))


def feed_paths(source: str) -> list[Path]:
    """The files that a path, a folder or a glob stands for, in the order of their names.

    Raises:
        FeedError: there are none.
    """
    path = Path(source).expanduser()
    try:
        if path.is_dir():
            found = sorted(file for file in path.rglob("*") if file.is_file() and not _hidden(file, path))
            feeds = [file for file in found if _format(file)]
            if not feeds:
                seen = f" It has {', '.join(file.name for file in found[:5])}." if found else " It is empty."
                raise FeedError(
                    f"The folder {source} has no feed file ({', '.join(FORMAT_OF_SUFFIX)}).{seen}"
                )
            return feeds
        if path.exists():
            return [path]
    except OSError as error:
        raise unreadable(source, error) from None
    if glob.has_magic(source):
        matches = sorted(Path(match) for match in glob.glob(str(path), recursive=True))  # noqa: PTH207
        files = [match for match in matches if match.is_file()]
        if files:
            return files
        raise FeedError(f"No file matches data.source = {source!r}.")
    raise FeedError(f"There is no feed at {source} (data.source), seen from {Path.cwd()}.")


def _is_saved(path: Path) -> bool:
    return path.is_dir() and any((path / name).is_file() for name in _SAVED_DATASET)


def _hidden(file: Path, folder: Path) -> bool:
    return any(part.startswith((".", "_")) for part in file.relative_to(folder).parts)


def _base(source: str) -> Path:
    """The folder that the files are named relative to."""
    path = Path(source).expanduser()
    if path.is_dir():
        return path
    while glob.has_magic(str(path)) and not path.exists():
        path = path.parent
    return path if path.is_dir() else path.parent


def _name(path: Path, base: Path) -> str:
    return path.relative_to(base).as_posix() if path.is_relative_to(base) else path.name


def _format(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in COMPRESSED:
        suffixes.pop()
    return FORMAT_OF_SUFFIX.get(suffixes[-1], "") if suffixes else ""


def _open(path: Path, name: str, settings: DataSettings, rules: ColumnRules) -> FeedFile:
    if path.suffix.lower() in _SPREADSHEETS:
        raise FeedError(f"The feed file {name} is a spreadsheet. Save it as CSV (UTF-8) and give that.")
    kind = settings.format if settings.format != "auto" else _format(path)
    try:
        size = path.stat().st_size
        if not size:
            raise FeedError(f"The feed file {name} is empty.")
        if kind == "parquet" or (not kind and _begins(path, b"PAR1")):
            return _open_parquet(path, name, size, settings)
    except OSError as error:
        raise unreadable(str(path), error) from None
    return _open_text(path, name, size, kind, settings, rules)


def _begins(path: Path, magic: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(magic)) == magic


def _open_parquet(path: Path, name: str, size: int, settings: DataSettings) -> ParquetFile:
    try:
        schema = pq.read_schema(path)
    except pa.ArrowException as error:
        raise FeedError(f"The feed file {name} is no Parquet file: {error}.") from None
    return ParquetFile(
        name, size, readable_columns(schema), path=str(path), parser=ArrowParser(settings.max_row_bytes)
    )


def _open_text(
    path: Path, name: str, size: int, kind: str, settings: DataSettings, rules: ColumnRules
) -> FeedFile:
    stream = detect(str(path), settings.encoding)
    sample = _sample(stream)
    begins = sample.lstrip()[:1]
    if kind == "jsonl" or (not kind and begins == "{"):
        if begins == "[":
            raise FeedError(
                f"The feed file {name} is a JSON array, not JSON Lines. Write one object a line, for example "
                f"with: jq -c '.[]' {name}"
            )
        if not begins:
            raise FeedError(f"The feed file {name} is empty.")
        json_parser = JsonParser(settings.max_row_bytes)
        whole = sample[: sample.rfind("\n") + 1] or sample
        header = tuple(json_parser.parse(whole.encode("utf-8", "surrogateescape")).columns)
        return JsonLinesFile(name, size, header, json_parser, stream)
    delimiter, header = sniff(sample, name, settings.delimiter, rules)
    parser = CsvParser(header, delimiter, settings.max_row_bytes)
    return CsvFile(name, size, header, parser, stream)


def _sample(stream: TextStream) -> str:
    pieces = bytearray()
    for piece in stream.pieces():
        pieces += piece
        if len(pieces) >= _SAMPLE_BYTES:
            break
    return bytes(pieces[:_SAMPLE_BYTES]).decode("utf-8", "surrogateescape")
