"""The one tree of settings: typed, frozen, strict; read from YAML, overridden by ``key=value``.

The environment holds only addresses and secrets (``ADCRAFT_HOME``, ``MLFLOW_TRACKING_URI``,
``RAY_ADDRESS``, ``RAY_AUTH_TOKEN``). ``configs/reference.yaml`` lists every key with its default.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from adcraft.errors import SettingsError

SCRATCH = "scratch"
"""The base that has learnt nothing."""

MEANS = frozenset(
    {
        "storage",
        "threads_per_worker",
        "min_workers",
        "strategy",
        "gradient_checkpointing",
        "max_failures",
    }
)
"""Settings of training that change where and how a run computes but, beyond rounding, not what comes out."""


class Strict(BaseModel):
    """Base of all settings: unknown keys are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class SplitSettings(Strict):
    """How products are divided. The fractions add up to one."""

    train: float = Field(0.8, gt=0, lt=1, description="fraction that is learnt from")
    validation: float = Field(0.1, gt=0, lt=1, description="fraction that says when to stop")
    test: float = Field(0.1, gt=0, lt=1, description="fraction that is never looked at in training")
    seed: int = Field(13, description="another one deals the products out differently")

    @model_validator(mode="after")
    def _add_up(self) -> SplitSettings:
        total = self.train + self.validation + self.test
        if abs(total - 1) > 1e-6:
            raise ValueError(
                f"train {self.train} + validation {self.validation} + test {self.test} = {total:g}, "
                "and must be 1"
            )
        return self


class DataSettings(Strict):
    """Where the products come from, and how they become a prepared dataset."""

    source: str = Field("", description="file, folder, glob, or hf:NAME[:SPLIT] of the feed")
    format: Literal["auto", "csv", "jsonl", "parquet", "huggingface"] = Field(
        "auto", description="of the feed; auto: by its name"
    )
    encoding: str = Field("", description="of CSV and JSON Lines; empty: detected")
    delimiter: str = Field("", description="of CSV; empty: detected; 'tab' is a tab")
    columns: dict[str, str] = Field(
        default_factory=dict, description="field: column, where the usual names don't fit"
    )
    root: str = Field("", description="folder of prepared datasets; empty: <home>/data")
    name: str = Field(
        "products", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", description="of the prepared dataset"
    )
    version: str = Field("", description="of the prepared dataset; empty: the newest")
    target: str = Field("", description="column with the text to learn; empty: the ad, else the description")
    target_chars: int = Field(160, ge=20, le=2000, description="a longer target is cut at a clause")
    max_row_bytes: int = Field(262_144, ge=1024, description="a larger row is set aside")
    split: SplitSettings = SplitSettings()

    @field_validator("encoding")
    @classmethod
    def _encoding_exists(cls, name: str) -> str:
        try:
            "".encode(name or "utf-8")
        except (LookupError, UnicodeError):
            raise ValueError("Python knows no such text encoding; usual are utf-8, cp1252, utf-16") from None
        return name

    @field_validator("delimiter")
    @classmethod
    def _delimiter_is_a_character(cls, text: str) -> str:
        text = {"tab": "\t", "\\t": "\t"}.get(text, text)
        if len(text) > 1 or not text.isascii() or text in {'"', "\r", "\n"}:
            raise ValueError("must be one ASCII character that is neither a quote nor a line end, or 'tab'")
        return text


class ScratchSettings(Strict):
    """Shape of the small T5 that is trained from nothing (``model.base: scratch``)."""

    vocabulary: int = Field(4000, ge=64, le=64_000, description="pieces of the Unigram tokenizer")
    d_model: int = Field(256, ge=16, description="width")
    d_ff: int = Field(512, ge=16, description="width inside the feed-forward layers")
    heads: int = Field(4, ge=1, description="of attention; divides d_model")
    layers: int = Field(3, ge=1, description="of the encoder, and as many of the decoder")
    dropout: float = Field(0.1, ge=0, lt=1, description="fraction of activations dropped in training")

    @model_validator(mode="after")
    def _heads_divide(self) -> ScratchSettings:
        if self.d_model % self.heads:
            raise ValueError(f"heads {self.heads} does not divide d_model {self.d_model}")
        return self


