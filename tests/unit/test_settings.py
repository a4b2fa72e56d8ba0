"""Settings: one strict tree, from YAML and ``--set``; errors that name file, key and value."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from adcraft.errors import SettingsError
from adcraft.settings import Settings, load_settings
from adcraft.settings_reference import reference

ROOT = Path(__file__).parents[2]
CONFIGS = [file for file in sorted((ROOT / "configs").glob("*.yaml")) if not file.name.startswith("sweep-")]


def load(*overrides: str, config: Path | None = None, **environment: str) -> Settings:
    return load_settings(config, overrides, environment)


def write(folder: Path, text: str) -> Path:
    file = folder / "settings.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_overrides_win_over_the_file(tmp_path: Path) -> None:
    file = write(tmp_path, "train: {max_epochs: 5, seed: 1}\nmodel: {base: google-t5/t5-small}\n")

    settings = load("train.max_epochs=3", config=file)

    assert settings.train.max_epochs == 3
    assert settings.train.seed == 1
    assert settings.model.base == "google-t5/t5-small"
    assert settings.serve.port == 8000


@pytest.mark.parametrize(
    ("override", "section", "key", "value"),
    [
        ("train.use_gpu=true", "train", "use_gpu", True),
        ("train.max_minutes=2.5", "train", "max_minutes", 2.5),
        ("train.max_minutes=2", "train", "max_minutes", 2.0),
        ("data.columns={product_name: Title}", "data", "columns", {"product_name": "Title"}),
        ("data.name=2024", "data", "name", "2024"),
        ("data.target=on", "data", "target", "on"),
        ("data.source=", "data", "source", ""),
        ("data.source=a=b.csv", "data", "source", "a=b.csv"),
        ("data.delimiter=;", "data", "delimiter", ";"),
        ("data.source={not: closed", "data", "source", "{not: closed"),
    ],
)
def test_values_are_read_as_in_yaml_and_names_stay_text(
    override: str, section: str, key: str, value: object
) -> None:
    assert getattr(getattr(load(override), section), key) == value


@pytest.mark.parametrize(
    ("override", "parts"),
    [
        ("train.max_epoch=3", ["train.max_epoch = 3", "Did you mean train.max_epochs?"]),
        ("trian.max_epochs=3", ["unknown key trian", "Did you mean train?"]),
        ("train.max_epochs=many", ["train.max_epochs = 'many'", "integer"]),
        ("train.max_epochs=0", ["train.max_epochs = 0", "greater than or equal to 1"]),
        ("train.min_workers=2", ["train: min_workers 2 is above num_workers 1"]),
        ("train.lora.rank=8", ["train.lora.rank = 8", "model.base = 'scratch'", "give a pretrained base"]),
        ("train.lora.targets=some", ["train.lora.targets = 'some'", "'attention' or 'all'"]),
        ("data.split.train=0.5", ["data.split", "train 0.5", "must be 1"]),
        ("serve.min_replicas=3", ["min_replicas 3", "max_replicas 2"]),
        ("model.scratch.heads=3", ["heads 3 does not divide d_model 256"]),
        ("data.format=xml", ["data.format = 'xml'", "'csv'"]),
        ("data.name=../up", ["data.name = '../up'"]),
        ("train", ["'train'", "section.key=value"]),
        ("train..x=1", ["'train..x=1'", "section.key=value"]),
        ("train.seed.deep=1", ["train.seed"]),
    ],
)
def test_an_error_names_key_value_and_what_is_allowed(override: str, parts: list[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        load(override)
    for part in parts:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("train: {max_epoch: 3}", "Did you mean train.max_epochs?"),
        ("- a\n- b\n", "holds a list"),
        ("train: {a: b", "not valid YAML"),
    ],
)
def test_an_error_names_the_file(tmp_path: Path, text: str, part: str) -> None:
    file = write(tmp_path, text)
    with pytest.raises(SettingsError) as caught:
        load(config=file)
    assert str(file) in str(caught.value)
    assert part in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"No settings file at .*nowhere\.yaml"):
        load(config=tmp_path / "nowhere.yaml")


def test_an_empty_file_means_the_defaults(tmp_path: Path) -> None:
    assert load("home=/h", config=write(tmp_path, "")) == load("home=/h")


def test_folders_come_from_home_and_home_from_the_environment() -> None:
    settings = load(ADCRAFT_HOME="/state")

    assert settings.home == "/state"
    assert settings.data.root == "/state/data"
    assert settings.train.storage == "/state/train"
    assert settings.tracking.uri == "sqlite:////state/mlflow.db"
    assert load("home=/other", ADCRAFT_HOME="/state").home == "/other"
    assert load(MLFLOW_TRACKING_URI="http://mlflow:5000").tracking.uri == "http://mlflow:5000"
    assert load("data.root=s3://bucket/data").data.root == "s3://bucket/data"


@pytest.mark.parametrize("key", ["home", "data.root", "train.storage"])
def test_a_relative_output_folder_is_refused_in_a_jobs_working_directory(
    key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    working_dir = tmp_path / "working_dir_files" / "_ray_pkg_0"
    working_dir.mkdir(parents=True)
    monkeypatch.chdir(working_dir)

    with pytest.raises(SettingsError, match=rf"{key} = 'out' is relative.*absolute"):
        load(f"{key}=out")
    load(f"{key}=/out")


def test_settings_never_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load().train.max_epochs = 3  # type: ignore[misc]


def test_the_reference_file_is_up_to_date() -> None:
    file = ROOT / "configs" / "reference.yaml"
    assert file.read_text(encoding="utf-8") == reference(), "run 'make reference'"
    assert yaml.safe_load(reference()) == Settings().model_dump(mode="json")


def test_every_setting_says_what_it_means() -> None:
    assert "description" in Settings.model_json_schema()["properties"]["home"]
    undescribed = [
        f"{section}.{key}"
        for section, schema in Settings.model_json_schema()["$defs"].items()
        for key, field in schema["properties"].items()
        if "description" not in field and "$ref" not in field
    ]
    assert not undescribed


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.name)
def test_every_shipped_file_is_accepted(file: Path) -> None:
    load(config=file)


@pytest.mark.parametrize(
    ("typed", "kept"), [("|", "|"), (",", ","), (";", ";"), ("tab", "\t"), (r"\t", "\t"), ("''", "")]
)
def test_delimiters_can_be_typed(typed: str, kept: str) -> None:
    assert load_settings(overrides=[f"data.delimiter={typed}"]).data.delimiter == kept


def test_a_sharded_model_has_no_float16() -> None:
    with pytest.raises(SettingsError, match="precision 'float16' does not go with strategy 'fsdp'"):
        load("train.strategy=fsdp", "train.precision=float16")


@pytest.mark.parametrize("override", ["data.delimiter=;;", "data.delimiter=§", "data.encoding=utf-99"])
def test_what_no_csv_has_is_refused(override: str) -> None:
    with pytest.raises(SettingsError, match=override.partition("=")[0]):
        load_settings(overrides=[override])
