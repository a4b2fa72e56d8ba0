"""What ingress and generator say to each other."""

from __future__ import annotations

from dataclasses import dataclass

from adcraft.inference.generator import Generation
from adcraft.workload import Record
from serve_app.schemas import EngineInfo, Model, TrainedInfo


@dataclass(frozen=True)
class Job:
    """One record to write about, and how many texts to write."""

    record: Record
    variants: int = 1


@dataclass(frozen=True)
class Failure:
    """Why there is no text for a job."""

    code: str
    message: str


@dataclass(frozen=True)
class Reply:
    """An outcome for each job, in order, and the model that all of them come from."""

    model: Model
    outcomes: tuple[Generation | Failure, ...]


@dataclass(frozen=True)
class GeneratorInfo:
    """What a generator replica runs."""

    model: Model
    engine: EngineInfo
    trained: TrainedInfo
