"""What every benchmark ends with: a table, and ``benchmarks/results/<name>.json``."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from adcraft.tracking.provenance import commit

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Entry:
    """One line of the table.

    Attributes:
        claim: what ``value`` is.
        value: the median over the rounds.
        goal: what ``value`` is held against, or None where it is only reported.
        met: whether it meets the goal.
        rounds: how often it was measured.
        peers: the figures that ``value`` was made from, each with its name.
    """

    claim: str
    value: float
    goal: float | None
    met: bool | None
    rounds: int
    peers: Mapping[str, float] = field(default_factory=dict)


def write_report(name: str, entries: Sequence[Entry], details: Mapping[str, Any] | None = None) -> Path:
    """Print ``entries`` as a table and write them, with machine, commit and ``details``; returns the file."""
    table = Table(title=f"{name} on {_machine()['cpu']}, {_machine()['cores']} cores", title_justify="left")
    for column in ("claim", "value", "goal", "met", "rounds", "peers"):
        table.add_column(column, justify="right" if column in ("value", "goal", "rounds") else "left")
    for entry in entries:
        table.add_row(
            entry.claim,
            _figure(entry.value),
            "" if entry.goal is None else _figure(entry.goal),
            {True: "yes", False: "NO", None: ""}[entry.met],
            str(entry.rounds),
            ", ".join(f"{peer} {_figure(value)}" for peer, value in entry.peers.items()),
        )
    Console(width=None if os.isatty(1) else 160).print(table)
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{name}.json"
    content = {
        "machine": _machine(),
        "commit": _commit(),
        "entries": [{**asdict(entry), "peers": dict(entry.peers)} for entry in entries],
        **(details or {}),
    }
    file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return file


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _machine() -> dict[str, str | int | float]:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    vector = next((flag for flag in ("avx512f", "avx2", "avx") if flag in flags), "")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cpu": models[0] if models else platform.processor() or platform.machine(),
        "vector": vector,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def _commit() -> str:
    """The commit in short, with ``+`` where files differ from it; "" outside a checkout."""
    head, changed, _ = commit().partition("+")
    return head[:12] + changed
