"""What is answered about the application as a whole: numbers, and the latest requests."""

from __future__ import annotations

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

MOST_LOGS = 500
_WITHIN = (
    "milliseconds, read from a histogram: right within its bucket, whose bounds are a factor of 1.5 apart"
)


class Latency(BaseModel):
    """How long something took. Null: it has not happened yet."""

    count: int
    mean_ms: float | None
    p50_ms: float | None = Field(description=_WITHIN)
    p95_ms: float | None = Field(description=_WITHIN)
    p99_ms: float | None = Field(description=_WITHIN)


class RouteStats(BaseModel):
    """Requests of one route."""

    route: str = Field(description="template of the path; 'other': there is nothing there")
    requests: int
    by_status: dict[str, int] = Field(description="'none': the client had gone")
    latency: Latency


class ModelStats(BaseModel):
    """What one version of the model did."""

    model_version: str
    roles: list[str] = Field(description="that it has now; none: it is not in use any more")
    input_tokens: int
    output_tokens: int
    latency: Latency = Field(description="from a call of the generators to their reply, queue included")


class EngineStats(BaseModel):
    """All engines together."""

    batches: int
    mean_batch_prompts: float | None
    mean_batch_tokens: float | None
    wait: Latency = Field(description="of prompts, from the queue to the engine")
    queue_prompts: int = Field(description="that wait now")
    busy_s: float = Field(description="within calls of engines, since the start")
    busy_share: float | None = Field(description="of the last minute, of all generators that there are")
    output_tokens_per_s: float = Field(description="over the last minute")
    output_tokens_per_busy_s: float | None = Field(description="while engines worked, since the start")


class CacheStats(BaseModel):
    """The cache of answers."""

    hits: int
    misses: int
    hit_share: float | None


class GuardrailStats(BaseModel):
    """What the guardrails said of texts that models wrote."""

    passed: int
    refused: int
    by_rule: dict[str, int] = Field(description="a text may break several rules")
    safe_texts: int = Field(description="of templates, given out since none of the model's was left")


class Refusals(BaseModel):
    """Requests of one priority that were told to come back, by reason."""

    interactive: dict[str, int]
    batch: dict[str, int]


class Stats(BaseModel):
    """What the whole application did since its control replica started."""

    since: AwareDatetime
    uptime_s: float
    requests: int
    requests_per_s: float = Field(description="over the last minute")
    by_status: dict[str, int]
    routes: list[RouteStats]
    items: dict[str, int] = Field(description="products asked about, by 'ok' or the code of their error")
    models: list[ModelStats]
    engine: EngineStats
    cache: CacheStats
    guardrails: GuardrailStats
    refusals: Refusals
    swaps: dict[str, int] = Field(description="by outcome")
    canary: dict[str, int] = Field(description="requests by the role of the model that was to answer")
    shadow: dict[str, int] = Field(description="requests that the challenger answered too, by its answer")
    registry_reachable: bool | None = Field(description="when it was last asked; null: it was not yet")
    replicas: dict[str, int] = Field(description="heard of just now, by deployment")


class LogEntry(BaseModel):
    """One request, as in the access log."""

    time: AwareDatetime
    request_id: str
    key_id: str | None
    method: str
    path: str
    status: int | None = Field(description="null: the client had gone")
    ms: float
    model_version: str | None = Field(description="of a batch, all, with commas between them")
    items: int | None
    texts: list[dict[str, str]] | None = Field(None, description="if serve.log_texts is set")


class LogQuery(BaseModel):
    """Which requests are wanted."""

    model_config = ConfigDict(frozen=True)

    limit: int = Field(100, ge=1, le=MOST_LOGS, description="so many, the latest first")
    status: int | None = Field(None, ge=100, le=599, description="of this status alone")
    min_ms: float = Field(0, ge=0, allow_inf_nan=False, description="that took so long, or longer")
    model_version: str | None = Field(
        None, max_length=100, description="answered by this version of the model, alone or among others"
    )

    def fits(self, entry: LogEntry) -> bool:
        """Whether a request is wanted."""
        return (
            self.status in {None, entry.status}
            and entry.ms >= self.min_ms
            and (self.model_version is None or self.model_version in (entry.model_version or "").split(","))
        )


class Logs(BaseModel):
    """The latest requests."""

    entries: list[LogEntry]
    kept: int = Field(description="requests that were looked through")
