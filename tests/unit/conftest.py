"""Unit tests run without Ray: one that starts it has come to the wrong folder."""

import pytest
from hypothesis import settings

settings.register_profile("house", deadline=None)  # a busy machine is no fault
settings.load_profile("house")


@pytest.fixture(autouse=True)
def _no_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("A unit test started Ray; tests that need it belong to tests/integration.")

    monkeypatch.setattr(ray, "init", refuse)
