"""One run of the demo: Ray, MLflow, every stage as a job, the server, the table of copy."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adcraft.errors import ClusterError
from adcraft.settings import Settings, load_settings
from cluster.demo_screen import Screen
from cluster.jobs import StageJobs, result_line
from cluster.leash import Leash
from cluster.local import LocalHead, local_head
from cluster.mlflow_server import start_mlflow
from cluster.ports import LOOPBACK, free_port

_PRODUCTS = 8
_MLFLOW_S, _SERVE_S = 90, 120


@dataclass(frozen=True)
class Plan:
    """What one run does.

    Attributes:
        feed: the user's own, or None for the sample feed.
        home: folder of all that it makes.
        config: the settings file.
        overrides: settings beside it, as ``key=value``.
        rows: of the sample feed.
        smoke: end by itself, after one more stage.
    """

    feed: Path | None
    home: Path
    config: Path
    overrides: tuple[str, ...]
    rows: int
    smoke: bool

    def settings(self) -> Settings:
        """The resolved settings."""
        return load_settings(self.config, self.overrides)

    def arguments(self, *more: str) -> list[str]:
        """Arguments of every stage and of the server: the settings file and each override."""
        return [
            "--config",
            str(self.config),
            *(part for o in (*self.overrides, *more) for part in ("--set", o)),
        ]


class Demo:
    """One run. What it starts is put on ``running``, which ends it again in reverse order."""

    def __init__(self, plan: Plan, settings: Settings, screen: Screen, running: contextlib.ExitStack) -> None:
        self.plan = plan
        self.settings = settings
        self.screen = screen
        self.running = running
        self.mlflow_url = ""

    def run(self) -> dict[str, Any] | None:
        """All steps; then wait for Ctrl-C, unless it is a smoke run."""
        begun = time.monotonic()
        self.plan.home.mkdir(parents=True, exist_ok=True)
        self.screen.say(f"Everything that this makes is in {self.plan.home}\n")
        head = self._start_ray()
        mlflow = self._start_mlflow()
        jobs = StageJobs()
        if self.plan.feed is None:
            output = f"{self.plan.home}/feed.csv"
            self._stage(
                jobs, "sample", "invent products", ["--rows", str(self.plan.rows), "--output", output]
            )
        prepared = self._stage(jobs, "prepare", "map columns, clean, drop duplicates, split by product")
        self._wait_for_mlflow(mlflow)
        trained = self._stage(jobs, "train", f"fine-tune T5; watch it at {self.mlflow_url}")
        if self.plan.smoke:
            self._stage(jobs, "evaluate", "score on the untouched test split")
        server = self._start_server(head, trained)
        results = self._show_copy(prepared)
        seconds = round(time.monotonic() - begun, 1)
        if self.plan.smoke:
            if results["failed"]:
                raise ClusterError(f"{results['failed']} of {len(results['results'])} products got no copy.")
            return {"products": results["succeeded"], "seconds": seconds, "steps": self.screen.seconds}
        self.screen.say(f"From feed to copy in {seconds:.0f} s.\n")
        self.screen.next(self._links(head, trained))
        self._stay({"Ray": head.leash, "MLflow": mlflow, "The server": server})
        return None

    def _start_ray(self) -> LocalHead:
        with self.screen.step("ray", "start a Ray head on 127.0.0.1") as step:
            head = self.running.enter_context(local_head(self.settings.ray.num_cpus, dashboard_port=8265))
            os.environ.update(head.access)  # this process is a client from here on, and its children are
            step.summary = f"dashboard at {head.dashboard_url}"
        return head

    def _start_mlflow(self) -> Leash:
        """Begin to start it; it is needed only when training begins."""
        port = free_port(5000)
        self.mlflow_url = f"http://{LOOPBACK}:{port}"
        return self.running.enter_context(start_mlflow(self.settings, port))

    def _wait_for_mlflow(self, mlflow: Leash) -> None:
        import httpx

        with self.screen.step("mlflow", "wait for MLflow's pages") as step:

            def answers() -> bool:
                with contextlib.suppress(httpx.HTTPError):
                    return httpx.get(f"{self.mlflow_url}/health", timeout=2, trust_env=False).is_success
                return False

            _wait(answers, mlflow, "MLflow's server", _MLFLOW_S)
            step.summary = self.mlflow_url

    def _stage(self, jobs: StageJobs, stage: str, doing: str, more: Sequence[str] = ()) -> dict[str, Any]:
        with self.screen.step(stage, doing) as step:
            result = jobs.run(stage, [*self.plan.arguments(), *more], step.show)
            step.summary = _summary(stage, result)
        return result

    def _start_server(self, head: LocalHead, trained: dict[str, Any]) -> Leash:
        """Serve the champion; or, where an earlier run's model is that, the version just trained."""
        alias = self.settings.serve.alias
        if alias not in trained["aliases"]:
            alias = trained["model_version"]
        url = f"http://{self.settings.serve.host}:{self.settings.serve.port}"
        with self.screen.step("serve", f"answer HTTP at {url}") as step:
            arguments = self.plan.arguments(f"ray.address={head.address}", f"serve.alias={alias}")
            server = self.running.enter_context(
                Leash(
                    [sys.executable, "-m", "serve_app", *arguments],
                    environment=head.environment,
                    log=_fresh(self.plan.home / "serve.log"),
                    grace_s=0.5,  # the cluster that it runs on goes, too
                )
            )
            shown = 0

            def answers() -> bool:
                nonlocal shown
                lines = server.output()
                for line in lines[shown:]:
                    step.show(line)
                shown = len(lines)
                return result_line(lines, "serve") is not None

            _wait(answers, server, "The server", _SERVE_S)
            step.summary = f"{url}/docs"
        return server

    def _show_copy(self, prepared: dict[str, Any]) -> dict[str, Any]:
        """Products of the test split, sent to the server, and what came back."""
        import httpx

        products = _test_products(Path(prepared["path"]))
        url = f"http://{self.settings.serve.host}:{self.settings.serve.port}/batch_predict"
        answer = httpx.post(url, json={"items": products}, timeout=60, trust_env=False)
        if not answer.is_success:
            raise ClusterError(f"{url} answered {answer.status_code}: {answer.text[:300]}")
        results: dict[str, Any] = answer.json()
        self.screen.copy(products, results["results"])
        model = next((result["model"] for result in results["results"] if "model" in result), None)
        if model:
            self.screen.provenance(model)
        return results

    def _links(self, head: LocalHead, trained: dict[str, Any]) -> list[tuple[str, str]]:
        url = f"http://{self.settings.serve.host}:{self.settings.serve.port}"
        product = '{"brand": "Nike", "product_name": "Running Shoes"}'
        return [
            ("Try it", f"{url}/docs"),
            ("or", f"curl {url}/predict -H 'content-type: application/json' -d '{product}'"),
            ("MLflow", f"{self._run_page(trained['run_id'])} (the run, its curves and samples)"),
            ("", f"{self.mlflow_url}/#/models/{trained['model']} (the registered model, its versions)"),
            ("Ray dashboard", f"{head.dashboard_url} (asks for the token: cat {head.token_file})"),
            ("Live dashboards", "make observe, in another terminal"),
            ("Your own feed", "make demo FEED=path/to/products.csv"),
            ("Ctrl-C", "ends all of it"),
        ]

    def _run_page(self, run_id: str) -> str:
        """MLflow's page about a run."""
        import httpx

        api = f"{self.mlflow_url}/api/2.0/mlflow/runs/get"
        answer = httpx.get(api, params={"run_id": run_id}, timeout=30, trust_env=False).raise_for_status()
        experiment = answer.json()["run"]["info"]["experiment_id"]
        return f"{self.mlflow_url}/#/experiments/{experiment}/runs/{run_id}"

    def _stay(self, parts: dict[str, Leash]) -> None:
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                for name, leash in parts.items():
                    if leash.poll() is not None:
                        raise ClusterError(f"{name} ended by itself. {leash.log} says why.")
                time.sleep(0.3)


