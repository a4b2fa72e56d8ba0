"""Every metric of ours: name, labels and buckets. Server, jobs, dashboards and alerts take them from here.

A label has few values, whatever is sold: never one for each product, path or key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]

OTHER = "other"
"""The label value of whatever has none of its own."""


@dataclass(frozen=True)
class Label:
    """One label.

    Attributes:
        name: of the label.
        values: that it may have, ``OTHER`` beside them; none given: a few that are known only while running.
    """

    name: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes:
        name: ``adcraft_<thing>_<unit>``, with ``_total`` if it is a counter. Ray puts ``ray_`` before it.
        kind: of Prometheus.
        unit: of the values.
        description: for people.
        labels: in the order in which their values are kept.
        buckets: upper bounds of a histogram's, rising, without infinity.
    """

    name: str
    kind: Kind
    unit: str
    description: str
    labels: tuple[Label, ...] = ()
    buckets: tuple[float, ...] = ()


def _rising(first: float, factor: float, last: float) -> tuple[float, ...]:
    """Bounds that grow by a factor, to two digits, until ``last`` is reached."""
    bounds, bound = [], first
    while bound < last:
        bounds.append(float(f"{bound:.2g}"))
        bound *= factor
    return (*bounds, last)


SECONDS = _rising(0.0005, 1.4, 60.0)
"""A percentile that is read from these is off by less than half of itself, however long requests take."""

_PROMPTS = (1.0, 2.0, 4.0, 8.0, 12.0, 16.0, 24.0, 32.0, 48.0, 64.0, 96.0, 128.0, 256.0)
_TOKENS = tuple(float(2**power) for power in range(4, 17))

_MODEL_VERSION = Label("model_version")
_ROLE = Label("role", ("champion", "challenger", "pinned"))

# --- HTTP -----------------------------------------------------------------------------------------

