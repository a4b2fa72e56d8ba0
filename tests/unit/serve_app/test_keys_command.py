"""``python -m serve_app keys``, and the refusal to start without a key where others reach the server."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.testclient import TestClient

from adcraft.errors import ClusterError, SettingsError
from adcraft.settings import load_settings
from serve_app import foreground, ingress
from serve_app.__main__ import main
from serve_app.args import ServeArgs
from serve_app.keys.exposure import check_keys, here_alone, host_of_serve, key_needed
from serve_app.keys.key_file import TOKEN, create_key, read_keys, revoke_key
from serve_app.keys.live_keys import LiveKeys


class Keys:
    """The command, with what it wrote."""

    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.home = home
        self._capsys = capsys
        self.text = ""

    def __call__(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        assert main(["keys", *arguments, "--set", f"home={self.home}"]) == code
        captured = self._capsys.readouterr()
        self.text = captured.out + captured.err
        result: dict[str, Any] = json.loads(captured.out.splitlines()[-1])
        assert result["ok"] is (code == 0)
        return result


@pytest.fixture
def keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Keys:
    return Keys(tmp_path / "home", capsys)


def test_a_key_from_its_making_to_its_end(keys: Keys) -> None:
    made = keys("create", "--name", "shop", "--scope", "predict", "--scope", "admin")
    token = made["key"]
    assert TOKEN.fullmatch(token)
    assert keys.text.count(token) == 1
    assert (made["stage"], made["name"], made["scopes"]) == ("keys create", "shop", ["predict", "admin"])
    live = LiveKeys(keys.home / "keys.json")
    assert live.find(token)
    [listed] = keys("list")["keys"]
    assert token[13:] not in keys.text
    assert listed == {name: made[name] for name in listed}
    assert (listed["id"], listed["last_four"], listed["revoked_at"]) == (token[4:12], token[-4:], None)
    assert keys("revoke", listed["id"])["revoked_at"]
    assert ", revoked 2" not in keys.text
    keys("list")
    assert ", revoked 2" in keys.text
    assert LiveKeys(keys.home / "keys.json").find(token) is None


def test_a_key_is_for_predictions_unless_said_otherwise(keys: Keys) -> None:
    assert keys("create", "--name", "shop")["scopes"] == ["predict"]


def test_no_keys_yet(keys: Keys) -> None:
    assert keys("list")["keys"] == []
    assert not keys.home.exists()


def test_what_can_not_be_done_is_said(keys: Keys) -> None:
    assert "no key of that id" in keys("revoke", "0" * 8, code=2)["error"]
    assert "--name" in keys("create", "--name", "a\nb", code=2)["error"]
    keys.home.mkdir(exist_ok=True)
    (keys.home / "keys.json").write_text("{")
    assert str(keys.home / "keys.json") in keys("list", code=2)["error"]
    with pytest.raises(SystemExit) as ended:
        main(["keys", "create", "--name", "shop", "--scope", "everything"])
    assert ended.value.code == 2


def test_the_file_is_where_the_settings_say(keys: Keys, tmp_path: Path) -> None:
    elsewhere = tmp_path / "srv" / "keys.json"
    assert keys("create", "--name", "shop", "--set", f"serve.keys={elsewhere}")["file"] == str(elsewhere)
    assert len(read_keys(elsewhere)) == 1
    assert keys("create", "--name", "a", "--set", "serve.keys=b.json")["file"] == str(keys.home / "b.json")


@pytest.mark.parametrize(
    ("host", "alone"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.7", False),
        ("localhost.shop.example", False),
        ("", False),
    ],
)
def test_who_reaches_an_address(host: str, alone: bool) -> None:
    assert here_alone(host) is alone


def args(home: Path, *overrides: str) -> ServeArgs:
    return ServeArgs.of(load_settings(None, [f"home={home}", *overrides], {}))


def test_a_server_that_others_reach_starts_with_a_usable_key_alone(tmp_path: Path) -> None:
    served = args(tmp_path)
    assert key_needed(served, "0.0.0.0")
    with pytest.raises(
        SettingsError, match=r"there is no API key in .*keys\.json.*serve_app keys create"
    ) as caught:
        check_keys(served, "0.0.0.0")
    assert "Other machines can reach 0.0.0.0" in str(caught.value)
    key, _ = create_key(served.keys_file, "shop", ["predict"])
    check_keys(served, "0.0.0.0")
    revoke_key(served.keys_file, key.id)
    with pytest.raises(SettingsError, match="was revoked"):
        check_keys(served, "10.0.0.7")


def test_on_loopback_a_key_is_needed_once_there_is_a_file_or_one_is_named(tmp_path: Path) -> None:
    served = args(tmp_path)
    check_keys(served, "127.0.0.1")
    assert not key_needed(served, "127.0.0.1")
    named = args(tmp_path, "serve.keys=other.json")
    assert key_needed(named, "127.0.0.1")
    with pytest.raises(SettingsError, match=r"A key is needed, and there is no API key in .*other\.json"):
        check_keys(named, "127.0.0.1")
    key, _ = create_key(served.keys_file, "shop", ["predict"])
    check_keys(served, "127.0.0.1")
    revoke_key(served.keys_file, key.id)
    with pytest.raises(SettingsError, match="was revoked"):
        check_keys(served, "127.0.0.1")
    served.keys_file.write_text("{")
    with pytest.raises(SettingsError, match="is no file of API keys"):
        check_keys(served, "127.0.0.1")


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("0.0.0.0", "Other machines can reach"),
        ("shop.example", "neither"),
        ("::", "neither"),
        ("300.1.1.1", "neither"),
    ],
)
def test_the_command_refuses_before_anything_starts(tmp_path: Path, host: str, said: str) -> None:
    settings = load_settings(None, [f"home={tmp_path}", f"serve.host={host}"], {})
    with pytest.raises(SettingsError, match=said):
        foreground.serve_until_stopped(settings)


def test_an_address_of_another_machine_can_not_be_listened_on(tmp_path: Path) -> None:
    served = args(tmp_path, "serve.host=192.0.2.1")  # nobody's, by RFC 5737
    create_key(served.keys_file, "shop", ["predict"])
    with pytest.raises(ClusterError, match=r"192\.0\.2\.1"):
        foreground._check_address(served)


@pytest.mark.parametrize(("configured", "found"), [("10.0.0.7", "10.0.0.7"), (None, "0.0.0.0")])
def test_the_address_is_what_serve_was_told(
    monkeypatch: pytest.MonkeyPatch, configured: str | None, found: str
) -> None:
    import ray
    import ray.serve.context

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    assert here_alone(host_of_serve())
    client = SimpleNamespace(http_config=SimpleNamespace(host=configured))
    monkeypatch.setattr(ray, "is_initialized", lambda: True)
    monkeypatch.setattr(ray.serve.context, "_get_global_client", lambda **_: client)
    assert host_of_serve() == found


def test_an_ingress_that_others_reach_does_not_start_without_a_key(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(ingress, "listen_where_ray_does", lambda: None)
    monkeypatch.setattr(ingress, "host_of_serve", lambda: "0.0.0.0")
    generators: Any = None
    with pytest.raises(SettingsError, match="serve_app keys create"):
        ingress.Ingress(generators, generators, args(tmp_path))
    _, token = create_key(args(tmp_path).keys_file, "shop", ["predict"])
    started = ingress.Ingress(generators, generators, args(tmp_path))
    args(tmp_path).keys_file.unlink()
    with TestClient(started.__serve_build_asgi_app__()) as client:
        for headers in ({}, {"X-API-Key": token}):
            answer = client.post("/predict", json={"product_name": "Tea"}, headers=headers)
            assert answer.status_code == 401, "it stays shut, though the file of keys is gone"


@pytest.mark.parametrize(
    "origin", ["shop.example", "https://", "https://shop.example/", "https://a b", "ftp://a", "https://*", ""]
)
def test_an_origin_that_is_none_is_refused(origin: str) -> None:
    with pytest.raises(SettingsError, match=r"serve\.cors_origins"):
        load_settings(None, [f"serve.cors_origins={json.dumps([origin])}"], {})


def test_origins_that_are_some() -> None:
    origins = ["https://shop.example", "http://127.0.0.1:3000", "*"]
    settings = load_settings(None, [f"serve.cors_origins={json.dumps(origins)}"], {})
    assert settings.serve.cors_origins == origins