class ModelSettings(Strict):
    """What is fine-tuned."""

    base: str = Field(
        SCRATCH, description="'scratch', a hub name (google-t5/t5-small), or a local checkpoint"
    )
    revision: str = Field("", description="commit or tag of a hub model; empty: its main")
    scratch: ScratchSettings = ScratchSettings()
    source_tokens: int = Field(160, ge=8, le=4096, description="that the model reads at most")
    target_tokens: int = Field(80, ge=8, le=1024, description="that the model writes at most")
    tasks: list[str] = Field(
        [], description="kinds of text to learn (headline, description, body, subject); empty: all"
    )


class LoraSettings(Strict):
    """Adapters: a few weights beside each matrix of a pretrained base are trained, not the base."""

    rank: int = Field(0, ge=0, le=1024, description="width of the adapters; 0: the whole model is trained")
    alpha: float = Field(16, gt=0, description="what the adapters add counts alpha / rank times")
    dropout: float = Field(0.0, ge=0, lt=1, description="fraction dropped of what an adapter reads")
    targets: Literal["attention", "all"] = Field(
        "all", description="matrices that get an adapter; all: those of the feed-forward layers too"
    )


class TrainSettings(Strict):
    """One training run: budget, batches, optimizer, workers."""

    max_epochs: int = Field(8, ge=1, description="passes over the training products")
    max_minutes: float = Field(0, ge=0, description="0: no limit; the schedule ends in time")
    patience: int = Field(3, ge=0, description="epochs without a better validation loss; 0: never stop")
    num_workers: int = Field(1, ge=1, description="processes that train together; sets the global batch")
    min_workers: int = Field(
        0,
        ge=0,
        description="go on with so few while a node is gone; 0: wait for all",
    )
    strategy: Literal["ddp", "fsdp"] = Field(
        "ddp", description="each worker holds the whole model, or (fsdp) a shard of what does not fit"
    )
    use_gpu: bool = Field(False, description="one GPU for each worker")
    threads_per_worker: int = Field(0, ge=0, description="torch threads; 0: the node's cores shared out")
    tokens_per_batch: int = Field(1536, ge=32, description="padded source + target tokens, per worker")
    accumulate: int = Field(1, ge=1, description="batches per optimizer step")
    learning_rate: float = Field(
        0, ge=0, description="of each matrix's own size; 0: 0.02 from scratch, 0.001 for a pretrained base"
    )
    warmup: float = Field(0.05, ge=0, lt=1, description="fraction of the run")
    weight_decay: float = Field(0.01, ge=0, description="of AdamW")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="probability given to the other tokens")
    clip_norm: float = Field(1.0, gt=0, description="largest norm of the gradient")
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="of the forward pass; auto: bfloat16 or float16 on a GPU, float32 on a CPU"
    )
    gradient_checkpointing: bool = Field(
        False, description="recompute activations: less memory, about a third more time"
    )
    compile: bool = Field(
        False, description="the training step by torch.compile; minutes at the start, see docs/training.md"
    )
    lora: LoraSettings = LoraSettings()
    max_failures: int = Field(3, ge=0, description="worker failures survived before giving up")
    keep_checkpoints: int = Field(2, ge=1, description="best ones kept on disk, beside the latest")
    samples: int = Field(8, ge=0, description="validation products generated and logged each epoch")
    seed: int = Field(7, description="of weights, order and dropout")
    storage: str = Field("", description="folder of checkpoints; empty: <home>/train")
    fresh: bool = Field(False, description="train again although this very run is already registered")

    @model_validator(mode="after")
    def _fewer_than_all(self) -> TrainSettings:
        if self.min_workers > self.num_workers:
            raise ValueError(f"min_workers {self.min_workers} is above num_workers {self.num_workers}")
        return self

    @model_validator(mode="after")
    def _sharded_numbers(self) -> TrainSettings:
        if self.strategy == "fsdp" and self.precision == "float16":
            raise ValueError("precision 'float16' does not go with strategy 'fsdp'; use 'auto' or 'bfloat16'")
        return self


