"""One Ray for all integration tests: a cluster for each would take minutes."""

from collections.abc import Iterator

import pytest

from adcraft.settings import load_settings
from cluster import session
from tests.jobs import TrainedHome, run_job, train_arguments
from tests.prepared import write_prepared


@pytest.fixture(scope="session")
def ray_session() -> Iterator[None]:
    """A local Ray of 8 logical CPUs, which the commands under test use too, since it is initialised."""
    with session.ray_session(load_settings(None, ["ray.num_cpus=8"], {})):
        yield


@pytest.fixture(scope="session")
def trained(ray_session: None, tmp_path_factory: pytest.TempPathFactory) -> TrainedHome:
    """A home where a tiny model was trained on 160 invented products."""
    home = tmp_path_factory.mktemp("trained")
    dataset = write_prepared(home / "data")
    arguments = train_arguments(home)
    return TrainedHome(home, dataset, arguments, run_job(arguments))
