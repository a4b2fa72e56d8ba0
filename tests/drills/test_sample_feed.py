"""A sample feed of 300,000 rows takes no more memory than a small one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.drill,
    pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in KiB on Linux"),
]

_MEASURE = """
import json, resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(json.dumps(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
"""


def highest_memory_mib(rows: int, file: Path) -> float:
    command = [sys.executable, "-m", "ray_jobs", "sample", "--rows", str(rows), "--output", str(file)]
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, *command], check=True, stdout=subprocess.PIPE, text=True
    )
    return float(json.loads(done.stdout)) / 1024


def test_many_rows_in_flat_memory(tmp_path: Path) -> None:
    few = highest_memory_mib(10_000, tmp_path / "few.csv")
    many = highest_memory_mib(300_000, tmp_path / "many.csv")
    print(f"10,000 rows: {few:.0f} MiB; 300,000 rows: {many:.0f} MiB")
    with (tmp_path / "many.csv").open(encoding="utf-8") as file:
        assert sum(1 for _ in file) == 300_001
    assert many < 1.2 * few
