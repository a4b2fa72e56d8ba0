"""What the deployments say to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from adcraft.ad_copy.copywriting.ad import Ad
from adcraft.ad_copy.copywriting.brief import ONE_CREATIVE, Brief
from adcraft.registry import ModelVersion
from adcraft.workload import Record
from serve_app.counting.meter import Delta
from serve_app.http.schemas import EngineInfo, Model, TrainedInfo


@dataclass(frozen=True)
class Job:
    """One record to write about, and what is wanted.

    Attributes:
        record: the product.
        brief: what is wanted.
        model: alias or version that is to write; empty: whichever answers by itself.
        pinned: no other may write in its place.
        key: jobs of one key are written by one model, as long as aliases and shares stay.
        urgent: somebody waits for this one, and not for a batch.
    """

    record: Record
    brief: Brief = ONE_CREATIVE
    model: str = ""
    pinned: bool = False
    key: str = ""
    urgent: bool = True


@dataclass(frozen=True)
class Failure:
    """Why there is no text for a job, and the status of a request that had but this job."""

    code: str
    message: str
    status: int = 500


@dataclass(frozen=True)
class Outcome:
    """What came of a job, and the model that it comes from."""

    model: Model
    result: Ad | Failure


@dataclass(frozen=True)
class Assignment:
    """Which models are to answer, as the registry has it.

    Attributes:
        serial: another one after each change.
        versions: by alias, the one that answers by itself (``serve.alias``) first; of aliases that point
            nowhere there is none.
        fallback: the last one that a generator has answered with, for when the first can't be loaded.
        fault: why the registry is not as it should be; empty: it answered.
    """

    serial: int
    versions: Mapping[str, ModelVersion]
    fallback: ModelVersion | None = None
    fault: str = ""


@dataclass(frozen=True)
class SwapFault:
    """A version that a generator was to load, and why it has not."""

    version: str
    reason: str
    at: str


@dataclass(frozen=True)
class Shelf:
    """What a generator has in memory.

    Attributes:
        answering: version that answers by itself.
        loaded: versions that can be asked for.
        fault: of the last swap; None: it succeeded.
    """

    answering: str
    loaded: tuple[str, ...]
    fault: SwapFault | None = None


@dataclass(frozen=True)
class Beat:
    """What a replica tells the control replica every second.

    Attributes:
        deployment: whose replica it is.
        replica: its id.
        delta: what it counted since the last beat; None: nothing yet.
        shelf: of a generator; None: it is none, or has loaded nothing yet.
    """

    deployment: str
    replica: str
    delta: Delta | None = None
    shelf: Shelf | None = None


@dataclass(frozen=True)
class GeneratorInfo:
    """What a generator replica runs."""

    model: Model
    engine: EngineInfo
    trained: TrainedInfo
    placements: list[str]
    shelf: Shelf = field(default_factory=lambda: Shelf("", ()))
