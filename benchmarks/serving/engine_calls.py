"""How many prompts the application's engines answered, in how many calls, as its own metrics tell."""

from __future__ import annotations

import time
import urllib.request
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from adcraft.metric_names import BATCH_PROMPTS
from benchmarks.serving.client import HOST
from benchmarks.serving.processes import Server
from serve_app.heart import BEAT_S

_ANSWER_S = 30.0


@dataclass(frozen=True)
class EngineCalls:
    """Since the application's start."""

    prompts: float
    calls: float


def engine_calls(server: Server) -> EngineCalls:
    """Of all generators, after each has had time to tell."""
    time.sleep(2 * BEAT_S)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://{HOST}:{server.port}/metrics", timeout=_ANSWER_S) as answer:
        return parse(answer.read().decode())


def parse(text: str) -> EngineCalls:
    """From Prometheus's text."""
    found = {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.labels
    }
    return EngineCalls(found[f"{BATCH_PROMPTS.name}_sum"], found[f"{BATCH_PROMPTS.name}_count"])
