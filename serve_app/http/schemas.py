"""What is sent and what is answered over HTTP."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from adcraft.ad_copy.copywriting.brief import ONE_CREATIVE, PLAIN, Brief
from adcraft.data.values import VALUE_OF_KIND, cell_text, flatten
from adcraft.registry import ModelVersion
from adcraft.workload import Record
from serve_app.http.faults import REFUSED, show

MAX_VARIANTS = 15
_MAX_KEYS = 100
_HIGHEST_PRICE = 1_000_000_000_000
_PRICE_RULE = "must be a number, or text such as €24.90"


def _text(value: object) -> str | None:
    if not isinstance(value, str | None):
        raise _refusal("must be text", value)
    return cell_text(value)


def _required_text(value: object) -> str:
    text = _text(value)
    if text is None:
        raise PydanticCustomError(REFUSED, "is empty")
    return text


def _price(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float | None):
        raise _refusal(_PRICE_RULE, value)
    if isinstance(value, int | float) and not 0 <= value <= _HIGHEST_PRICE:
        raise _refusal(f"must be between 0 and {_HIGHEST_PRICE}", value)
    text = cell_text(flatten(value))
    if text is None:
        return None
    price = VALUE_OF_KIND["price"](text)
    if price is None:
        raise _refusal(_PRICE_RULE, value)
    return price


def _attributes(value: object) -> str | None:
    if not isinstance(value, str | list | dict | None):
        raise _refusal("must be text, a list, or an object", value)
    return cell_text(flatten(value))


def _refusal(rule: str, value: object) -> PydanticCustomError:
    return PydanticCustomError(REFUSED, "{rule}, and is {value}", {"rule": rule, "value": show(value)})


_Name = Annotated[str, Field(min_length=1), BeforeValidator(_required_text, json_schema_input_type=str)]
_Text = Annotated[str | None, BeforeValidator(_text, json_schema_input_type=str | None)]
_Price = Annotated[str | None, BeforeValidator(_price, json_schema_input_type=str | float | None)]
_Attributes = Annotated[
    str | None,
    BeforeValidator(_attributes, json_schema_input_type=str | list[Any] | dict[str, Any] | None),
]


class Strict(BaseModel):
    """Base of all that comes in: unknown keys are refused, ``"5"`` is no number."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _few_keys(cls, value: Any) -> Any:
        """A fault for each of 400,000 unknown keys would take seconds and half a gigabyte."""
        if isinstance(value, dict) and len(value) > _MAX_KEYS:
            counts = {"keys": f"{len(value):,}", "known": len(cls.model_fields)}
            raise PydanticCustomError(REFUSED, "has {keys} keys, and {known} are known", counts)
        return value


_RECORD = {
    "product_name", "brand", "category", "gender", "color", "material", "price", "attributes", "description",
}  # fmt: skip
_Terms = Annotated[list[_Name], Field(max_length=20)]


class Product(Strict):
    """One product to write about, and what is wanted of its copy."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"brand": "Nike", "product_name": "Running Shoes"}]}
    )

    product_name: _Name = Field(max_length=300)
    brand: _Text = Field(None, max_length=100)
    category: _Text = Field(None, max_length=300)
    gender: _Text = Field(None, max_length=100)
    color: _Text = Field(None, max_length=100)
    material: _Text = Field(None, max_length=300)
    price: _Price = Field(None, max_length=40, description="a number, or text with its currency")
    tone: _Text = Field(None, max_length=100)
    attributes: _Attributes = Field(None, max_length=5000)
    description: _Text = Field(None, max_length=5000)
    placement: str = Field(PLAIN, max_length=100, description="where it is published, such as google_rsa")
    variants: int | None = Field(
        None,
        ge=1,
        le=MAX_VARIANTS,
        description="of each asset, best first; null: one creative, else as many as the placement takes",
    )
    length: Literal["short", "long"] | None = Field(None, description="among texts of the asset's kind")
    audience: _Text = Field(None, max_length=100, description="whom the copy speaks of, such as women")
    call_to_action: bool | None = Field(None, description="whether texts have one; null: some have")
    language: _Text = Field(None, max_length=35, description="tag of what texts must be in, such as en")
    required: _Terms = Field([], description="terms that each text must have")
    banned: _Terms = Field([], description="terms that no text may have")
    seed: int = Field(0, ge=0, le=2**31 - 1, description="another one gives other texts")
    explain: bool = Field(False, description="show the parts of each score, and what was refused and why")

    def record(self) -> Record:
        """The product as the workload knows it."""
        return self.model_dump(include=_RECORD)

    def brief(self) -> Brief:
        """What is wanted."""
        return Brief(
            placement=self.placement,
            variants=self.variants or (ONE_CREATIVE.variants if self.placement == PLAIN else 0),
            tone=self.tone or "",
            length=self.length or "",
            action=self.call_to_action,
            audience=self.audience or "",
            language=self.language or "",
            required=tuple(self.required),
            banned=tuple(self.banned),
            seed=self.seed,
        )


_RawProduct = Annotated[Any, WithJsonSchema({"$ref": "#/components/schemas/Product"})]


class Batch(Strict):
    """Many products. Each is checked on its own, so that one fault fails one product."""

    items: list[_RawProduct] = Field(min_length=1)


class Model(BaseModel):
    """Where an answer comes from: the registered model's version, its run, and its data."""

    model_config = ConfigDict(frozen=True)

    name: str
    version: str
    alias: str | None
    run_name: str
    run_id: str
    artifact_uri: str
    dataset_version: str


