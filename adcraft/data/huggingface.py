"""Hugging Face datasets: from the hub, or a folder that ``save_to_disk`` wrote."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from typing_extensions import override

from adcraft.data.arrow_format import CHUNK_ROWS, ArrowParser, readable_columns, table_chunks
from adcraft.data.feed_file import FeedFile
from adcraft.errors import FeedError

if TYPE_CHECKING:
    from datasets import Dataset

_HUB_TIMEOUT_S = 10


@dataclass(frozen=True)
class HubSplit(FeedFile):
    """One split of a dataset, in the local cache of the node that opened it."""

    parser: ArrowParser
    dataset: Dataset

    @property
    @override
    def format(self) -> str:
        return "huggingface"

    @override
    def chunks(self) -> Iterator[bytes]:
        names = {
            column: list(feature.names)
            for column, feature in self.dataset.features.items()
            if type(feature).__name__ == "ClassLabel"
        }
        tables = self.dataset.select_columns(list(self.header)).with_format("arrow").iter(CHUNK_ROWS)
        yield from table_chunks(batch for table in tables for batch in _named(table, names).to_batches())


def _named(table: pa.Table, names: Mapping[str, list[str]]) -> pa.Table:
    """``table`` with the names of class labels in place of their numbers."""
    for column, labels in names.items():
        numbers = table[column].to_pylist()
        texts = [labels[n] if n is not None and 0 <= n < len(labels) else None for n in numbers]
        table = table.set_column(table.column_names.index(column), column, pa.array(texts, pa.string()))
    return table.combine_chunks()


def open_dataset(source: str, max_row_bytes: int) -> tuple[HubSplit, ...]:
    """Open ``NAME[:SPLIT]``, NAME being a folder or a dataset of the hub; without SPLIT, all its splits.

    Raises:
        FeedError: there is no such dataset or split, or the hub can't be reached.
    """
    path, wanted = (source, "") if Path(source).expanduser().exists() else _parts(source)
    splits = _load_folder(path) if Path(path).expanduser().exists() else _load_hub(path)
    if wanted and wanted not in splits:
        raise FeedError(f"The dataset {path} has no split {wanted!r}; it has {', '.join(splits)}.")
    label = Path(path).name or path
    return tuple(
        HubSplit(
            name=f"{label}:{split}" if split else label,
            size_bytes=int(dataset.data.nbytes),
            header=readable_columns(dataset.features.arrow_schema),
            dataset=dataset,
            parser=ArrowParser(max_row_bytes),
        )
        for split, dataset in splits.items()
        if not wanted or split == wanted
    )


def _parts(source: str) -> tuple[str, str]:
    path, _, split = source.partition(":")
    return path, split


def _load_folder(path: str) -> dict[str, Any]:
    import datasets

    try:
        loaded = datasets.load_from_disk(str(Path(path).expanduser()))
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise FeedError(
            f"The folder {path} is no dataset that save_to_disk wrote: {_first_line(error)}."
        ) from None
    return dict(loaded) if isinstance(loaded, datasets.DatasetDict) else {str(loaded.split or ""): loaded}


def _load_hub(name: str) -> dict[str, Any]:
    _check_hub(name)
    import datasets

    try:
        with _quiet():
            loaded = datasets.load_dataset(name, download_config=datasets.DownloadConfig(max_retries=1))
    except Exception as error:  # it raises of every kind
        raise FeedError(
            f"The Hugging Face dataset {name} can't be loaded: {_first_line(error)}. Check data.source, or "
            "give a folder or file that you downloaded."
        ) from error
    return dict(loaded)


def _check_hub(name: str) -> None:
    """One request with a short timeout, since loading would try again for minutes."""
    import huggingface_hub
    from huggingface_hub.errors import GatedRepoError, HFValidationError, RepositoryNotFoundError

    endpoint = huggingface_hub.constants.ENDPOINT
    try:
        huggingface_hub.HfApi().dataset_info(name, timeout=_HUB_TIMEOUT_S)
    except GatedRepoError:
        raise FeedError(
            f"The Hugging Face dataset {name} is gated: ask for access on its page, and set HF_TOKEN."
        ) from None
    except RepositoryNotFoundError:
        raise FeedError(
            f"The hub {endpoint} has no dataset {name} that you may see. Check data.source, and set HF_TOKEN "
            "if it is private."
        ) from None
    except HFValidationError as error:
        raise FeedError(f"data.source = 'hf:{name}' is no dataset's name: {_first_line(error)}") from None
    except Exception as error:  # of requests, httpx or the hub's own, by version
        if _in_cache(name):
            return
        raise FeedError(
            f"The Hugging Face hub {endpoint} can't be reached for the dataset {name}: "
            f"{_first_line(error)}. Check the network (HF_HUB_OFFLINE, HF_ENDPOINT), or give a folder or "
            "file that you downloaded."
        ) from None


def _in_cache(name: str) -> bool:
    from datasets import config

    return (Path(config.HF_DATASETS_CACHE) / name.replace("/", "___")).is_dir()


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__).rstrip(".")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    from datasets.utils import logging as datasets_logging

    was = datasets_logging.is_progress_bar_enabled()
    datasets_logging.disable_progress_bar()
    try:
        yield
    finally:
        if was:
            datasets_logging.enable_progress_bar()
