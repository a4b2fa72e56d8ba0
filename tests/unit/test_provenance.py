"""What a run says of who made it, and of the code and the environment that it was made by."""

from __future__ import annotations

import getpass
import re
import subprocess
from pathlib import Path

import pytest

from adcraft.tracking import provenance
from adcraft.tracking.provenance import CODE_TAG, COMMIT, COMMIT_TAG, provenance_tags, who

ROOT = Path(__file__).parents[2]


def test_code_and_packages_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(COMMIT, raising=False)
    tags = provenance_tags()
    assert re.search(r"Python 3\.11\.\d+, ray [\d.]+, torch 2\.", tags["adcraft.environment"])
    assert re.fullmatch("[0-9a-f]{16}", tags[CODE_TAG])
    assert tags["mlflow.user"] == who()
    if (ROOT / ".git").exists():
        head = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True
        )
        assert tags[COMMIT_TAG].removesuffix("+") == head.stdout.strip()


def test_a_checkout_with_changes_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def git(*arguments: str) -> str:
        who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        done = subprocess.run(
            ["git", *who, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def commit() -> str:
        provenance._checked_out.cache_clear()
        return provenance.commit()

    monkeypatch.delenv(COMMIT, raising=False)
    monkeypatch.setattr(provenance, "_ROOT", tmp_path)
    assert commit() == ""
    git("init", "--quiet")
    assert commit() == ""  # there is none yet
    (tmp_path / "code.py").write_text("A = 1\n")
    git("add", "code.py")
    git("commit", "--quiet", "--message", "one")
    (tmp_path / "untracked").touch()
    head = git("rev-parse", "HEAD")
    assert commit() == head
    (tmp_path / "code.py").write_text("A = 2\n")
    assert commit() == f"{head}+"
    provenance._checked_out.cache_clear()


def test_every_tag_is_listed() -> None:
    assert set(provenance_tags()) <= set(provenance.PROVENANCE_TAGS)


def test_the_environment_names_the_commit_of_code_that_is_no_checkout(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(COMMIT, "c0ffee")
    assert provenance_tags()[COMMIT_TAG] == "c0ffee"


def test_code_is_known_by_its_text_and_the_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("prompts", "slots"):
        (tmp_path / f"{name}.py").write_text("A = 1\n")

    def digest() -> str:
        provenance.code_digest.cache_clear()
        return provenance.code_digest("prompts", "slots", "tones")

    monkeypatch.setattr(provenance, "_ROOT", tmp_path)
    found = {digest(), digest()}
    assert len(found) == 1
    (tmp_path / "slots.py").write_text("A = 2\n")
    found.add(digest())
    (tmp_path / "slots.yaml").write_text("a: 1\n")
    found.add(digest())
    (tmp_path / "tones" / "warm").mkdir(parents=True)
    (tmp_path / "tones" / "warm" / "all.yaml").write_text("a: 1\n")
    found.add(digest())
    monkeypatch.setattr(provenance, "__version__", "0.0.0")
    found.add(digest())
    assert len(found) == 5
    provenance.code_digest.cache_clear()


@pytest.mark.parametrize(
    ("program", "name"),
    [
        (["/job/ray_jobs/__main__.py", "train", "--set", "tracking.uri=http://u:p@h"], "ray_jobs train"),
        (["/ray/workers/default_worker.py", "--node-ip-address=127.0.0.1"], None),
    ],
)
def test_the_command_is_told_without_what_it_was_given(
    monkeypatch: pytest.MonkeyPatch, program: list[str], name: str | None
) -> None:
    monkeypatch.setattr("sys.argv", program)
    assert provenance_tags().get("mlflow.source.name") == name


def test_who_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("no such user")

    assert "@" in who()
    monkeypatch.setattr(getpass, "getuser", nameless)
    assert who().split("@")[0].isdecimal()
