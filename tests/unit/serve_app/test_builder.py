"""The typed builder, its arguments and the shipped Serve YAML. Builds the graph; starts no Ray."""

import re
from pathlib import Path
from types import FunctionType
from typing import Any, cast

import pytest
import ray
import yaml
from pydantic import ValidationError
from ray.serve import Application
from ray.serve._private.api import call_user_app_builder_with_args_if_necessary
from ray.serve._private.build_app import build_app as build_graph
from ray.serve.schema import ServeDeploySchema

from adcraft.errors import SettingsError
from adcraft.settings import load_settings
from serve_app import app
from serve_app.args import ServeArgs
from serve_app.fewest_first import FewestFirst
from serve_app.scaling.capacity_file import Capacity, Machine, capacity_path, engine_settings, write_capacity

YAML = Path(app.__file__).with_name("serve.local.yaml")


@pytest.fixture(autouse=True)
def no_ray(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a unit test started Ray")

    monkeypatch.setattr(ray, "init", refuse)
    monkeypatch.setenv("ADCRAFT_HOME", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def built_by_serve(args: dict[str, Any]) -> Application:
    return call_user_app_builder_with_args_if_necessary(cast("FunctionType", app.build_app), args)


def shipped() -> dict[str, Any]:
    tree = yaml.safe_load(YAML.read_text(encoding="utf-8"))
    ServeDeploySchema.model_validate(tree)
    return tree


def built(application: Application) -> dict[str, Any]:
    graph = build_graph(application, name="adcraft")
    assert graph.ingress_deployment_name == "ingress"
    return {deployment.name: deployment for deployment in graph.deployments}


def test_shipped_yaml_builds_by_serves_own_way_and_listens_here_alone() -> None:
    tree = shipped()
    assert tree["http_options"]["host"] == "127.0.0.1"
    [application] = tree["applications"]
    assert application["import_path"] == "serve_app.app:build_app"
    deployments = built(built_by_serve(application["args"]))
    assert set(deployments) == {"ingress", "generator", "control"}
    router = deployments["generator"]._deployment_config.request_router_config
    assert router.get_request_router_class() is FewestFirst


def test_shipped_yaml_names_every_key_with_its_default() -> None:
    [application] = shipped()["applications"]
    args = ServeArgs.model_validate(application["args"])
    assert args == ServeArgs()
    elsewhere = {"serve.host", "serve.port", "serve.proxy"}
    known = {f"serve.{key}" for key in type(args.serve).model_fields} - elsewhere
    assert {f"serve.{key}" for key in application["args"]["serve"]} == known
    for line in YAML.read_text(encoding="utf-8").splitlines():
        key = re.fullmatch(r" {8,}(\w+): (\S.*?) # (.*)", line)
        if key:
            default = "" if key[2] == '""' else key[2]
            stated = re.match(r"(?:str|int|float|bool|list), ([^:;]*)", key[3])
            assert stated, f"{line!r} does not say type and default"
            assert stated[1].strip('"') == default


def test_deployments_are_bounded_autoscaled_and_watched() -> None:
    args = ServeArgs.model_validate(
        {"serve": {"min_replicas": 2, "max_replicas": 5, "target_ongoing_requests": 7, "threads": 3}}
    )
    deployments = built(app.build_app(args))
    config = deployments["generator"]._deployment_config
    assert config.autoscaling_config.min_replicas == 2
    assert config.autoscaling_config.max_replicas == 5
    assert config.autoscaling_config.target_ongoing_requests == 7
    assert (config.max_ongoing_requests, config.max_queued_requests) == (64, 256)
    assert config.health_check_period_s == 5
    assert config.graceful_shutdown_timeout_s == 35
    assert deployments["generator"].ray_actor_options["num_cpus"] == 3
    ingress = deployments["ingress"]._deployment_config
    assert ingress.max_ongoing_requests >= 4 * (64 * 5 + 256), "the generators' queue is full first"
    assert ingress.max_queued_requests > 0
    assert deployments["ingress"].ray_actor_options["num_cpus"] == 0


def test_load_is_seen_in_seconds_and_its_end_after_a_minute() -> None:
    deployments = built(app.build_app(ServeArgs()))
    assert deployments["control"]._deployment_config.autoscaling_config is None, "it is one for all"
    for name in ("generator", "ingress"):
        deployment = deployments[name]
        scaling = deployment._deployment_config.autoscaling_config
        assert scaling.look_back_period_s + scaling.metrics_interval_s + scaling.upscale_delay_s < 10
        assert scaling.look_back_period_s > scaling.metrics_interval_s
        assert scaling.downscale_delay_s == 60


def test_scaled_to_zero_it_still_starts_with_one() -> None:
    deployments = built(app.build_app(ServeArgs.model_validate({"serve": {"min_replicas": 0}})))
    scaling = deployments["generator"]._deployment_config.autoscaling_config
    assert (scaling.min_replicas, scaling.initial_replicas) == (0, 1)
    ingress = deployments["ingress"]._deployment_config.autoscaling_config
    assert ingress.min_replicas == 1, "somebody must hear the first request"


def test_limits_are_those_of_the_measured_curve(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    args = ServeArgs.model_validate({"serve": {"latency_target_ms": 400}})
    app.build_app(args)
    assert "latency_target_ms = 400 has no effect" in caplog.text
    point = {"concurrency": 10, "throughput_per_s": 25, "p50_ms": 380, "p95_ms": 390}
    capacity = {
        "points": (point,),
        "model": "ad_copy",
        "model_version": "7",
        "engine": engine_settings(args.serve),
        "computed_in": "int8",
        "machine": Machine.here(),
        "measured_at": "2026-11-27T06:00:00Z",
    }
    write_capacity(capacity_path(str(tmp_path)), Capacity.model_validate(capacity))
    deployments = built(app.build_app(args))
    config = deployments["generator"]._deployment_config
    assert config.autoscaling_config.target_ongoing_requests == 7.5
    assert (config.max_ongoing_requests, config.max_queued_requests) == (20, 580)
    bound = deployments["generator"].init_args[1].serve
    assert bound.max_queued_requests == 580, "replicas know the limits too"
    assert deployments["ingress"]._deployment_config.backpressure_config.retry_after_s == 60


def test_settings_that_can_not_scale_are_not_built() -> None:
    with pytest.raises(SettingsError, match=r"serve.downscale_delay_s = 5 is less than"):
        built_by_serve({"serve": {"downscale_delay_s": 5}})


def test_serve_build_gets_an_application_with_defaults() -> None:
    assert isinstance(app.app, Application)
    with pytest.raises(AttributeError, match="no attribute 'other'"):
        _ = app.other


def test_args_fill_in_what_is_empty_from_the_environment(tmp_path: Path) -> None:
    args = ServeArgs().resolved({"ADCRAFT_HOME": str(tmp_path), "MLFLOW_TRACKING_URI": "http://mlflow:5000"})
    assert (args.home, args.tracking.uri) == (str(tmp_path), "http://mlflow:5000")
    assert args.models == tmp_path / "models"
    assert args.resolved({}) == args
    assert ServeArgs().resolved({"ADCRAFT_HOME": "/x"}).tracking.uri == "sqlite:////x/mlflow.db"


def test_args_are_the_same_keys_as_the_settings() -> None:
    settings = load_settings(None, ["serve.alias=challenger", "home=/x"], {})
    args = ServeArgs.of(settings)
    assert (args.home, args.serve.alias) == ("/x", "challenger")
    assert args.resolved({}) == args


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        ({"serve": {"port": 9000}}, r"serve.port = 9000 has no effect here; set http_options.port"),
        ({"serve": {"host": "0.0.0.0"}}, r"set http_options.host"),
        (
            {"serve": {"proxy": "default"}},
            r"serve.proxy = 'default' has no effect here; it is chosen where Ray",
        ),
        ({"serve": {"min_replicas": 3}}, "max_replicas 2 is below min_replicas 3"),
        ({"serve": {"alais": "champion"}}, "alais"),
        ({"home": 5}, "home"),
    ],
)
def test_wrong_args_are_refused(tree: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        built_by_serve(tree)
