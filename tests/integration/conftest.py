"""One Ray for all integration tests: a cluster for each would take minutes."""

import shutil
import tempfile
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def ray_session() -> Iterator[None]:
    """A local Ray of 8 logical CPUs, which the commands under test use too, since it is initialised."""
    import ray

    # Unix sockets have short paths, so Ray's folder is not below pytest's.
    folder = tempfile.mkdtemp(prefix="adcraft-", dir="/tmp")
    ray.init(address="local", num_cpus=8, log_to_driver=False, logging_level="ERROR", _temp_dir=folder)
    yield
    ray.shutdown()
    shutil.rmtree(folder, ignore_errors=True)
