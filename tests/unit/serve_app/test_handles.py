"""What becomes of Serve's faults: a fake handle whose calls end in each of them."""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from dataclasses import replace
from typing import Any

import pytest
from ray.exceptions import ActorDiedError, RayTaskError
from ray.serve._private.common import DeploymentID
from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError

from adcraft.registry import ModelVersion
from adcraft.settings import ServeSettings
from serve_app import handles
from serve_app.counting.meter import Meter
from serve_app.handles import Deployments
from serve_app.http.faults import ApiError
from serve_app.messages import Assignment, Job
from tests.unit.serve_app.fakes import MODEL, FakeGenerators

VERSION = ModelVersion("ad_copy", "3", (), "r", "owl", "runs:/r", "5f0e")
JOBS = [Job({"product_name": "Shoes"})]


class Response:
    """Like Serve's: awaited for its value; can be cancelled."""

    def __init__(self, outcome: Callable[[], Awaitable[Any]]) -> None:
        self._outcome = outcome
        self.cancelled = False

    def __await__(self) -> Generator[Any, None, Any]:
        return self._outcome().__await__()

    def cancel(self) -> None:
        self.cancelled = True


class Handle:
    """Its calls end in ``outcomes``, one after the other; the last one stays."""

    def __init__(self, *outcomes: object) -> None:
        self._outcomes = list(outcomes)
        self.responses: list[Response] = []
        self.jobs: list[list[Job]] = []

    def __getattr__(self, method: str) -> Any:
        handle = self

        class Method:
            def remote(self, *arguments: Any) -> Response:
                handle.responses.append(Response(lambda: handle.answer(method, *arguments)))
                return handle.responses[-1]

        return Method()

    async def answer(self, method: str, *arguments: Any) -> Any:
        outcome = self._outcomes[0] if len(self._outcomes) == 1 else self._outcomes.pop(0)
        if isinstance(outcome, BaseException):
            raise outcome
        if outcome == "never":
            await asyncio.sleep(60)
        if method == "generate":
            self.jobs.append(list(arguments[0]))
            arguments = arguments[:1]
        return await getattr(FakeGenerators(), method)(*arguments)


def generators(handle: Any, timeout_s: float = 5, **shares: Any) -> Deployments:
    """With the handle for both of the other deployments."""
    return Deployments(handle, handle, ServeSettings(request_timeout_s=timeout_s, **shares), Meter())


def task_error() -> Exception:
    return RayTaskError("generate", "Traceback ... secret", ValueError("secret"))


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (BackPressureError(9, 8), 429, "overloaded"),
        (DeploymentUnavailableError(DeploymentID("generator")), 503, "unavailable"),
        (ActorDiedError(), 503, "unavailable"),
        (task_error(), 500, "internal"),
    ],
)
def test_faults_become_answers(fault: Exception, status: int, code: str) -> None:
    with pytest.raises(ApiError) as caught:
        asyncio.run(generators(Handle(fault)).generate(JOBS))
    assert (caught.value.status_code, caught.value.code) == (status, code)
    assert "secret" not in caught.value.message
    assert ("Retry-After" in (caught.value.headers or {})) == (status in (429, 503))


def test_death_of_a_replica_is_survived_once() -> None:
    handle = Handle(ActorDiedError(), "answers")
    [outcome] = asyncio.run(generators(handle).generate(JOBS))
    assert outcome.model == MODEL
    assert len(handle.responses) == 2


def test_late_answer_is_cancelled() -> None:
    handle = Handle("never")
    with pytest.raises(ApiError) as caught:
        asyncio.run(generators(handle, timeout_s=0.02).generate(JOBS))
    assert (caught.value.status_code, caught.value.code) == (504, "timeout")
    assert handle.responses[0].cancelled


def test_caller_that_goes_away_cancels_its_call() -> None:
    async def scenario() -> Handle:
        handle = Handle("never")
        task = asyncio.create_task(generators(handle).generate(JOBS))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return handle

    assert asyncio.run(scenario()).responses[0].cancelled


