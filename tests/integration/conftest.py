"""One Ray for all integration tests: a cluster for each would take minutes."""

import logging
import shutil
import tempfile
from collections.abc import Iterator

import pytest

from tests.jobs import TrainedHome, run_job, train_arguments
from tests.prepared import write_prepared


@pytest.fixture(scope="session")
def ray_session() -> Iterator[None]:
    """A local Ray of 8 logical CPUs, which the commands under test use too, since it is initialised."""
    import ray

    # Unix sockets have short paths, so Ray's folder is not below pytest's.
    folder = tempfile.mkdtemp(prefix="adcraft-", dir="/tmp")
    ray.init(address="local", num_cpus=8, log_to_driver=False, logging_level=logging.ERROR, _temp_dir=folder)
    yield
    ray.shutdown()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def trained(ray_session: None, tmp_path_factory: pytest.TempPathFactory) -> TrainedHome:
    """A home where a tiny model was trained on 160 invented products."""
    home = tmp_path_factory.mktemp("trained")
    dataset = write_prepared(home / "data")
    arguments = train_arguments(home)
    return TrainedHome(home, dataset, arguments, run_job(arguments))