HTTP_REQUESTS = Metric(
    "adcraft_http_requests_total",
    "counter",
    "requests",
    "Requests that were answered, by the route's template; status is 'none' where the client had gone.",
    (
        Label("route"),
        Label("method", ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")),
        Label("status"),
    ),
)
HTTP_REQUEST_SECONDS = Metric(
    "adcraft_http_request_seconds",
    "histogram",
    "seconds",
    "From the request's first byte in the ingress to the last of its answer.",
    (Label("route"),),
    SECONDS,
)
ITEMS = Metric(
    "adcraft_items_total",
    "counter",
    "items",
    "Products that were asked about, alone or in a batch, by 'ok' or the code of their error.",
    (Label("outcome"),),
)
PREDICTION_SECONDS = Metric(
    "adcraft_prediction_seconds",
    "histogram",
    "seconds",
    "From a call of the generators to their reply, queue and engine included.",
    (_MODEL_VERSION,),
    SECONDS,
)
REFUSED_REQUESTS = Metric(
    "adcraft_refused_requests_total",
    "counter",
    "requests",
    "Requests that were told to come back, since too much was going on.",
    (
        Label("reason", ("queue_full", "batch_share", "timeout")),
        Label("priority", ("interactive", "batch")),
    ),
)
CACHE_LOOKUPS = Metric(
    "adcraft_cache_lookups_total",
    "counter",
    "lookups",
    "Looks into the cache of answers.",
    (Label("outcome", ("hit", "miss")),),
)

# --- Engine ---------------------------------------------------------------------------------------

INPUT_TOKENS = Metric(
    "adcraft_input_tokens_total", "counter", "tokens", "Tokens that models read.", (_MODEL_VERSION,)
)
OUTPUT_TOKENS = Metric(
    "adcraft_output_tokens_total", "counter", "tokens", "Tokens that models wrote.", (_MODEL_VERSION,)
)
BATCH_PROMPTS = Metric(
    "adcraft_engine_batch_prompts", "histogram", "prompts", "Prompts in one engine call.", (), _PROMPTS
)
BATCH_TOKENS = Metric(
    "adcraft_engine_batch_tokens", "histogram", "tokens", "Tokens read in one engine call.", (), _TOKENS
)
BATCH_WAIT_SECONDS = Metric(
    "adcraft_engine_wait_seconds", "histogram", "seconds", "From the queue to the engine.", (), SECONDS
)
ENGINE_BUSY_SECONDS = Metric(
    "adcraft_engine_busy_seconds_total", "counter", "seconds", "Time within engine calls."
)
QUEUE_PROMPTS = Metric(
    "adcraft_engine_queue_prompts", "gauge", "prompts", "Prompts that wait for the engine now."
)

# --- Models ---------------------------------------------------------------------------------------

MODEL_INFO = Metric(
    "adcraft_model_info", "gauge", "", "1 for each model that is in use.", (_MODEL_VERSION, _ROLE)
)
MODEL_SWAPS = Metric(
    "adcraft_model_swaps_total",
    "counter",
    "swaps",
    "Models that were to take the place of another while it ran.",
    (Label("outcome", ("ok", "failed", "rolled_back")),),
)
REGISTRY_REACHABLE = Metric(
    "adcraft_registry_reachable", "gauge", "", "Whether the last look into the registry succeeded: 1 or 0."
)
CANARY_REQUESTS = Metric(
    "adcraft_canary_requests_total",
    "counter",
    "requests",
    "Requests by the role of the model that was to answer.",
    (_ROLE,),
)
SHADOW_COMPARISONS = Metric(
    "adcraft_shadow_comparisons_total",
    "counter",
    "comparisons",
    "Requests that the challenger answered too, unseen, by whether it wrote the same.",
    (Label("outcome", ("same", "different", "failed")),),
)

# --- Copy -----------------------------------------------------------------------------------------

CANDIDATES = Metric(
    "adcraft_candidates_total",
    "counter",
    "texts",
    "Different texts that models wrote, by the guardrails' verdict.",
    (Label("verdict", ("passed", "refused")),),
)
GUARDRAIL_VERDICTS = Metric(
    "adcraft_guardrail_verdicts_total",
    "counter",
    "texts",
    "Texts that were refused, by each rule that they broke.",
    (Label("rule"),),
)
SAFE_TEXTS = Metric(
    "adcraft_safe_texts_total",
    "counter",
    "texts",
    "Texts of a template that were given out, since none of the model's was left.",
)

# --- Application ----------------------------------------------------------------------------------

REPLICAS = Metric(
    "adcraft_replicas", "gauge", "", "Replicas that were heard of just now.", (Label("deployment"),)
)

# --- Jobs -----------------------------------------------------------------------------------------

PREPARE_ROWS = Metric(
    "adcraft_prepare_rows_total",
    "counter",
    "rows",
    "Rows of feeds, by what became of them.",
    (Label("outcome", ("kept", "rejected", "duplicate")),),
)
TRAINING_LOSS = Metric(
    "adcraft_training_loss_nats",
    "gauge",
    "nats",
    "Loss per target token: of the last steps, and of the last epoch's validation.",
    (Label("split", ("train", "validation")),),
)
TRAINING_SPEED = Metric(
    "adcraft_training_tokens_per_second",
    "gauge",
    "tokens per second",
    "Source and target tokens that all workers learn from.",
)
TRAINING_EPOCH = Metric("adcraft_training_epochs", "gauge", "epochs", "Epochs that are over.")
TRAINING_STEP = Metric("adcraft_training_steps", "gauge", "steps", "Optimizer steps that were made.")
SWEEP_TRIALS = Metric(
    "adcraft_sweep_trials",
    "gauge",
    "trials",
    "Trials of the running sweep; pending are those that wait for their turn, or for others.",
    (Label("state", ("pending", "running", "finished", "stopped", "failed")),),
)

SERVED: tuple[Metric, ...] = (
    HTTP_REQUESTS, HTTP_REQUEST_SECONDS, ITEMS, PREDICTION_SECONDS, REFUSED_REQUESTS, CACHE_LOOKUPS,
    INPUT_TOKENS, OUTPUT_TOKENS, BATCH_PROMPTS, BATCH_TOKENS, BATCH_WAIT_SECONDS, ENGINE_BUSY_SECONDS,
    QUEUE_PROMPTS, MODEL_INFO, MODEL_SWAPS, REGISTRY_REACHABLE, CANARY_REQUESTS, SHADOW_COMPARISONS,
    CANDIDATES, GUARDRAIL_VERDICTS, SAFE_TEXTS, REPLICAS,
)  # fmt: skip
"""What the HTTP application has, and its /metrics shows."""

JOBS: tuple[Metric, ...] = (
    PREPARE_ROWS, TRAINING_LOSS, TRAINING_SPEED, TRAINING_EPOCH, TRAINING_STEP, SWEEP_TRIALS,
)  # fmt: skip
"""What jobs have."""

ALL: tuple[Metric, ...] = (*SERVED, *JOBS)
