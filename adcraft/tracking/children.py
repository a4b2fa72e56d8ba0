"""The runs below a parent run: found by their key, ended with a status and a reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from adcraft.registry import RUN_KEY_TAG
from adcraft.tracking.connection import connect, explained
from adcraft.tracking.run_log import PARENT_TAG, REASON_TAG, RunLog

_PAGE = 1000


@dataclass(frozen=True)
class Ending:
    """How a child's run ends: FINISHED, KILLED or FAILED, and why."""

    status: str
    reason: str = ""


@dataclass(frozen=True)
class Child:
    """One run below a parent."""

    run_id: str
    status: str
    reason: str


class Children:
    """The children of one run."""

    def __init__(self, uri: str, parent: RunLog) -> None:
        self._uri = uri
        self._client = connect(uri)
        self._parent = parent

    def all(self) -> dict[str, Child]:
        """Every child by its run key.

        Raises:
            TrackingError: MLflow does not answer.
        """
        found: dict[str, Child] = {}
        token: str | None = None
        with explained(self._uri, "looking for the runs of a sweep"):
            while True:
                page = self._client.search_runs(
                    [self._parent.experiment_id],
                    f"tags.`{PARENT_TAG}` = '{self._parent.run_id}'",
                    max_results=_PAGE,
                    page_token=token,
                )
                for run in page:
                    found[run.data.tags.get(RUN_KEY_TAG, run.info.run_id)] = Child(
                        run.info.run_id,
                        run.info.status,
                        run.data.tags.get(REASON_TAG, ""),
                    )
                token = page.token
                if not token:
                    return found

    def settle(self, endings: Mapping[str, Ending]) -> None:
        """End the children with these keys, and no other, as given; one that has no run stays without.

        Raises:
            TrackingError: MLflow does not answer or refuses.
        """
        children = self.all()
        with explained(self._uri, "ending the runs of a sweep"):
            for key, ending in endings.items():
                child = children.get(key)
                if child is None:
                    continue
                if child.reason != ending.reason:
                    self._client.set_tag(child.run_id, REASON_TAG, ending.reason)
                if child.status != ending.status:
                    self._client.set_terminated(child.run_id, ending.status)
