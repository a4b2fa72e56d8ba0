"""Which replica a request goes to, by Serve's own loop around our choice; no Ray runs."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ray.serve._private.common import DeploymentHandleSource, DeploymentID, ReplicaID, RequestMetadata
from ray.serve._private.request_router.common import PendingRequest
from ray.serve.request_router import FIFOMixin

from serve_app.fewest_first import FewestFirst, fewest_first

DEPLOYMENT = DeploymentID("generator", "adcraft")


@dataclass
class Replica:
    """As much of one as the router asks for."""

    replica_id: ReplicaID
    max_ongoing_requests: int = 1000
    queue: int = 0
    times_asked: int = 0

    async def get_queue_len(self, *, deadline_s: float) -> int:
        self.times_asked += 1
        return self.queue


class House:
    """A router and its replicas; requests are sent as Serve sends them."""

    def __init__(self, replicas: int, room: int = 1000) -> None:
        self.replicas: list[Any] = [
            Replica(ReplicaID(f"replica-{number}", DEPLOYMENT), room) for number in range(replicas)
        ]
        source = DeploymentHandleSource.REPLICA
        self.router = FewestFirst(DEPLOYMENT, source, use_replica_queue_len_cache=True)  # type: ignore[no-untyped-call]
        self.router.initialize_state()
        self.router.update_replicas(self.replicas)
        self._ids = iter(range(1_000_000))

    async def send(self, request_id: str = "") -> ReplicaID:
        number = request_id or str(next(self._ids))
        request = PendingRequest(args=[], kwargs={}, metadata=RequestMetadata(number, number))
        chosen = (await self.router._choose_replica_for_request(request)).replica_id
        self.router.on_send_request(chosen)
        return chosen

    async def send_together(self, count: int) -> list[ReplicaID]:
        """Each replica then tells the length that its queue had when it accepted its first request."""
        sent = await asyncio.gather(*(self.send() for _ in range(count)))
        for replica in self.replicas:
            self.router.on_new_queue_len_info(replica.replica_id, 1)
        return sent

    def complete(self, sent: list[ReplicaID]) -> None:
        for replica in sent:
            self.router.on_request_completed(replica, "")
            self.router.decrement_queue_len_cache(replica)


@given(st.dictionaries(st.integers(0, 20), st.integers(0, 3)))
def test_every_replica_has_its_place_and_the_idlest_are_first(at_work: dict[int, int]) -> None:
    found = fewest_first(at_work, {replica: count for replica, count in at_work.items() if count})
    assert sorted(found) == sorted(at_work)
    assert [at_work[replica] for replica in found] == sorted(at_work.values())


@pytest.mark.parametrize("replicas", [2, 3, 5])
def test_requests_that_come_at_once_are_shared_out_evenly(replicas: int) -> None:
    """With Serve's own router nearly all of them go to one, since what the replicas told is old by then."""

    async def scenario() -> None:
        house = House(replicas)
        sent: list[ReplicaID] = []
        for burst in (7, 60, 33):
            sent += await house.send_together(burst)
            counts = Counter(sent)
            assert len(counts) == replicas
            assert max(counts.values()) - min(counts.values()) <= 1, counts
        slow = house.replicas[0].replica_id
        house.complete([each for each in sent if each != slow])
        again = await house.send_together((replicas - 1) * (counts[slow] - 1))
        assert slow not in again

    asyncio.run(scenario())


def test_all_calls_of_one_request_are_sent() -> None:
    """They share its id. A router that is not first in, first out would look for replicas for ever."""
    assert issubclass(FewestFirst, FIFOMixin)  # if not, what follows would have no end

    async def scenario() -> None:
        house = House(2)
        sent = await asyncio.wait_for(asyncio.gather(*(house.send("batch") for _ in range(8))), 10)
        assert sorted(Counter(sent).values()) == [4, 4]

    asyncio.run(scenario())


def test_replica_without_room_is_passed_over() -> None:
    async def scenario() -> None:
        house = House(2, room=3)
        full, other = house.replicas
        full.queue = 3  # by another ingress: this one sent it nothing
        house.router.on_new_queue_len_info(full.replica_id, full.queue)
        assert {await house.send() for _ in range(3)} == {other.replica_id}

    asyncio.run(scenario())


def test_request_that_finds_no_room_is_tried_again_and_counts_no_more_when_it_is_given_up() -> None:
    async def scenario() -> None:
        house = House(2, room=3)
        for replica in house.replicas:
            replica.queue = 3
            house.router.on_new_queue_len_info(replica.replica_id, replica.queue)
        waiting = asyncio.create_task(house.send())
        await asyncio.sleep(0.1)
        assert max(replica.times_asked for replica in house.replicas) < 20  # it pauses between two attempts
        waiting.cancel()
        await asyncio.wait([waiting])
        await asyncio.sleep(0)
        assert not house.router._at_work

    asyncio.run(scenario())


def test_replica_that_is_gone_leaves_nothing_behind() -> None:
    async def scenario() -> None:
        house = House(2)
        sent = await house.send_together(10)
        gone, stays = house.replicas
        house.router.update_replicas([stays])
        house.complete(sent)
        house.router.on_request_completed(gone.replica_id, "")  # one whose sending failed
        assert not house.router._at_work
        assert await house.send() == stays.replica_id

    asyncio.run(scenario())
