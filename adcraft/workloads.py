"""The workloads that there are, by name."""

from adcraft.ad_copy.workload import WORKLOAD as AD_COPY
from adcraft.errors import SettingsError
from adcraft.workload import Workload

WORKLOADS: dict[str, Workload] = {AD_COPY.name: AD_COPY}


def get_workload(name: str) -> Workload:
    """The workload called ``name``.

    Raises:
        SettingsError: there is none.
    """
    try:
        return WORKLOADS[name]
    except KeyError:
        raise SettingsError(f"workload = {name!r} is not known. Known: {', '.join(WORKLOADS)}.") from None
