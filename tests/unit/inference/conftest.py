"""One small trained bundle for all tests of inference. They must leave it as it is."""

import pytest

from adcraft.inference.bundle import Bundle, RunReference
from tests.tiny_model import write_tiny_bundle


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return write_tiny_bundle(tmp_path_factory.mktemp("tiny") / "bundle", RunReference(id="0", name="tiny"))
