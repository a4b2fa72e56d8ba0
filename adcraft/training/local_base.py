"""What a local base model is known by: its files, since the same folder may hold another one tomorrow."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from adcraft.settings import SCRATCH

_READ = (".json", ".model", ".safetensors")
"""Config, tokenizer and weights; an optimizer's state beside them is not read."""


def base_digest(base: str) -> str:
    """Of the files that ``model.base`` names; "" where it is no folder."""
    folder = Path(base).expanduser()
    if base == SCRATCH or not folder.is_dir():
        return ""
    digest = hashlib.sha256()
    for file in sorted(file for file in folder.iterdir() if file.suffix in _READ and file.is_file()):
        found = file.stat()
        digest.update(f"{file.name}\0{_file_digest(file, found.st_mtime_ns, found.st_size)}\0".encode())
    return digest.hexdigest()[:16]


@lru_cache(maxsize=1024)
def _file_digest(file: Path, mtime_ns: int, size: int) -> str:
    """Read once per process, time and size, since a sweep asks for each trial that it proposes."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
