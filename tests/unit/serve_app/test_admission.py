"""Who is let in."""

import asyncio

import pytest

from serve_app.counting.meter import Meter
from serve_app.http.admission import Admission
from serve_app.http.faults import ApiError


def test_what_is_too_much_is_told_when_to_come_back() -> None:
    now = 100.0
    admission = Admission(4, Meter(), clock=lambda: now)
    for _ in range(20):
        with admission.urgent():
            pass
    with admission.urgent(), admission.urgent(), admission.urgent(), admission.urgent():
        assert admission.inside == 4
        with pytest.raises(ApiError, match="4 requests wait already") as caught, admission.urgent():
            pass
    assert caught.value.status_code == 429
    assert caught.value.headers == {"Retry-After": "2"}, "4 wait, and 2 a second are answered"
    with admission.urgent():
        pass
    assert admission.inside == 0


def test_batches_wait_and_leave_room_for_others() -> None:
    async def scenario() -> None:
        admission = Admission(4, Meter())
        ended = asyncio.Event()
        begun: list[int] = []

        async def part(number: int) -> None:
            async with admission.patient():
                begun.append(number)
                await ended.wait()

        parts = [asyncio.create_task(part(number)) for number in range(5)]
        await asyncio.sleep(0.01)
        assert begun == [0, 1]
        with admission.urgent(), admission.urgent():
            pass
        ended.set()
        await asyncio.gather(*parts)
        assert begun == [0, 1, 2, 3, 4]
        assert admission.inside == 0

    asyncio.run(scenario())
