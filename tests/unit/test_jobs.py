"""What a followed job shows, and what its line of JSON means."""

from __future__ import annotations

import pytest

from adcraft.errors import AdcraftError, FeedError
from cluster.jobs import is_rays_own, result_line

RAYS = [
    "2026-11-21 08:32:25,616\tINFO dataset.py:6884 -- Data sink Parquet finished.",
    "[2026-11-21 08:33:10,868 E 1179 1179] core_worker.cc:2465: Actor with class name",
    "INFO 2026-11-21 08:33:29,555 serve 2143 -- Started Serve in namespace",
    "\x1b[33m(raylet)\x1b[0m WARNING: 8 PYTHON worker processes have been started",
    "(raylet) WARNING: 8 PYTHON worker processes",
    "Running entrypoint for job raysubmit_1: python -m ray_jobs train",
    "Writing model shards: 100%|###| 1/1 [00:00<00:00, 680.01it/s]",
]
OURS = [
    "08:32:14 INFO cluster.session: connecting to Ray at 127.0.0.1:24846",
    "Dataset version 48e59a616b05b7df (ad_copy)",
    "    in          300",
    "Traceback (most recent call last):",
    "ValueError: (x) 2026-01-01",
]


@pytest.mark.parametrize("line", RAYS)
def test_rays_own_lines_are_not_shown(line: str) -> None:
    assert is_rays_own(line)


@pytest.mark.parametrize("line", OURS)
def test_a_stages_lines_are_shown(line: str) -> None:
    assert not is_rays_own(line)


def test_a_result_is_found_among_other_lines() -> None:
    lines = ["08:00:00 INFO x", '{"stage": "train", "ok": true, "model_version": "1"}', "late"]
    found = result_line(lines, "train")
    assert found
    assert found["model_version"] == "1"
    assert result_line(lines, "prepare") is None
    assert result_line([], "train") is None


def test_a_failed_result_raises_what_its_code_stands_for() -> None:
    with pytest.raises(FeedError, match=r"prepare: No rows\."):
        result_line(['{"stage": "prepare", "ok": false, "exit_code": 3, "error": "No rows."}'], "prepare")
    with pytest.raises(AdcraftError):
        result_line(['{"stage": "prepare", "ok": false, "exit_code": 77, "error": "?"}'], "prepare")
