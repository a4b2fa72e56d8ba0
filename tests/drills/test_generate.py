"""Copy for a catalogue, by a job that is killed twice: the same file as if nothing had happened."""

import random
import signal
from pathlib import Path

import pytest

from adcraft.ad_copy.sample_feed.feed import write_feed
from tests.drills.training_job import JobProcess, TrainingJob
from tests.prepared import write_prepared

pytestmark = [pytest.mark.drill, pytest.mark.timeout(1200), pytest.mark.filterwarnings("ignore")]

_ROWS = 6000


class GenerateJob(JobProcess):
    """Writes for ``feed.csv`` beside the home."""

    def __init__(self, home: Path, output: str) -> None:
        settings = (f"home={home}", f"data.source={home.parent}/feed.csv", "ray.num_cpus=2")
        sets = (f"--set={each}" for each in (*settings, f"generate.output={home.parent}/{output}"))
        super().__init__(home, ["ray_jobs", "generate", "--set=generate.fresh=true", *sets])

    @property
    def parts(self) -> list[Path]:
        return list(self.home.glob("generate/*/parts/[!.]*.arrow"))


def test_killed_twice_it_writes_the_same(tmp_path: Path) -> None:
    home = tmp_path / "home"
    write_prepared(home / "data")
    write_feed(tmp_path / "feed.csv", _ROWS, 3, None)
    trained = TrainingJob(home, "train.max_epochs=1")
    assert trained.end() == 0, trained.said
    undisturbed = GenerateJob(home, "undisturbed.csv")
    assert undisturbed.end() == 0, undisturbed.said

    generator, written = random.Random(7), 0
    for _ in range(2):
        written += generator.randint(1, 4)
        job = GenerateJob(home, "copy.csv")
        job.wait_until(lambda job=job, wanted=written: len(job.parts) >= wanted)  # type: ignore[misc]
        job.send_to_all(signal.SIGKILL)
        assert job.end() == -signal.SIGKILL
        job.stop()
        assert not (tmp_path / "copy.csv").exists()
        written = len(job.parts)
    last = GenerateJob(home, "copy.csv")
    assert last.end() == 0, last.said
    assert f"of {undisturbed.result['rows']['in']:,} rows are written" in last.said
    assert last.result["rows"] == undisturbed.result["rows"]
    assert (tmp_path / "copy.csv").read_bytes() == (tmp_path / "undisturbed.csv").read_bytes()
    last.assert_nothing_is_left()
