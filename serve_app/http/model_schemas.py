"""What ``/models`` answers: which models there are, who has them, and what went wrong with others."""

from __future__ import annotations

from pydantic import BaseModel, Field

from serve_app.http.schemas import Model, RefusedVersion


class ServedModel(BaseModel):
    """A version that a request can ask for."""

    model: Model
    loaded_in: int = Field(description="generators that have it in memory")
    answers_in: int = Field(description="generators where it answers requests that name no model")


class RefusedModel(RefusedVersion):
    """Likewise, and how many generators could not."""

    generators: int


class RegistryState(BaseModel):
    """Whether the registry answers. While it does not, models stay as they are."""

    reachable: bool
    fault: str | None


class Traffic(BaseModel):
    """What the challenger gets."""

    canary_percent: float
    shadow_percent: float


class Models(BaseModel):
    """The models of the application."""

    models: list[ServedModel]
    refused: list[RefusedModel]
    registry: RegistryState
    traffic: Traffic
