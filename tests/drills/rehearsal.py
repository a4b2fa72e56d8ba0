"""What the KubeRay manifests have a cluster do, done on a local one of three nodes: every job's entry point
and the Serve configuration as they stand in the rendered files, then a head that is killed under load.

    python -m tests.drills.rehearsal FOLDER

runs in :mod:`tests.drills.pod_network` and prints one line of JSON.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx
import psutil
import yaml

from adcraft.tracking.connection import connect
from cluster.kuberay.checks.manifest import read_manifests
from cluster.kuberay.environment import environment_maps
from cluster.kuberay.render import HERE
from cluster.leash import ROOT, Leash
from cluster.local import LocalHead, launch
from cluster.local_cluster import ONE_PORT, LocalCluster, local_cluster
from tests.processes import is_up
from tests.redis_server import RedisServer

REDIS_PORT, MLFLOW_PORT, SERVE_PORT = 6379, 5000, 8000
JOBS = ("pipeline", "prepare", "train", "sweep", "generate")
ROWS = 60
_WORDS = (
    ("Red", "Blue", "Green", "Black", "White"),
    ("Shirt", "Lamp", "Mug", "Scarf"),
    ("Aera", "Solvex", "Nike"),
)
CALLERS = 3
_CPUS = 8
_PATIENCE_S = 300.0


@dataclass
class Outage:
    """What a killed head cost.

    Attributes:
        api_s: from the kill until the dashboard's API answered again.
        control_s: until Serve's controller said again that the application runs.
        ingress_s: the longest time without an answer to any caller, since the kill.
        answered: requests, in all.
        failed: requests without a good answer, by what came instead.
        jobs_before, jobs_after: that the head knew of.
        alive: nodes, when it was over.
        replicas, replicas_lost: of the application before, and those of them that are not there any more.
    """

    api_s: float = 0.0
    control_s: float = 0.0
    ingress_s: float = 0.0
    answered: int = 0
    failed: dict[str, int] = field(default_factory=dict)
    jobs_before: int = 0
    jobs_after: int = 0
    alive: int = 0
    replicas: int = 0
    replicas_lost: int = 0


class Api:
    """The head's HTTP API, as KubeRay's operator uses it."""

    def __init__(self, head: LocalHead) -> None:
        headers = {"Authorization": f"Bearer {head.token}"}
        self._client = httpx.Client(base_url=head.dashboard_url, headers=headers, timeout=20, trust_env=False)

    def get(self, path: str) -> Any:
        answer = self._client.get(path)
        answer.raise_for_status()
        return answer.json()

    def run(self, name: str, entrypoint: str) -> dict[str, Any]:
        """Submit a job, wait for its end, and give its last line of JSON."""
        answer = self._client.post("/api/jobs/", json={"entrypoint": entrypoint, "submission_id": name})
        answer.raise_for_status()
        deadline = time.monotonic() + _PATIENCE_S
        while (status := self.get(f"/api/jobs/{name}")["status"]) in {"PENDING", "RUNNING"}:
            assert time.monotonic() < deadline, f"{name} does not end"
            time.sleep(0.5)
        logs = self.get(f"/api/jobs/{name}/logs")["logs"]
        assert status == "SUCCEEDED", f"{entrypoint}: {logs[-3000:]}"
        return dict(json.loads([line for line in logs.splitlines() if line.startswith("{")][-1]))

    def deploy(self, config: str) -> None:
        """What the operator does with a RayService's ``serveConfigV2``."""
        answer = self._client.put("/api/serve/applications/", json=yaml.safe_load(config))
        assert answer.status_code == 200, answer.text

    def serves(self) -> bool:
        """Whether Serve's controller says that the application runs."""
        try:
            found = self.get("/api/serve/applications/")
        except (httpx.HTTPError, ValueError):
            return False
        return bool(found["applications"]) and all(
            application["status"] == "RUNNING" for application in found["applications"].values()
        )

    def replicas(self) -> set[tuple[str, int]]:
        """Ids of replicas, and of their processes."""
        applications = self.get("/api/serve/applications/")["applications"].values()
        deployments = [each for application in applications for each in application["deployments"].values()]
        return {
            (each["replica_id"], each["pid"]) for deployment in deployments for each in deployment["replicas"]
        }

    def wait_until_it_serves(self) -> None:
        wait_until(self.serves, "the application runs")

    def answers(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return bool(self.get("/api/version"))
        return False


class Callers:
    """Callers that each ask for one copy after another, over a new connection each time."""

    def __init__(self, key: str) -> None:
        self._headers = {"Authorization": f"Bearer {key}"}
        self._over = threading.Event()
        self.answers: list[float] = []
        self.failures: list[tuple[float, str]] = []
        self._threads = [threading.Thread(target=self._call, args=(number,)) for number in range(CALLERS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        wait_until(lambda: len(self.answers) > 10, "callers are answered")
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _call(self, caller: int) -> None:
        number = caller
        while not self._over.is_set():
            number += CALLERS
            product = {"product_name": f"Running Shoes {number}", "brand": "Aera"}
            try:
                answer = httpx.post(
                    f"http://127.0.0.1:{SERVE_PORT}/predict", json=product, headers=self._headers,
                    timeout=60, trust_env=False,
                )  # fmt: skip
            except httpx.HTTPError as error:
                self.failures.append((time.monotonic(), type(error).__name__))
                time.sleep(0.1)
                continue
            if answer.status_code == 200:
                self.answers.append(time.monotonic())
            else:
                self.failures.append((time.monotonic(), str(answer.status_code)))
                time.sleep(0.1)


def wait_until(come: Any, what: str) -> float:
    """When it has come."""
    deadline = time.monotonic() + _PATIENCE_S
    while not come():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.1)
    return time.monotonic()


def write_feed(file: Path) -> None:
    """Products with short texts: the settings of the entry points are those of a real training."""
    rows = [
        f"{number},{colour} {thing} {number},{brand},{colour} {thing} by {brand}."
        for number, (colour, thing, brand) in enumerate(
            itertools.islice(itertools.cycle(itertools.product(*_WORDS)), ROWS), start=1
        )
    ]
    file.parent.mkdir(parents=True)
    file.write_text("\n".join(["id,product_name,brand,description", *rows, ""]))


def entry_points() -> dict[str, str]:
    """The commands of the RayJobs and the RayCronJob, by name, from what would be applied."""
    files = [HERE / "rendered" / name for name in ("dev.yaml", "dev-jobs.yaml")]
    found = {}
    for manifest in read_manifests(files):
        if manifest.kind == "RayJob":
            found[manifest.name.removeprefix("adcraft-")] = manifest.spec["entrypoint"]
        elif manifest.kind == "RayCronJob":
            found["pipeline"] = manifest.spec["jobTemplate"]["entrypoint"]
    return found


def serve_config() -> str:
    """Of the RayService that would be applied."""
    [service] = [
        each for each in read_manifests([HERE / "rendered" / "dev.yaml"]) if each.kind == "RayService"
    ]
    return str(service.spec["serveConfigV2"])


def variables(folder: Path) -> dict[str, str]:
    """The pods' environment: both ConfigMaps, and what the operator adds for fault tolerance."""
    maps = environment_maps().values()
    return {
        **{name: value for each in maps for name, value in each["data"].items()},
        "HOME": str(folder / "person"),
        "RAY_REDIS_ADDRESS": f"redis:{REDIS_PORT}",
        "RAY_external_storage_namespace": "rehearsal",
        "RAY_gcs_rpc_server_reconnect_timeout_s": "600",
    }


@contextlib.contextmanager
def mlflow(folder: Path) -> Iterator[None]:
    """MLflow's server under the manifests' address; its runs in SQLite, its files in a folder."""
    database = f"sqlite:///{folder}/mlflow.db"
    connect(database)
    command = [
        str(Path(sys.executable).with_name("mlflow")), "server", "--host=127.0.0.1", f"--port={MLFLOW_PORT}",
        "--workers=1", f"--artifacts-destination={folder / 'artifacts'}",
        "--allowed-hosts=mlflow,mlflow:5000",
    ]  # fmt: skip
    environment = {
        **os.environ, "MLFLOW_BACKEND_STORE_URI": database, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }  # fmt: skip
    with Leash(command, environment=environment, log=folder / "mlflow.log", grace_s=3) as leash:

        def is_healthy() -> bool:
            assert leash.poll() is None, leash.last_words()
            with contextlib.suppress(httpx.HTTPError):
                return httpx.get(f"http://mlflow:{MLFLOW_PORT}/health", trust_env=False).status_code == 200
            return False

        wait_until(is_healthy, "MLflow answers")
        yield


def adcraft(module: str, *arguments: str, **environment: str) -> dict[str, Any]:
    """Run one of the project's commands; its last line of JSON."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=ROOT, env={**os.environ, **environment},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:] + done.stdout[-1000:]
    return dict(json.loads(done.stdout.splitlines()[-1]))


def kill(head: LocalHead) -> float:
    """SIGKILL to the head's GCS, raylet, dashboard and all that ran beside them; when."""
    processes = psutil.Process(head.leash.pid).children(recursive=True)
    names = {process.name() for process in processes}
    assert {"gcs_server", "raylet"} <= names, names
    killed = time.monotonic()
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    wait_until(lambda: head.leash.poll() is not None, "the head has ended")
    assert not any(is_up(process) for process in processes)
    return killed


def lose_the_head(
    cluster: LocalCluster, key: str, launched: dict[str, Any], running: contextlib.ExitStack
) -> Outage:
    """Kill the head under load, start it again, and see what it cost."""
    head, api, outage = cluster.head, Api(cluster.head), Outage()
    outage.jobs_before, replicas = len(api.get("/api/jobs/")), api.replicas()
    with Callers(key) as callers:
        killed = kill(head)
        # By this file 'ray start' takes the other nodes for a head that runs; a new pod has none.
        (head.token_file.parent / "ray" / "ray_current_cluster").unlink()
        launch(head.token_file.parent, 0, head.token_file, head.ports, running=running, **launched)
        back = wait_until(api.answers, "the API answers")
        control = wait_until(api.serves, "Serve's controller is back")
        outage.jobs_after = len(api.get("/api/jobs/"))
        wait_until(lambda: len(_alive(api)) == 3, "three nodes are alive")
        after = time.monotonic()
        wait_until(lambda: callers.answers[-1] > after, "callers are answered afterwards")
    times = [killed, *sorted(when for when in callers.answers if when > killed)]
    outage.api_s, outage.control_s = round(back - killed, 1), round(control - killed, 1)
    outage.ingress_s = round(max(b - a for a, b in itertools.pairwise(times)), 2)
    outage.answered = len(callers.answers)
    outage.failed = dict(Counter(what for _, what in callers.failures))
    outage.alive = len(_alive(api))
    outage.replicas, outage.replicas_lost = len(replicas), len(replicas - api.replicas())
    return outage


def _alive(api: Api) -> list[dict[str, Any]]:
    found = api.get("/api/v0/nodes")["data"]["result"]["result"]
    return [node for node in found if node["state"] == "ALIVE"]


def main() -> None:
    """Do all of it."""
    folder = Path(sys.argv[1])
    os.environ["HOME"] = str(folder / "person")
    timings: dict[str, float] = {}
    begun = time.monotonic()

    def done(what: str) -> None:
        nonlocal begun
        timings[what] = round(time.monotonic() - begun, 1)
        begun = time.monotonic()
        print(f"{what}: {timings[what]} s", file=sys.stderr, flush=True)

    write_feed(Path(variables(folder)["ADCRAFT_FEED"]))
    keys = "--set", f"serve.keys={folder}/person/api-keys/keys.json"
    key = adcraft(
        "serve_app", "keys", "create", "--name", "rehearsal", "--scope", "predict", "--scope", "admin", *keys
    )
    redis = RedisServer(folder / "redis", REDIS_PORT)
    own = {**variables(folder), **ONE_PORT}
    options = (f"--redis-password={redis.password}",)
    with redis.leash, mlflow(folder), contextlib.ExitStack() as running:
        cluster = running.enter_context(
            local_cluster(2, _CPUS, proxy="default", variables=own, options=options)
        )
        api = Api(cluster.head)
        done("start")
        jobs = {}
        for name in JOBS:
            jobs[name] = api.run(name, entry_points()[name])
            done(name)
        api.deploy(serve_config())
        api.wait_until_it_serves()
        smoke = adcraft("cluster.smoke", f"http://127.0.0.1:{SERVE_PORT}", ADCRAFT_API_KEY=key["key"])
        done("serve")
        launched = {"variables": own, "options": ("--num-cpus=0", *options)}
        outage = lose_the_head(cluster, key["key"], launched, running)
        done("head")
        cluster.pull()
    done("end")
    print(
        json.dumps({"jobs": jobs, "smoke": smoke, "outage": asdict(outage), "timings": timings}), flush=True
    )


if __name__ == "__main__":
    main()