class DistillSettings(Strict):
    """A smaller model that learns from a registered one."""

    model: str = Field("champion", description="alias or version of the registered model that teaches")
    decoder_layers: int = Field(
        0, ge=0, description="of the student, taken evenly from its teacher's; 0: half of them"
    )
    targets: Literal["teacher", "data"] = Field(
        "teacher",
        description="what the student learns to write: what its teacher writes, or the dataset's texts",
    )


class TrackingSettings(Strict):
    """MLflow."""

    uri: str = Field("", description="empty: MLFLOW_TRACKING_URI, else sqlite in <home>")
    experiment: str = Field("adcraft", description="that the runs are filed under")
    model: str = Field("ad_copy", pattern=r"^[A-Za-z0-9_.-]+$", description="registered model")


class EvaluateSettings(Strict):
    """Scoring on the frozen test split."""

    model: str = Field(
        "", description="alias or version to score; empty: the challenger, or the champion if there is none"
    )
    against: str = Field(
        "", description="alias or version to compare it with; empty: the champion; 'none': nothing"
    )
    rows: int = Field(0, ge=0, description="test products to score; 0: all")
    compute_type: str = Field("auto", description="of the engine: auto, float32, int8, ...")
    batch_size: int = Field(32, ge=1, description="products in one engine call")
    resamples: int = Field(1000, ge=100, le=100_000, description="of the bootstrap over products")
    confidence: float = Field(0.95, gt=0.5, lt=1, description="that an interval holds the true figure")
    seed: int = Field(17, ge=0, description="of the resamples")
    samples: int = Field(50, ge=0, description="products shown side by side in the report")
    ad_products: int = Field(
        50, ge=0, description="test products that ads are written for, to report on; 0: none"
    )
    ad_placements: list[str] = Field(["google_rsa"], description="that these ads are written for")
    fresh: bool = Field(False, description="score again although this very evaluation was done before")


class PromoteSettings(Strict):
    """When a challenger becomes champion."""

    challenger: str = Field("challenger", description="alias or version of the registered model")
    primary: str = Field("chrf", description="metric of the evaluation that must be better")
    margin: float = Field(
        0, ge=0, description="of the primary metric; the lower end of the gain's interval must be above it"
    )
    guards: dict[str, Annotated[float, Field(ge=0)]] = Field(
        default_factory=lambda: {
            "rouge_l": 0.01,
            "distinct_2": 0.02,
            "slot_accuracy": 0.01,
            "unsupported_numbers": 0.01,
        },
        description="metric: by how much it may be worse, in its own unit, beyond noise",
    )
    min_products: int = Field(
        30, ge=1, description="that must have been compared; the intervals of fewer can't be trusted"
    )
    force: bool = Field(False, description="promote whatever the figures say; it is recorded")
    by: str = Field("", description="who decides, for the record; empty: user@host")


