"""Which generator a request goes to: the one with the fewest requests of this ingress at work.

Serve's own router takes the better of two by a queue length that it guesses: one more for each request sent,
but whatever a replica last told when it accepted one. Answers of a whole batch come at once, so their callers
ask again at once, and while dozens of requests are on their way, what was told of the first of them makes the
fullest replica look empty: of 64 callers, one of two replicas had 63.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, TypeVar

from ray.serve.request_router import FIFOMixin, RequestRouter

if TYPE_CHECKING:
    from ray.serve.request_router import PendingRequest, ReplicaID, RunningReplica

Name = TypeVar("Name")


def fewest_first(replicas: Iterable[Name], at_work: Mapping[Name, int]) -> list[Name]:
    """By the number of requests at work; those with as many in any order."""
    shuffled = list(replicas)
    random.shuffle(shuffled)
    return sorted(shuffled, key=lambda replica: at_work.get(replica, 0))


class FewestFirst(FIFOMixin, RequestRouter):
    """Counts what is sent and what comes back. What has no room, as Serve knows, is passed over.

    First in, first out: else Serve finds a call by its request's id, which all calls for one batch share, and
    looks for a replica for all but the last of them for ever.
    """

    def initialize_state(self, **kwargs: object) -> None:
        """Serve's hook for the start."""
        self._at_work: Counter[ReplicaID] = Counter()

    async def choose_replicas(
        self, candidate_replicas: list[RunningReplica], pending_request: PendingRequest | None = None
    ) -> list[list[RunningReplica]]:
        """Serve's hook: the order in which replicas are tried."""
        by_id = {replica.replica_id: replica for replica in candidate_replicas}
        order = fewest_first(by_id, self._at_work)
        if order and pending_request is not None:
            pending_request.routing_context.should_backoff = True  # else Serve tries again without a pause
            # It is sent a moment later. Those that are chosen for meanwhile should know of it.
            self._at_work[order[0]] += 1
            pending_request.future.add_done_callback(lambda _: self._one_less(order[0]))
        return [[by_id[replica_id]] for replica_id in order]

    def on_send_request(self, replica_id: ReplicaID) -> None:
        """Serve's hook: a request is on its way."""
        super().on_send_request(replica_id)
        self._at_work[replica_id] += 1

    def on_request_completed(self, replica_id: ReplicaID, internal_request_id: str) -> None:
        """Serve's hook: it came back, in whatever way."""
        super().on_request_completed(replica_id, internal_request_id)
        self._one_less(replica_id)

    def _one_less(self, replica_id: ReplicaID) -> None:
        self._at_work[replica_id] -= 1
        if self._at_work[replica_id] <= 0:
            del self._at_work[replica_id]
