"""A node of two is lost under load."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from cluster.ingress_proxy import proxy_variables
from tests.drills.serving_app import ServedApp, check, write_models
from tests.drills.two_nodes import two_nodes
from tests.serving_load import load

pytestmark = [pytest.mark.drill, pytest.mark.timeout(900), pytest.mark.filterwarnings("ignore")]


class AppOnACluster(ServedApp):
    """Its replicas are children of the cluster's nodes, which are children of this process."""

    def _children(self) -> Iterator[psutil.Process]:
        yield from psutil.Process().children(recursive=True)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Of HAProxy; Unix sockets have short paths."""
    folder = Path(tempfile.mkdtemp(prefix="adcraft-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


def test_node_that_is_lost(tmp_path: Path, folder: Path) -> None:
    home = tmp_path / "home"
    write_models(home, spoilt=False)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in proxy_variables("auto", folder).items():
            patch.setenv(name, value)
        with two_nodes(num_cpus=2) as nodes:
            app = AppOnACluster(home, f"ray.address={nodes.address}")
            try:
                with load(app.port, 8) as outcomes:
                    nodes.kill_that_of(next(iter(app.replicas("generator"))))
                    app.wait_for_version("1")
                check(outcomes[0], "1")
            finally:
                app.stop()
