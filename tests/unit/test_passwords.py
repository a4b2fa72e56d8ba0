"""Passwords are drawn, each another one, and never drawn over those that are in use."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest
import yaml

from cluster import passwords


def drawn(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, str]]:
    monkeypatch.setattr("sys.argv", ["passwords", "kubernetes"])
    assert passwords.main() == 0
    found = list(yaml.safe_load_all(capsys.readouterr().out))
    assert {each["kind"] for each in found} == {"Secret"}
    return {each["metadata"]["name"]: each["stringData"] for each in found}


def test_secrets_have_the_keys_that_manifests_name_and_no_two_are_alike(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = drawn(capsys, monkeypatch), drawn(capsys, monkeypatch)
    assert {name: tuple(keys) for name, keys in first.items()} == dict(passwords.SECRETS)
    values = [value for secrets in (first, second) for keys in secrets.values() for value in keys.values()]
    assert len(set(values)) == len(values)
    assert all(re.fullmatch(r"[0-9a-f]{48}", value) for value in values)


def test_the_file_of_compose_is_its_owners_alone_and_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "compose" / "passwords.env"
    monkeypatch.setattr("sys.argv", ["passwords", "compose", "--file", str(file)])
    assert passwords.main() == 0
    text = file.read_text(encoding="utf-8")
    assert [line.partition("=")[0] for line in text.splitlines()] == list(passwords.COMPOSE_VARIABLES)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert text.splitlines()[0].partition("=")[2] not in capsys.readouterr().out
    assert passwords.main() == 2
    assert f"{file} exists" in capsys.readouterr().err
    assert file.read_text(encoding="utf-8") == text