def _wait(ready: Callable[[], bool], leash: Leash, name: str, limit_s: float) -> None:
    """Until ``ready``.

    Raises:
        ClusterError: the process ended first, or it took too long.
    """
    deadline = time.monotonic() + limit_s
    while not ready():
        if leash.poll() is not None and not ready():
            raise ClusterError(f"{name} ended by itself. {leash.log} says why.")
        if time.monotonic() > deadline:
            raise ClusterError(f"{name} was not ready after {limit_s:.0f} s. {leash.log} says why.")
        time.sleep(0.2)


def _fresh(log: Path) -> Path:
    log.unlink(missing_ok=True)
    return log


def _summary(stage: str, result: dict[str, Any]) -> str:
    """What a stage's result says, in a few words."""
    match stage:
        case "sample":
            return f"{result['rows']} rows"
        case "prepare":
            rows = result["rows"]
            return (
                f"{rows['in']} rows: {rows['kept']} kept, {rows['rejected']} set aside, "
                f"{rows['duplicates']} duplicates; version {result['version']}"
            )
        case "train":
            how = "was there already" if result["reused"] else ", ".join(result["aliases"]) or "registered"
            return f"{result['model']} version {result['model_version']}: {how}"
        case _:
            return ""


def _test_products(dataset: Path) -> list[dict[str, str | None]]:
    """Products that the model has not seen, with the fields that a client may send, but not the text that
    the model learnt to write.
    """
    from adcraft.ad_copy.fields import PROMPT_FIELDS
    from adcraft.data.dataset import PreparedDataset

    seen = set()
    products = []
    for row in PreparedDataset.at(dataset).rows("test"):
        if row["product_key"] not in seen:
            seen.add(row["product_key"])
            products.append({f: row[f] for f in PROMPT_FIELDS if row.get(f) and f != row["target_field"]})
        if len(products) == _PRODUCTS:
            break
    return products
