"""What a preparation is going to do, settled before Ray is started: wrong settings fail at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adcraft.data.columns import ColumnMap, ColumnRules
from adcraft.data.feed import Feed, open_feed
from adcraft.data.refining import RowRules
from adcraft.settings import DataSettings
from adcraft.workload import Workload


@dataclass(frozen=True)
class Plan:
    """What is to be prepared, and how.

    Attributes:
        settings: of the data.
        workload: whose records the rows become.
        feed: the files.
        rules: what makes a row good.
        mappings: of each file, field to columns.
    """

    settings: DataSettings
    workload: Workload
    feed: Feed
    rules: RowRules
    mappings: Sequence[ColumnMap]


def plan_preparation(settings: DataSettings, workload: Workload) -> Plan:
    """Look at the beginning of each file, and settle which column holds what.

    Raises:
        FeedError: the feed can't be read, or lacks what is needed.
    """
    rules = ColumnRules.of(workload, settings.columns)
    feed = open_feed(settings, rules)
    rules = rules.learning(settings.target, feed.files[0].header)
    mappings = [rules.check(file.header, file.name) for file in feed.files]
    return Plan(settings, workload, feed, RowRules(workload, rules, settings.target_chars), mappings)