def model_of(version: ModelVersion, alias: str | None) -> Model:
    """A version as it is answered."""
    return Model(
        name=version.name,
        version=version.version,
        alias=None if alias is None or alias.isdecimal() else alias,
        run_name=version.run_name,
        run_id=version.run_id,
        artifact_uri=version.artifact_uri,
        dataset_version=version.dataset_version,
    )


class AssetText(BaseModel):
    """One text of an asset."""

    text: str
    characters: int = Field(description="as the platform counts them")
    shown_whole: bool = Field(description="false: the platform takes it and shows it cut off")
    safe: bool = Field(description="a template's, since no text of the model's could be published")
    score: float | None = Field(description="from 0 to 1; null: the model has not written it")
    parts: dict[str, float] | None = Field(None, description="of the score, where they were asked for")


class Refusal(BaseModel):
    """A text of the model that can't be published, one of its faults, and where it is."""

    text: str
    rule: str
    start: int
    end: int
    why: str


class Answer(BaseModel):
    """Copy for one product."""

    creative: str = Field(description="the best text of the asset that has most room")
    brand: str | None
    product_name: str
    variants: list[str] = Field(description="all texts of that asset, best first")
    placement: str
    assets: dict[str, list[AssetText]] = Field(description="of the placement, with their texts")
    refused: dict[str, list[Refusal]] | None = Field(None, description="by asset, where they were asked for")
    model: Model


class Fault(BaseModel):
    """Why there is no answer."""

    code: str = Field(description="stable; for programs")
    message: str = Field(description="for people")
    request_id: str


class ErrorBody(BaseModel):
    """The shape of every error."""

    error: Fault


class Indexed(BaseModel):
    """The place of an item in its batch, from 0."""

    index: int


class ItemAnswer(Answer, Indexed):
    """Copy for one item of a batch."""


class ItemError(ErrorBody, Indexed):
    """Why one item of a batch has no copy."""


class BatchAnswer(BaseModel):
    """One result for each item, in the order they were sent."""

    results: list[ItemAnswer | ItemError]
    succeeded: int
    failed: int


class Health(BaseModel):
    """The process that answers HTTP is alive."""

    status: str = "ok"


class Ready(BaseModel):
    """At least one generator answers."""

    status: str = "ready"
    model: Model


class EngineInfo(BaseModel):
    """How a generator computes."""

    compute_type: str
    threads: int
    batch_tokens: int
    load_s: float = Field(description="from its files to its first text")


class TrainedInfo(BaseModel):
    """How the model came to be."""

    workload: str
    base: str
    metrics: dict[str, float]
    tasks: list[str] = Field(description="kinds of text that it writes; others are templates")
    tones: list[str] = Field(description="that a request may ask for; none: any, but it knows none")


class RefusedVersion(BaseModel):
    """A version that a generator was to use and could not. It went on with the one before."""

    version: str
    reason: str
    at: str = Field(description="UTC, ISO 8601")


class Limits(BaseModel):
    """What one request may ask for."""

    max_items: int
    max_body_bytes: int
    max_variants: int = MAX_VARIANTS
    request_timeout_s: float


class Info(BaseModel):
    """What runs here."""

    model: Model
    engine: EngineInfo
    trained: TrainedInfo
    placements: list[str] = Field(description="that a request may name")
    refused: RefusedVersion | None = Field(description="a model that was to take this one's place")
    limits: Limits
    versions: dict[str, str]
