"""Datasets in the making, whole, damaged and dead."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from adcraft.data.dataset import PreparedDataset, list_versions
from adcraft.data.manifest import Manifest
from adcraft.data.workspace import workspace
from adcraft.errors import DatasetError, StorageError
from tests.prepared import write_prepared


def publish_again(root: Path, dataset: PreparedDataset) -> tuple[PreparedDataset, bool]:
    """What a second job with the same feed and settings does."""
    with workspace(str(root), dataset.name) as space:
        for name in dataset.manifest.files:
            target = space.dataset / name
            target.parent.mkdir(exist_ok=True)
            target.write_bytes((dataset.path / name).read_bytes())
        return space.publish(dataset.manifest, "report")


def test_what_was_written_is_read(tmp_path: Path) -> None:
    written = write_prepared(tmp_path, rows=30)
    dataset = PreparedDataset.open(tmp_path, "products")
    assert dataset == written
    assert dataset.version == dataset.path.name
    assert [file.name for file in dataset.split_files("train")] == ["part-00000.parquet"]
    rows = list(dataset.rows("test"))
    assert len(rows) == 3
    assert rows[0]["target_field"] == "ad"
    with pytest.raises(DatasetError, match="no split 'dev'"):
        dataset.split_files("dev")


def test_the_newest_is_the_one_that_was_prepared_last(tmp_path: Path) -> None:
    first, second = write_prepared(tmp_path, seed=1), write_prepared(tmp_path, seed=2)
    os.utime(first.path / "manifest.json", (1, 1))
    assert PreparedDataset.open(tmp_path, "products").version == second.version
    assert PreparedDataset.open(tmp_path, "products", first.version).version == first.version
    publish_again(tmp_path, first)
    assert list_versions(tmp_path, "products") == [first.version, second.version]


def test_none_such(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"No prepared dataset 'products'.*ray_jobs prepare"):
        PreparedDataset.open(tmp_path, "products")
    dataset = write_prepared(tmp_path)
    with pytest.raises(DatasetError, match=f"no version 'x'; it has {dataset.version}"):
        PreparedDataset.open(tmp_path, "products", "x")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: (path / "test/part-00000.parquet").unlink(), "test/part-00000.parquet is missing"),
        (lambda path: (path / "test/part-00000.parquet").write_bytes(b""), "has 0 bytes instead of"),
        (
            lambda path: flip(path / "train/part-00000.parquet"),
            "content of train/part-00000.parquet is another",
        ),
        (lambda path: (path / "manifest.json").write_text("{"), "manifest.json is not a manifest"),
        (
            lambda path: reseed(path / "manifest.json"),
            "was changed after",
        ),
    ],
)
def test_what_was_changed_is_refused(tmp_path: Path, damage, message: str) -> None:
    dataset = write_prepared(tmp_path)
    damage(dataset.path)
    with pytest.raises(DatasetError, match=message):
        PreparedDataset.open(tmp_path, "products")


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def reseed(path: Path) -> None:
    path.write_text(path.read_text().replace('"split_seed": 13', '"split_seed": 14'))


def test_the_version_is_of_the_content_and_not_of_the_place(tmp_path: Path) -> None:
    manifest = write_prepared(tmp_path).manifest
    moved = manifest.model_copy(
        update={"source": manifest.source.model_copy(update={"location": "elsewhere"})}
    )
    assert moved.content_version() == manifest.version
    assert manifest.model_copy(update={"split_seed": 14}).content_version() != manifest.version
    assert Manifest.model_validate_json(manifest.to_json()) == manifest


def test_a_version_that_is_there_is_reused_and_a_damaged_one_replaced(tmp_path: Path) -> None:
    dataset = write_prepared(tmp_path)
    kept = {name: (dataset.path / name).read_bytes() for name in dataset.manifest.files}
    assert publish_again(tmp_path, dataset)[1]
    with workspace(str(tmp_path), "products") as space:
        for name, data in kept.items():
            (space.dataset / name).parent.mkdir(exist_ok=True)
            (space.dataset / name).write_bytes(data)
        flip(dataset.path / "train/part-00000.parquet")
        assert not space.publish(dataset.manifest, "report")[1]
    assert PreparedDataset.open(tmp_path, "products") == dataset
    assert visible(tmp_path / "products") == [dataset.version]


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> None:
        with workspace(str(tmp_path), "products") as space:
            (space.dataset / "manifest.json").write_text("{}")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert visible(tmp_path / "products") == []
    assert not list((tmp_path / "products").glob(".preparing-*"))
    assert list_versions(tmp_path, "products") == []


def test_the_dead_are_cleared_and_the_living_left(tmp_path: Path) -> None:
    code = (
        "import sys, time; from adcraft.data.workspace import workspace\n"
        f"with workspace({str(tmp_path)!r}, 'products') as s: print(s.path, flush=True); time.sleep(60)"
    )
    jobs = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    try:
        folders = [Path(job.stdout.readline().strip()) for job in jobs if job.stdout]
        jobs[0].send_signal(signal.SIGKILL)
        jobs[0].wait()
        assert folders[0].exists()
        assert list_versions(tmp_path, "products") == []
        with workspace(str(tmp_path), "products") as space:
            assert not folders[0].exists()
            assert folders[1].exists()
            assert space.path.exists()
    finally:
        for job in jobs:
            job.kill()
            job.wait()
            if job.stdout:
                job.stdout.close()


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(StorageError, match=r"data\.root.* can't be written: Not a directory"),
        workspace(str(tmp_path / "file"), "products"),
    ):
        pass
    with pytest.raises(StorageError, match="is a URL"), workspace("s3://bucket", "products"):
        pass


def visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def test_time_is_not_content(tmp_path: Path) -> None:
    first = write_prepared(tmp_path / "a")
    time.sleep(0.01)
    second = write_prepared(tmp_path / "b")
    assert first.version == second.version
    assert (first.path / "manifest.json").read_bytes() == (second.path / "manifest.json").read_bytes()
