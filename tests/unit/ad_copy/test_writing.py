"""Who writes for an evaluation, and what is told when they are lost; Ray is played by fakes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray
import ray.util
from ray.exceptions import ActorDiedError, RayError, RayTaskError

from adcraft.ad_copy import evaluation
from adcraft.ad_copy.copywriting.brief import Brief
from adcraft.ad_copy.writing import Crew, Written, write_ads, write_all
from adcraft.errors import BriefError, BundleError, ClusterError
from adcraft.settings import EvaluateSettings

SETTINGS = EvaluateSettings(batch_size=10)
BUNDLE: Any = SimpleNamespace(path=Path("bundle"))


class FakeRay:
    """Two writers whose work ends in ``fault``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, fault: RayError | None) -> None:
        self.options: dict[str, Any] = {}
        self.killed: list[int] = []
        self.made = 0

        def actor(_: type) -> Any:
            return SimpleNamespace(remote=self._make)

        def remote(**options: Any) -> Any:
            self.options = options
            return actor

        class Pool:
            def __init__(self, writers: list[int]) -> None:
                assert writers == [1, 2]

            def map(self, ask: Any, batches: Any) -> Any:
                writer = SimpleNamespace(
                    write=SimpleNamespace(remote=lambda _: Written(copies=["a"])),
                    advertise=SimpleNamespace(remote=lambda jobs: [brief.placement for _, brief in jobs]),
                )
                yield from (ask(writer, batch) for batch in batches)
                if fault:
                    raise fault

        monkeypatch.setattr(ray, "remote", remote)
        monkeypatch.setattr(ray, "kill", self.killed.append)
        monkeypatch.setattr(ray.util, "ActorPool", Pool)

    def _make(self, *_: object) -> int:
        self.made += 1
        return self.made


def write() -> Written:
    return write_all(BUNDLE, [{}] * 20, SETTINGS, Crew(2, 1), "ad_copy version 2")


@pytest.mark.parametrize(
    ("free", "rows", "crew"),
    [
        (8.0, 1000, Crew(8, 1)),
        (64.0, 1000, Crew(8, 1)),
        (3.5, 1000, Crew(3, 1)),
        (8.0, 11, Crew(2, 1)),
        (0.5, 1000, Crew(1, 0.25)),
    ],
)
def test_as_many_as_there_is_room_for_and_work(
    monkeypatch: pytest.MonkeyPatch, free: float, rows: int, crew: Crew
) -> None:
    monkeypatch.setattr(ray, "available_resources", lambda: {"CPU": free})
    assert Crew.for_rows(rows, SETTINGS) == crew


def test_both_models_are_written_for_by_as_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CPUs of the first model's writers come back a while after these have ended."""
    free = iter((8.0, 1.0))
    crews: list[Crew] = []

    class EnoughError(Exception):
        pass

    def written(*arguments: Any) -> Written:
        crews.append(arguments[3])
        if len(crews) == 2:
            raise EnoughError
        return Written()

    monkeypatch.setattr(ray, "available_resources", lambda: {"CPU": next(free)})
    monkeypatch.setattr(evaluation, "write_all", written)
    model = SimpleNamespace(version=SimpleNamespace(name="ad_copy", version="1"), bundle=BUNDLE)
    plan: Any = SimpleNamespace(records=[{}] * 100, settings=SETTINGS, model=model, against=model)
    with pytest.raises(EnoughError):
        evaluation.evaluate(plan)
    assert crews == [Crew(8, 1)] * 2


def test_writers_are_restarted_and_end_with_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeRay(monkeypatch, None)
    assert write().copies == ["a", "a"]  # two batches
    assert fake.options == {"num_cpus": 1, "max_restarts": 3, "max_task_retries": 3}
    assert fake.killed == [1, 2]


def test_ads_come_in_the_order_of_their_briefs(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeRay(monkeypatch, None)
    names = [f"placement {number}" for number in range(25)]
    jobs: Any = [({}, Brief(name)) for name in names]
    ads: list[Any] = write_ads(BUNDLE, jobs, SETTINGS, Crew(2, 1), "ad_copy version 2")
    assert ads == names
    assert fake.killed == [1, 2]


def test_a_brief_that_can_not_be_met_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeRay(monkeypatch, None)
    refusal: Any = BriefError("The tone 'grim' is not known.")
    jobs: Any = [({}, Brief("creative")), ({}, Brief(refusal))]
    with pytest.raises(BriefError, match="grim"):
        write_ads(BUNDLE, jobs, SETTINGS, Crew(2, 1), "ad_copy version 2")
    assert fake.killed == [1, 2]


def test_writers_that_are_lost_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeRay(monkeypatch, ActorDiedError())
    with pytest.raises(
        ClusterError, match=r"wrote for ad_copy version 2 was lost, after 3 restarts.*: .+\. Look"
    ):
        write()
    assert fake.killed == [1, 2]


def test_what_a_writer_says_itself_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeRay(monkeypatch, task_error(BundleError("The bundle is changed.")))
    with pytest.raises(BundleError, match="is changed"):
        write()
    FakeRay(monkeypatch, task_error(ZeroDivisionError("a fault of ours")))
    with pytest.raises(RayTaskError):  # with the writer's traceback
        write()


def task_error(cause: Exception) -> RayTaskError:
    return RayTaskError("write", "a traceback", cause)
