"""Placement groups whose creator was killed.

Ray keeps a group until the job ends, whoever made it, and with it the CPUs: a trial that is started again
after its driver was killed then waits for what nobody gives back. Ray Train's own cleaner asks the
dashboard, which a local Ray does not have, and is one more process for each run.
"""

from __future__ import annotations

import logging

import ray
from ray import PlacementGroupID
from ray._private.state import state
from ray.core.generated.gcs_pb2 import PlacementGroupTableData  # type: ignore[attr-defined] # made by protoc
from ray.util.placement_group import PlacementGroup, remove_placement_group

log = logging.getLogger(__name__)


def remove_orphans() -> int:
    """Remove this job's placement groups whose creating actor is dead; how many there were."""
    job = bytes.fromhex(ray.get_runtime_context().get_job_id())
    table = state._connect_and_get_accessor().get_placement_group_table()  # noqa: SLF001 - no public way
    groups = map(PlacementGroupTableData.FromString, table)
    orphans = [group for group in groups if _is_orphan(group, job)]
    for group in orphans:
        log.debug("removing the placement group %s, whose creator is dead", group.placement_group_id.hex())
        remove_placement_group(PlacementGroup(PlacementGroupID(group.placement_group_id)))
    return len(orphans)


def _is_orphan(group: PlacementGroupTableData, job: bytes) -> bool:
    return (
        group.creator_job_id == job
        and group.creator_actor_dead
        and not ray.ActorID(group.creator_actor_id).is_nil()  # of a driver, which lives
        and group.state != PlacementGroupTableData.REMOVED
        and not group.is_detached
    )