def test_ready_asks_a_generator_unless_one_has_just_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        handle = Handle("answers")
        known = generators(handle)
        assert await known.ready() == MODEL
        assert await known.ready() == MODEL
        assert len(handle.responses) == 1
        monkeypatch.setattr(handles, "_READY_FRESH_S", 0.0)
        await known.ready()
        assert len(handle.responses) == 2

    asyncio.run(scenario())


@pytest.mark.parametrize("outcome", ["never", ActorDiedError(), BackPressureError(9, 8)])
def test_not_ready(outcome: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handles, "_READY_TIMEOUT_S", 0.02)
    with pytest.raises(ApiError, match="No generator is ready") as caught:
        asyncio.run(generators(Handle(outcome)).ready())
    assert caught.value.status_code == 503


def test_control_that_is_gone_is_said_to_be_no_matter() -> None:
    with pytest.raises(ApiError, match="control replica does not answer; predictions go on") as caught:
        asyncio.run(generators(Handle(ActorDiedError())).models())
    assert caught.value.status_code == 503


def jobs_of(count: int) -> list[Job]:
    return [Job({"product_name": "Tea"}, key=f"product {number}") for number in range(count)]


async def following(deployed: Deployments, *aliases: str, challenger: str = "4") -> Deployments:
    versions = {
        alias: replace(VERSION, version=challenger) if alias == "challenger" else VERSION for alias in aliases
    }
    await deployed._follow(Assignment(5, versions))
    assert deployed.serial == 5
    return deployed


def test_canary_goes_to_the_challenger_and_pins_stay() -> None:
    async def scenario() -> None:
        handle = Handle("answers")
        deployed = await following(generators(handle, canary_percent=100), "champion", "challenger")
        pinned = Job({"product_name": "Tea"}, model="champion", pinned=True)
        await deployed.generate([*jobs_of(2), pinned])
        assert [job.model for job in handle.jobs[0]] == ["challenger", "challenger", "champion"]
        assert not any(job.pinned for job in handle.jobs[0][:2]), "a broken challenger is seen by nobody"
        alone = await following(generators(handle, canary_percent=100), "champion")
        await alone.generate(jobs_of(1))
        assert handle.jobs[1][0].model == ""

    asyncio.run(scenario())


def test_shadow_is_written_after_the_answer_and_its_faults_are_nobodys() -> None:
    async def scenario() -> None:
        handle = Handle("answers", task_error())
        deployed = await following(generators(handle, shadow_percent=100), "champion", "challenger")
        outcomes = await deployed.generate(jobs_of(2))
        assert [outcome.model for outcome in outcomes] == [MODEL, MODEL]
        await asyncio.gather(*deployed._shadows)
        assert len(handle.responses) == 2
        assert not deployed._shadows

    asyncio.run(scenario())


def test_shadow_is_not_urgent_and_never_more_than_a_few() -> None:
    async def scenario() -> None:
        handle = Handle(*["answers", "never"] * handles._SHADOWS, "answers")
        deployed = await following(generators(handle, shadow_percent=100), "champion", "challenger")
        for _ in range(10):
            await deployed.generate(jobs_of(1))
            await asyncio.sleep(0)
        assert len(deployed._shadows) == handles._SHADOWS
        for task in deployed._shadows:
            task.cancel()

    asyncio.run(scenario())


def test_challenger_that_is_the_champion_is_shown_nothing() -> None:
    async def scenario() -> None:
        deployed = generators(Handle("answers"), shadow_percent=100)
        await following(deployed, "champion", "challenger", challenger=VERSION.version)
        await deployed.generate(jobs_of(1))
        assert not deployed._shadows

    asyncio.run(scenario())


def test_expected_model_of_a_job() -> None:
    async def scenario() -> None:
        deployed = generators(Handle("answers"))
        assert deployed.expected(Job({})) is None
        await following(deployed, "champion", "challenger")
        assert deployed.expected(Job({})) == "3"
        assert deployed.expected(Job({}, model="challenger")) == "4"
        assert deployed.expected(Job({}, model="2")) == "2"

    asyncio.run(scenario())
