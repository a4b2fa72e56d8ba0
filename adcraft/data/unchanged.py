"""Whether a feed has changed since it was prepared; if not, it need not be read again."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from adcraft import __version__
from adcraft.data.dataset import MANIFEST, PreparedDataset, file_sha256
from adcraft.data.feed import feed_paths, is_dataset
from adcraft.errors import DatasetError
from adcraft.settings import DataSettings

_FOLDER = ".prepared"
_NO_INPUT = {"root", "name", "version"}


@dataclass(frozen=True)
class Inputs:
    """All that decides what a feed becomes: its content, the settings, and Adcraft's version.

    Attributes:
        key: their hash.
        root: of the prepared datasets.
        name: of the dataset.
    """

    key: str
    root: Path
    name: str

    @classmethod
    def of(cls, settings: DataSettings, workload: str) -> Inputs | None:
        """Read and hash the feed. None for a Hugging Face dataset, which has no files of ours.

        Raises:
            FeedError: there is no feed.
        """
        if is_dataset(settings) or not settings.source:
            return None
        content = {
            "settings": settings.model_dump(mode="json", exclude=_NO_INPUT),
            "workload": workload,
            "adcraft": __version__,
            "files": [[str(path), file_sha256(path)] for path in feed_paths(settings.source)],
        }
        key = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
        return cls(key, Path(settings.root), settings.name)

    def prepared(self) -> PreparedDataset | None:
        """The dataset that came of them before, whole; it becomes the newest again."""
        try:
            version = self._note.read_text(encoding="utf-8").strip()
            dataset = PreparedDataset.open(self.root, self.name, version)
        except (OSError, DatasetError):
            return None
        os.utime(dataset.path / MANIFEST)
        return dataset

    def became(self, version: str) -> None:
        """Note which version came of them."""
        self._note.parent.mkdir(parents=True, exist_ok=True)
        aside = self._note.with_suffix(f".{os.getpid()}")
        aside.write_text(f"{version}\n", encoding="utf-8")
        aside.replace(self._note)

    @property
    def _note(self) -> Path:
        return self.root / self.name / _FOLDER / self.key
