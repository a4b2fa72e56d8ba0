"""``serve deploy`` on a Ray that runs: the seconds to the first answer."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from benchmarks.serving.asking import Asked
from benchmarks.serving.bench_model import BenchModel
from benchmarks.serving.processes import first_answer
from cluster.leash import ROOT
from cluster.local import local_head
from cluster.ports import free_port

_SHIPPED = ROOT / "serve_app" / "serve.local.yaml"


def deploy_s(model: BenchModel, asked: Asked, own_settings: Sequence[str]) -> float:
    """Seconds from the command's start to the first copy, by the YAML that is shipped."""
    port = free_port()
    with local_head() as head, tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "serve.yaml"
        config.write_text(yaml.safe_dump(deployed(model, port, own_settings)), encoding="utf-8")
        started = time.perf_counter()
        command = [str(Path(sys.executable).with_name("serve")), "deploy", str(config)]
        subprocess.run(command, check=True, cwd=ROOT, env=dict(head.environment), stdout=sys.stderr)
        return first_answer(port, "/predict", asked.body, started)


def deployed(model: BenchModel, port: int, own_settings: Sequence[str]) -> dict[str, Any]:
    """The shipped YAML, with this model, this port and these settings of the application."""
    tree: dict[str, Any] = yaml.safe_load(_SHIPPED.read_text(encoding="utf-8"))
    tree["http_options"]["port"] = port
    args = tree["applications"][0]["args"]
    args["home"], args["tracking"]["uri"] = str(model.home), model.tracking_uri
    for setting in own_settings:
        key, _, value = setting.partition("=")
        section, _, name = key.partition(".")
        if section == "serve":
            args["serve"][name] = yaml.safe_load(value)
    return tree
