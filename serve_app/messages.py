"""What ingress and generator say to each other."""

from __future__ import annotations

from dataclasses import dataclass

from adcraft.ad_copy.copywriting.ad import Ad
from adcraft.ad_copy.copywriting.brief import ONE_CREATIVE, Brief
from adcraft.workload import Record
from serve_app.schemas import EngineInfo, Model, TrainedInfo


@dataclass(frozen=True)
class Job:
    """One record to write about, and what is wanted."""

    record: Record
    brief: Brief = ONE_CREATIVE


@dataclass(frozen=True)
class Failure:
    """Why there is no text for a job, and the status of a request that had but this job."""

    code: str
    message: str
    status: int = 500


@dataclass(frozen=True)
class Reply:
    """An outcome for each job, in order, and the model that all of them come from."""

    model: Model
    outcomes: tuple[Ad | Failure, ...]


@dataclass(frozen=True)
class GeneratorInfo:
    """What a generator replica runs."""

    model: Model
    engine: EngineInfo
    trained: TrainedInfo
    placements: list[str]
