"""What the Ray jobs of a cluster run: the same commands as anywhere else.

Ray hands an entry point to a shell, in the folder of the project. ADCRAFT_HOME, MLFLOW_TRACKING_URI and
ADCRAFT_FEED (the feed's file) stand in the environment of the nodes.
"""

from __future__ import annotations

from cluster.kuberay.release import Device

PIPELINE = "pipeline"
"""What the RayCronJob runs; the others are RayJobs."""

_FEED = '--set data.source="$ADCRAFT_FEED"'
_WORKERS = "--set train.num_workers=2"
_SWEEP = "python -m tuning sweep --config configs/sweep-asha.yaml"
_GPU = "--set train.use_gpu=true"


def entry_points(device: Device = "cpu") -> dict[str, str]:
    """The command of each job, by its name."""
    training = f" {_GPU}" if device == "gpu" else ""
    return {
        "prepare": f"python -m ray_jobs prepare {_FEED}",
        "train": f"python -m ray_jobs train {_WORKERS}{training}",
        "sweep": f"{_SWEEP}{training}",
        "generate": f"python -m ray_jobs generate {_FEED}",
        PIPELINE: f"python -m ray_jobs pipeline {_FEED} {_WORKERS}{training}",
    }
