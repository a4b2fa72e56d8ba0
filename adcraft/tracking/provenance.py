"""What made a run: who, by which command, the code, and the packages that decide its result."""

from __future__ import annotations

import getpass
import hashlib
import os
import platform
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from importlib import metadata
from pathlib import Path

from adcraft import __version__

COMMIT = "ADCRAFT_COMMIT"
"""The environment variable that names the commit where the code is no checkout: in an image, and in the
folder that ``ray job submit`` uploads, which comes without ``.git``."""
COMMIT_TAG = "mlflow.source.git.commit"
CODE_TAG = "adcraft.code"
_ROOT = Path(__file__).resolve().parents[2]
_CODE = ("adcraft", "tuning", "ray_jobs")
PROVENANCE_TAGS = (
    "mlflow.user",
    "mlflow.source.name",
    "adcraft.version",
    "adcraft.environment",
    CODE_TAG,
    COMMIT_TAG,
)
"""All that :func:`provenance_tags` may give."""
_PACKAGES = ("ray", "torch", "transformers", "tokenizers", "ctranslate2", "mlflow", "numpy")


def provenance_tags() -> dict[str, str]:
    """Tags of a run. The commit is left out where nothing tells it; a digest of the code never is."""
    packages = ", ".join(f"{name} {version}" for name in _PACKAGES if (version := _version(name)))
    command, found = _command(), commit()
    return {
        "mlflow.user": who(),
        **({"mlflow.source.name": command} if command else {}),
        "adcraft.version": __version__,
        "adcraft.environment": f"{platform.system()} {platform.machine()}, Python "
        f"{platform.python_version()}, {packages}",
        CODE_TAG: _digest(),
        **({COMMIT_TAG: found} if found else {}),
    }


def who() -> str:
    """``user@host``; the user's number where it has no name, as in some containers."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{platform.node()}"


def commit() -> str:
    """Of the code that runs: what the environment says, else the checkout's, with ``+`` where files differ
    from it; "" where there is none.
    """
    return os.environ.get(COMMIT, "").strip() or _checked_out()


def _command() -> str:
    """``ray_jobs train``, where the process is one of ours and not a worker of Ray's."""
    program = Path(sys.argv[0])
    return " ".join([program.parent.name, *sys.argv[1:2]]) if program.name == "__main__.py" else ""


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


@cache
def _checked_out() -> str:
    if not (_ROOT / ".git").exists():
        return ""
    try:
        changed = _git("status", "--porcelain", "--untracked-files=no")
        return _git("rev-parse", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return ""


def _git(*arguments: str) -> str:
    command = ["git", "--no-optional-locks", "-C", str(_ROOT), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    return done.stdout.strip()


@cache
def code_digest(*modules: str) -> str:
    """Of Adcraft's version, the code of some modules and packages, given by name, and the YAML beside modules
    that is called likewise, or in packages: what they made is known by it.
    """
    stems = [_ROOT / module.replace(".", "/") for module in modules]
    files = [file for stem in stems for file in (Path(f"{stem}.py"), Path(f"{stem}.yaml")) if file.exists()]
    files += [file for stem in stems for kind in ("*.py", "*.yaml") for file in stem.rglob(kind)]
    return hashlib.sha256(f"{__version__}\0{_digest_of(files)}".encode()).hexdigest()[:16]


@cache
def _digest() -> str:
    """Of every module: equal where two runs were of the same code, committed or not."""
    return _digest_of(file for package in _CODE for file in (_ROOT / package).rglob("*.py"))


def _digest_of(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(f"{file.relative_to(_ROOT)}\0{file.stat().st_size}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