class GenerateSettings(Strict):
    """Copy for a whole catalogue."""

    output: str = Field("", description=".csv, .jsonl or .parquet; empty: <home>/copy/<data.name>.csv")
    model: str = Field("champion", description="alias or version of the registered model")
    placement: str = Field("creative", description="where it is published, such as google_rsa")
    placements: str = Field("", description="YAML file of your own, beside those shipped")
    variants: int = Field(
        0, ge=0, le=15, description="of each asset; 0: one creative, else as many as the placement takes"
    )
    tone: str = Field("", description="one that the model knows; empty: the row's own, else any")
    length: Literal["", "short", "long"] = Field("", description="among texts of the asset's kind")
    call_to_action: Literal["", "yes", "no"] = Field("", description="empty: some texts have one")
    audience: str = Field("", description="whom the copy speaks of, such as women")
    language: str = Field("", description="tag of what texts must be in, such as en; empty: any")
    required: list[str] = Field([], description="terms that each text must have")
    banned: list[str] = Field([], description="terms that no text may have")
    seed: int = Field(0, ge=0, description="another one gives other texts")
    upload: str = Field(
        "", description="a bulk-upload file too, such as google_ads_editor, meta, microsoft; empty: none"
    )
    uploads: str = Field("", description="YAML file of your own upload formats, beside those shipped")
    link: str = Field(
        "{link}",
        description="landing page in the upload; fields of the product stand in braces, such as "
        "https://shop.example/p/{id}",
    )
    campaign: str = Field("Adcraft", description="in the upload; may have fields, such as {category}")
    ad_group: str = Field("{id} {product_name}", description="likewise")
    workers: int = Field(0, ge=0, description="engines of one thread each; 0: as many as there are CPUs")
    compute_type: str = Field("auto", description="of the engine: auto, float32, int8, ...")
    batch_size: int = Field(32, ge=1, description="products in one engine call")
    fresh: bool = Field(False, description="write again although this very file was written before")


