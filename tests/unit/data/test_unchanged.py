"""A feed is known again by its content and by all that decides what becomes of it."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from adcraft.data.dataset import list_versions
from adcraft.data.unchanged import Inputs
from adcraft.errors import FeedError
from adcraft.settings import DataSettings
from tests.prepared import write_prepared


@pytest.fixture
def settings(tmp_path: Path) -> DataSettings:
    (tmp_path / "feed.csv").write_text("title,ad\nBag,A bag\n")
    return DataSettings(source=str(tmp_path / "feed.csv"), root=str(tmp_path / "data"))


def inputs(settings: DataSettings) -> Inputs:
    found = Inputs.of(settings, "ad_copy")
    assert found
    return found


def test_what_came_of_it_is_found_again_and_is_the_newest(settings: DataSettings) -> None:
    first = write_prepared(Path(settings.root), rows=20)
    assert inputs(settings).prepared() is None
    inputs(settings).became(first.version)
    time.sleep(0.01)
    second = write_prepared(Path(settings.root), rows=20, seed=6)
    assert list_versions(settings.root, "products")[0] == second.version
    assert inputs(settings).prepared() == first
    assert list_versions(settings.root, "products") == [first.version, second.version]


def test_another_content_or_setting_is_another_feed(settings: DataSettings) -> None:
    key = inputs(settings).key
    assert inputs(settings.model_copy(update={"version": "x", "root": "/other"})).key == key
    assert inputs(settings.model_copy(update={"target_chars": 100})).key != key
    with Path(settings.source).open("a") as file:
        file.write("Lamp,A lamp\n")
    assert inputs(settings).key != key


def test_a_version_that_is_gone_or_changed_is_not_taken(settings: DataSettings) -> None:
    dataset = write_prepared(Path(settings.root), rows=20)
    inputs(settings).became(dataset.version)
    (dataset.path / "test" / "part-00000.parquet").write_bytes(b"")
    assert inputs(settings).prepared() is None
    shutil.rmtree(dataset.path)
    assert inputs(settings).prepared() is None


def test_a_dataset_of_the_hub_is_not_known_again() -> None:
    assert Inputs.of(DataSettings(source="hf:shop/products"), "ad_copy") is None
    assert Inputs.of(DataSettings(), "ad_copy") is None


def test_a_feed_that_is_not_there(settings: DataSettings) -> None:
    Path(settings.source).unlink()
    with pytest.raises(FeedError, match="There is no feed at"):
        Inputs.of(settings, "ad_copy")
