"""MLflow as SQLite file and as server: runs, registry, downloads, and what happens when it fails."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adcraft.errors import AliasError, BundleError, TrackingError
from adcraft.inference.bundle import Bundle, open_bundle
from adcraft.registry import Registry
from adcraft.tracking.connection import connect, redacted
from adcraft.tracking.run_log import RunLog
from cluster.ports import free_port
from tests.jobs import run_job
from tests.mlflow_server import Server
from tests.prepared import write_prepared
from tests.tiny_model import tiny_home

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]  # of MLflow about itself

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("server"))
    try:
        server.wait()
        yield server
    finally:
        server.leash.stop()


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('sqlite')}/mlflow.db"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With one registered model."""
    return tiny_home(tmp_path_factory)


@pytest.fixture(scope="module")
def bundle(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    registry = Registry(embedded(home), "ad_copy")
    return open_bundle(registry.download(registry.resolve("1"), tmp_path_factory.mktemp("bundle")))


def embedded(home: Path) -> str:
    return f"sqlite:///{home}/mlflow.db"


def open_run(uri: str, key: str, experiment: str = "tests") -> RunLog:
    return RunLog(uri, experiment, run_key=key, run_name=key, tags={})


def logged(uri: str, run_id: str, metric: str) -> list[tuple[int, float]]:
    return [(m.step, m.value) for m in connect(uri).get_metric_history(run_id, metric)]


def step(number: int) -> dict[str, float]:
    return {"step": number, "loss": 1 / number, "time_ms": 1_000_000 + number}


def epoch(number: int) -> dict[str, float]:
    return {"epoch": number, "step": 10 * number, "validation_loss": 1 / number}


def registered(uri: str, bundle: Bundle, key: str, model: str) -> Registry:
    run_log = open_run(uri, key)
    run_log.folder(bundle.path, "bundle")
    run_log.end("FINISHED")
    registry = Registry(uri, model)
    registry.register(run_id=run_log.run_id, run_name=key, run_key=key, dataset_version="d")
    return registry


def test_several_processes_at_once_on_a_fresh_sqlite_file(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/deep/mlflow.db"
    code = (
        "import sys; from adcraft.tracking.run_log import RunLog\n"
        "log = RunLog(sys.argv[1], 'same', sys.argv[2], sys.argv[2], {})\n"
        "log.metrics({'x': 1.0}, 1); log.end('FINISHED')"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", code, uri, key], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        for key in "abc"
    ]
    faults = [writer.communicate(timeout=200)[1] for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0, 0], faults
    client = connect(uri)
    experiment = client.get_experiment_by_name("same")
    assert experiment
    assert experiment.artifact_location == str(tmp_path / "deep" / "artifacts")
    runs = client.search_runs([experiment.experiment_id])
    assert sorted(run.info.run_name for run in runs) == ["a", "b", "c"]
    assert not list((tmp_path / "deep").glob("*creating*"))


def test_server_end_to_end(server: Server, bundle: Bundle, tmp_path: Path) -> None:
    run_log = open_run(server.uri, "end to end")
    run_log.parameters({"train": {"max_epochs": 2}, "empty": {}})
    run_log.dataset(write_prepared(tmp_path / "data", rows=10))
    run_log.steps([step(1), step(2)], ["loss"])
    assert run_log.epoch(epoch(1))
    run_log.table({"product": ["Lamp"], "generated": ["A lamp"]}, "samples.json")
    run_log.figure(b"\x89PNG", "curve.png")
    run_log.folder(bundle.path, "bundle")
    run_log.end("FINISHED")

    run = connect(server.uri).get_run(run_log.run_id)
    assert (run.info.status, run.data.params["train.max_epochs"]) == ("FINISHED", "2")
    assert logged(server.uri, run_log.run_id, "step/loss") == [(1, 1.0), (2, 0.5)]
    assert logged(server.uri, run_log.run_id, "validation_loss") == [(10, 1.0)]
    assert run_log.step_losses() == [(1, 1.0), (2, 0.5)]
    files = {file.path for file in connect(server.uri).list_artifacts(run_log.run_id)}
    assert files == {"settings.json", "samples.json", "curve.png", "bundle"}

    registry = Registry(server.uri, "shop")
    made = registry.register(run_id=run_log.run_id, run_name="r", run_key="end to end", dataset_version="d")
    assert (made.version, made.aliases) == ("1", ("champion",))
    assert registry.find("end to end") == registry.resolve("champion") == registry.resolve("1") == made
    assert registry.find("another") is None
    fetched = registry.download(made, tmp_path)
    assert open_bundle(fetched).manifest == bundle.manifest
    assert registry.download(made, tmp_path) == fetched


def test_server_that_goes_away_holds_nothing_up(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    run_log = open_run(server.uri, "away")
    run_log.steps([step(1)], ["loss"])
    run_log.flush()
    server.leash.stop()
    started = time.monotonic()
    for number in range(2, 6):
        run_log.steps([step(number)], ["loss"])
        run_log.flush()
    run_log.table({"product": ["Lamp"]}, "samples.json")
    run_log.flush()
    assert time.monotonic() - started < 10
    assert [r.getMessage() for r in caplog.records if "Metrics wait" in r.getMessage()] == [
        next(r.getMessage() for r in caplog.records if "can't be reached" in r.getMessage())
    ]
    threading.Timer(3, server.restart).start()
    run_log.settle()
    run_log.end("FINISHED")
    assert logged(server.uri, run_log.run_id, "step/loss") == [(n, 1 / n) for n in range(1, 6)]
    assert "samples.json" in {f.path for f in connect(server.uri).list_artifacts(run_log.run_id)}
    server.wait()


def test_server_that_is_not_there_is_said_within_seconds() -> None:
    started = time.monotonic()
    with pytest.raises(TrackingError) as caught:
        open_run(f"http://anna:secret@127.0.0.1:{free_port()}", "x")
    assert time.monotonic() - started < 10
    assert "can't be reached" in str(caught.value)
    assert "MLFLOW_TRACKING_URI" in str(caught.value)
    assert "anna:…@" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_server_that_never_answers_is_said_within_seconds() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        started = time.monotonic()
        with pytest.raises(TrackingError, match="can't be reached: timed out"):
            connect(f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert time.monotonic() - started < 10


@pytest.mark.parametrize("uri", ["http://[::1", "http://", "https://host:port/"])
def test_address_that_is_none(uri: str) -> None:
    with pytest.raises(TrackingError):
        connect(uri)


@pytest.mark.parametrize("uri", ["postgresql://u:secret@h/db", "file:///x", "databricks", "/some/folder"])
def test_kind_of_store_that_is_not_supported(uri: str) -> None:
    with pytest.raises(TrackingError, match="is not supported") as caught:
        connect(uri)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://anna:pass@host:5000/x", "http://anna:…@host:5000/x"),
        ("http://anna:p@ss:w@host", "http://anna:…@host"),
        ("see https://:pass@host and http://b:q@h", "see https://:…@host and http://b:…@h"),
        ("http://host:5000/a:b@c", "http://host:5000/a:b@c"),
        ("sqlite:////home/x/mlflow.db", "sqlite:////home/x/mlflow.db"),
    ],
)
def test_passwords_are_not_shown(text: str, shown: str) -> None:
    assert redacted(text) == shown


def test_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("a shopping list, " * 100)
    with pytest.raises(TrackingError, match="file is not a database") as caught:
        open_run(f"sqlite:///{tmp_path}/mlflow.db", "x")
    assert "\n" not in str(caught.value)


def test_folder_that_can_not_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TrackingError, match="can't be made"):
        connect(f"sqlite:///{tmp_path}/file/mlflow.db")


def test_unfinished_run_is_found_again_and_no_step_is_logged_twice(sqlite: str) -> None:
    first = open_run(sqlite, "again")
    first.parameters({"seed": 7, "cpus": 2})
    first.steps([step(1), step(2), step(3)], ["loss"])
    first.epoch(epoch(1))
    first.flush()  # and then it is killed: the run stays RUNNING

    second = open_run(sqlite, "again")
    assert second.run_id == first.run_id
    second.parameters({"seed": 7, "cpus": 8, "new": 1})
    second.steps([step(2), step(3), step(4)], ["loss"])  # from the checkpoint before the kill
    assert [second.epoch(epoch(number)) for number in (1, 2, 2)] == [False, True, False]
    second.end("KILLED")
    third = open_run(sqlite, "again")
    third.steps([step(5)], ["loss"])
    third.end("FINISHED")

    assert third.run_id == first.run_id
    assert [s for s, _ in logged(sqlite, first.run_id, "step/loss")] == [1, 2, 3, 4, 5]
    assert logged(sqlite, first.run_id, "validation_loss") == [(10, 1.0), (20, 0.5)]
    parameters = connect(sqlite).get_run(first.run_id).data.params
    assert parameters == {"seed": "7", "cpus": "2", "new": "1"}
    assert open_run(sqlite, "again").run_id != first.run_id  # a finished run is left in peace


def test_values_that_are_no_numbers_are_logged(sqlite: str) -> None:
    run_log = open_run(sqlite, "nan")
    run_log.epoch({"epoch": 1, "step": 1, "validation_loss": float("nan"), "train_loss": float("inf")})
    run_log.end("FINISHED")
    assert connect(sqlite).get_run(run_log.run_id).info.status == "FINISHED"


def test_deleted_experiment_is_explained(sqlite: str) -> None:
    open_run(sqlite, "x", experiment="gone").end("FINISHED")
    client = connect(sqlite)
    experiment = client.get_experiment_by_name("gone")
    assert experiment
    client.delete_experiment(experiment.experiment_id)
    with pytest.raises(TrackingError, match=r"experiment 'gone' was deleted\. Restore it, or set"):
        open_run(sqlite, "y", experiment="gone")


def test_giving_up_hides_no_other_error(sqlite: str, caplog: pytest.LogCaptureFixture) -> None:
    run_log = open_run(sqlite, "given up")
    connect(sqlite).delete_run(run_log.run_id)
    run_log.metrics({"x": 1}, 1)
    run_log.flush()
    run_log.give_up("KILLED")
    assert "active" in caplog.text


def test_alias_that_does_not_exist(home: Path) -> None:
    registry = Registry(embedded(home), "ad_copy")
    with pytest.raises(AliasError, match=r"ad_copy has no alias 'chempion' .*Aliases: .*champion -> 1"):
        registry.resolve("chempion")
    with pytest.raises(AliasError, match="ad_copy has no version '999'"):
        registry.resolve("999")
    for odd in ("", "a b", "champion@", "é", "v1"):
        with pytest.raises(AliasError):
            registry.resolve(odd)
    with pytest.raises(AliasError, match=r"No model 'nothing' is registered .*ray_jobs train"):
        Registry(embedded(home), "nothing").resolve("champion")


def test_evaluating_an_alias_that_does_not_exist(home: Path) -> None:
    job = run_job([f"home={home}"], "evaluate.model=chempion", stage="evaluate")
    assert job.code == 7
    assert "has no alias 'chempion'" in job.result["error"]
    assert "Traceback" not in job.err


def test_downloads_that_race_give_one_whole_bundle(
    sqlite: str, bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow.artifacts

    registry = registered(sqlite, bundle, "race", "raced")
    both, fetch = threading.Barrier(2, timeout=60), mlflow.artifacts.download_artifacts

    def fetch_and_wait(*args: Any, **kwargs: Any) -> Any:
        fetched = fetch(*args, **kwargs)
        both.wait()
        return fetched

    monkeypatch.setattr(mlflow.artifacts, "download_artifacts", fetch_and_wait)
    found: list[Path] = []
    threads = [
        threading.Thread(target=lambda: found.append(registry.download(registry.resolve("1"), tmp_path)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    assert len(set(found)) == 1
    assert open_bundle(found[0]).manifest == bundle.manifest
    assert [path.name for path in tmp_path.iterdir()] == [found[0].name]


def test_tampered_artifact_is_not_opened(sqlite: str, bundle: Bundle, tmp_path: Path) -> None:
    registry = registered(sqlite, bundle, "tampered", "tampered")
    version = registry.resolve("champion")
    weights = Path(version.artifact_uri) / "engine" / "model.bin"
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    with pytest.raises(BundleError, match=r"engine/model\.bin in the bundle .* was changed"):
        open_bundle(registry.download(version, tmp_path))


def test_artifacts_that_are_gone_or_are_something_else(sqlite: str, bundle: Bundle, tmp_path: Path) -> None:
    registry = registered(sqlite, bundle, "gone", "gone")
    version = registry.resolve("champion")
    (Path(version.artifact_uri) / "manifest.json").unlink()
    with pytest.raises(BundleError, match=r"is not an Adcraft bundle: it has no manifest\.json"):
        registry.download(version, tmp_path)
    Path(version.artifact_uri).rename(tmp_path / "elsewhere")
    with pytest.raises((BundleError, TrackingError), match=r"gone version 1"):
        registry.download(version, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["elsewhere"]