class ServeSettings(Strict):
    """The HTTP application; ``serve_app`` reads the same keys from its Serve YAML."""

    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8000, ge=1, le=65535, description="port to listen on")
    proxy: Literal["auto", "haproxy", "default"] = Field(
        "auto",
        description="what takes requests in: HAProxy, Serve's own proxy, or HAProxy where it can be had",
    )
    alias: str = Field("champion", description="alias or version of the registered model")
    engine: Literal["auto", "ctranslate2", "torch"] = Field(
        "auto", description="that runs the model; auto is ctranslate2, torch is for what that can't run"
    )
    compute_type: str = Field("auto", description="of the engine: auto, float32, int8, ...")
    threads: int = Field(1, ge=1, description="of one replica's engine")
    min_replicas: int = Field(
        1,
        ge=0,
        description="of the generator, without load; 0: the first request waits for one to start",
    )
    max_replicas: int = Field(2, ge=1, description="of the generator, under load")
    latency_target_ms: float = Field(
        0, ge=0, description="for 95 of 100 requests, by the curve of 'serve_app capacity'; 0: none"
    )
    target_ongoing_requests: float = Field(
        0, ge=0, description="per replica; more of them start another; 0: by latency_target_ms, without it 16"
    )
    max_ongoing_requests: int = Field(
        0, ge=0, description="that a replica takes on at a time; 0: by latency_target_ms, without it 64"
    )
    max_queued_requests: int = Field(
        0, ge=0, description="that wait, more are told to come back; 0: by latency_target_ms, without it 256"
    )
    upscale_delay_s: float = Field(3, ge=0, description="of more load, until a replica is added")
    downscale_delay_s: float = Field(60, ge=0, description="of less load, until a replica is stopped")
    batch_tokens: int = Field(
        4096, ge=1, description="in one engine call, read and written at most by its prompts"
    )
    poll_s: float = Field(2, gt=0, description="between two looks at where the registry's aliases point")
    canary_percent: float = Field(
        0, ge=0, le=100, description="of products that the challenger writes about instead of the champion"
    )
    shadow_percent: float = Field(
        0, ge=0, le=100, description="of products that the challenger writes about too, for nobody to see"
    )
    cache_bytes: int = Field(
        67_108_864, ge=0, description="of answers that an ingress keeps and gives again; 0: none"
    )
    placements: str = Field("", description="YAML file of your own, beside those shipped")
    max_items: int = Field(1000, ge=1, description="products in one /batch_predict")
    max_body_bytes: int = Field(4_194_304, ge=1024, description="of one request")
    body_timeout_s: float = Field(60, gt=0, description="a request whose body takes longer is given up")
    request_timeout_s: float = Field(30, gt=0, description="an answer that takes longer is given up")
    keys: str = Field(
        "", description="file of API keys, which every request then needs; empty: <home>/keys.json, if there"
    )
    allowed_hosts: list[str] = Field(
        [], description="names of this server, beside localhost; only asked for where no key is needed"
    )
    cors_origins: list[str] = Field(
        [], description="pages that may call from a browser, such as https://shop.example; '*': all"
    )
    access_log: str = Field(
        "", description="file with a line of JSON for each request; empty: standard error, which Ray keeps"
    )
    log_texts: bool = Field(False, description="write product names and copy into the access log too")

    @field_validator("allowed_hosts")
    @classmethod
    def _hosts(cls, hosts: list[str]) -> list[str]:
        for host in hosts:
            if not re.fullmatch(r"[A-Za-z0-9._-]+", host):
                raise ValueError(f"{host!r} must be a name alone, without port, such as copy.example")
        return hosts

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, origins: list[str]) -> list[str]:
        for origin in origins:
            if origin != "*" and not re.fullmatch(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?", origin):
                raise ValueError(
                    f"{origin!r} must be scheme, host and perhaps port, such as https://shop.example, or '*'"
                )
        return origins

    @model_validator(mode="after")
    def _replicas(self) -> ServeSettings:
        if self.max_replicas < self.min_replicas:
            raise ValueError(f"max_replicas {self.max_replicas} is below min_replicas {self.min_replicas}")
        return self


class RaySettings(Strict):
    """Which Ray the jobs run on."""

    address: str = Field("", description="empty: RAY_ADDRESS, else a local Ray is started")
    num_cpus: int = Field(0, ge=0, description="logical CPUs of that local Ray; 0: the machine's")


class Settings(Strict):
    """The whole tree."""

    home: str = Field("", description="folder of everything; empty: ADCRAFT_HOME, else ~/.adcraft")
    workload: str = Field("ad_copy", description="what the model is for; the only one so far")
    data: DataSettings = DataSettings()
    model: ModelSettings = ModelSettings()
    train: TrainSettings = TrainSettings()
    distill: DistillSettings = DistillSettings()
    tracking: TrackingSettings = TrackingSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    promote: PromoteSettings = PromoteSettings()
    generate: GenerateSettings = GenerateSettings()
    serve: ServeSettings = ServeSettings()
    ray: RaySettings = RaySettings()

    @model_validator(mode="after")
    def _adapters_need_a_base(self) -> Settings:
        if self.train.lora.rank and self.model.base == SCRATCH:
            raise ValueError(
                f"train.lora.rank = {self.train.lora.rank} needs a base that has learnt something, and "
                f"model.base = {SCRATCH!r} has not; set train.lora.rank=0, or give a pretrained base"
            )
        return self


def load_settings(
    config: Path | None = None,
    overrides: Iterable[str] = (),
    environment: Mapping[str, str] = os.environ,
) -> Settings:
    """Read settings from a YAML file, apply ``a.b=c`` overrides, and fill in derived folders.

    An override's value is parsed as YAML, so ``true``, ``3`` and ``{title: Name}`` mean what they
    mean in the file. Folders that were left empty come back filled in, so the result is complete.

    Raises:
        SettingsError: the file can't be read, or a key or value is not allowed.
    """
    tree = read_yaml(config) if config else {}
    where = str(config) if config else "the settings"
    for override in overrides:
        apply_override(tree, override)
        where = f"{config or 'the settings'} with --set"
    try:
        settings = Settings.model_validate(tree)
    except ValidationError as error:
        raise SettingsError(explain(error, where)) from None
    return resolve(settings, environment)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises:
        SettingsError: there is no such file, or it holds something else.
    """
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"No settings file at {path}. Give --config an existing YAML file.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"The settings file {path} can't be read: {error}.") from None
    except yaml.YAMLError as error:
        raise SettingsError(f"The settings file {path} is not valid YAML: {error}") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise SettingsError(
            f"The settings file {path} holds a {type(tree).__name__}; it must map keys to values."
        )
    return tree


def apply_override(tree: dict[str, Any], override: str, root: type[BaseModel] = Settings) -> None:
    """Set one ``a.b=c`` in a tree that ``root`` is going to validate.

    Raises:
        SettingsError: it has another form.
    """
    key, equals, text = override.partition("=")
    parts = key.strip().split(".")
    if not equals or not all(parts):
        raise SettingsError(f"--set {override!r} is not of the form section.key=value.")
    try:
        value = yaml.safe_load(text) if text.strip() else ""
    except yaml.YAMLError:
        value = text
    field = _field_type(root, parts)
    if field is str and (not isinstance(value, str) or text.strip().startswith(("|", ">"))):
        value = text.strip()  # a name such as 2024 or "on", and the delimiter |, stay what was typed
    node = tree
    for part in parts[:-1]:
        child = node.setdefault(part, {})
        if not isinstance(child, dict):
            raise SettingsError(f"--set {override!r}: {part!r} is a value, not a section.")
        node = child
    node[parts[-1]] = value


def _field_type(root: type[BaseModel], parts: list[str]) -> Any:
    model: Any = root
    for part in parts:
        fields = getattr(model, "model_fields", {})
        if part not in fields:
            return None
        model = fields[part].annotation
    return model


def explain(error: ValidationError, where: str, root: type[BaseModel] = Settings) -> str:
    """One sentence for each fault that ``root`` found: where, the key, the value, what is allowed."""
    lines = []
    for fault in error.errors():
        path = [str(part) for part in fault["loc"]]
        key = ".".join(path)
        if fault["type"] == "extra_forbidden":
            known = _known_keys(root, path[:-1])
            close = difflib.get_close_matches(path[-1], known, n=1)
            hint = f" Did you mean {'.'.join([*path[:-1], close[0]])}?" if close else ""
            lines.append(
                f"{where}: unknown key {key} = {fault['input']!r}.{hint} "
                f"Known here: {', '.join(sorted(known))}."
            )
        else:
            message = fault["msg"].removeprefix("Value error, ")
            shown = "" if isinstance(fault["input"], dict | BaseModel) else f" = {fault['input']!r}"
            lines.append(f"{where}: {key}{shown}: {message}." if key else f"{where}: {message}.")
    return "\n".join(lines)


def _known_keys(root: type[BaseModel], path: list[str]) -> list[str]:
    model: Any = root
    for part in path:
        fields = getattr(model, "model_fields", {})
        inner = get_args(model)  # of a mapping: its values
        if part not in fields and not inner:
            return []
        model = fields[part].annotation if part in fields else inner[-1]
    return list(getattr(model, "model_fields", {}))


def resolve(settings: Settings, environment: Mapping[str, str]) -> Settings:
    """Fill in the folders and addresses that were left empty."""
    home = _output_path("home", settings.home or environment.get("ADCRAFT_HOME", "") or "~/.adcraft")
    sqlite = f"sqlite:///{home}/mlflow.db"
    return settings.model_copy(
        update={
            "home": home,
            "data": settings.data.model_copy(
                update={"root": _output_path("data.root", settings.data.root or f"{home}/data")}
            ),
            "train": settings.train.model_copy(
                update={"storage": _output_path("train.storage", settings.train.storage or f"{home}/train")}
            ),
            "generate": settings.generate.model_copy(
                update={
                    "output": _output_path(
                        "generate.output", settings.generate.output or f"{home}/copy/{settings.data.name}.csv"
                    )
                }
            ),
            "tracking": settings.tracking.model_copy(
                update={"uri": settings.tracking.uri or environment.get("MLFLOW_TRACKING_URI", "") or sqlite}
            ),
        }
    )


def _output_path(key: str, path: str) -> str:
    if "://" in path:
        return path
    absolute = str(Path(path).expanduser().absolute())
    if f"{os.sep}working_dir_files{os.sep}" in absolute:
        raise SettingsError(
            f"{key} = {path!r} is relative, and this job runs in a temporary working directory that is "
            "deleted after it. Set an absolute path that every node sees."
        )
    return absolute
