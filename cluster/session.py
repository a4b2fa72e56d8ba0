"""The Ray that a command runs on: the cluster it is told of, or a local one that ends with it."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from adcraft.errors import AdcraftError, ClusterError, TrainingError
from adcraft.settings import Settings

log = logging.getLogger(__name__)

# Read by Ray when it is imported, so they are set before that. Without the first, a checkpoint that
# was reported up to 2 s before a worker died is lost; asking more often costs training time.
ENVIRONMENT = {
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.5",
    "RAY_worker_niceness": "0",  # Ray's 15 lets whatever else runs push a training worker aside
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "RAY_DATA_PARQUET_FOOTER_NUM_ACTORS": "1",  # Ray starts 32 processes to read the footer of one file
}
"""Variables of whatever starts a Ray."""
_ATTEMPTS = 3
_GRACE_S = 5.0
TOO_SLOW = "timed out during startup"
"""Ray's words for a node that was not up in time."""

_LOCAL_ENVIRONMENT = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""By this, Ray takes the loopback address as the node's, and listens there alone."""


def _no_variables(_: Path) -> Mapping[str, str]:
    return {}


@contextlib.contextmanager
def ray_session(
    settings: Settings, variables: Callable[[Path], Mapping[str, str]] = _no_variables
) -> Iterator[None]:
    """Connect to ``ray.address`` (or RAY_ADDRESS, or the cluster of a submitted job), or start Ray.

    A Ray that was already connected in this process is used as it is and left running. One that is
    started here gets a short temporary folder of its own (Unix sockets have a length limit), and both
    are gone on the way out.

    Args:
        settings: the whole tree.
        variables: of the environment of a Ray that is started here, given that folder, which nobody else
            can enter. They are this process's as long as the block runs.

    Raises:
        ClusterError: the address can't be reached, or a local Ray does not start.
    """
    address = settings.ray.address or os.environ.get("RAY_ADDRESS", "")
    for name, value in (ENVIRONMENT if address else {**ENVIRONMENT, **_LOCAL_ENVIRONMENT}).items():
        os.environ.setdefault(name, value)
    import ray

    if ray.is_initialized():
        yield
        return
    on_sigterm = signal.getsignal(signal.SIGTERM)
    with (
        contextlib.nullcontext() if address else _session_folder() as folder,
        _nothing_left() as look,
        _environment(variables(folder) if folder else {}),
    ):
        try:
            if folder is None:
                log.info("connecting to Ray at %s", address)
                ray.init(address=address, log_to_driver=False, logging_level=logging.WARNING)
            else:
                log.info("starting a local Ray")
                _start_local(settings.ray.num_cpus, folder)
        except Exception as error:  # Ray raises just that where a node takes too long to come up
            where = f"Ray at {address} can't be reached" if address else "A local Ray did not start"
            first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise ClusterError(
                f"{where}: {first}. Check ray.address (empty starts a local Ray), and RAY_AUTH_MODE and "
                "RAY_AUTH_TOKEN where the cluster wants a token."
            ) from error
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, on_sigterm)  # Ray put its own there, which ends the process at once
        try:
            yield
        finally:
            look()
            ray.shutdown()


@contextlib.contextmanager
def _nothing_left() -> Iterator[Callable[[], None]]:
    """End what was started in the block, was there at the last look, and still is a while after the block. A
    worker of Ray can wait for ever for a lock of its own when it exits, and is nobody's child when its Ray is
    gone.
    """
    import psutil

    others = set(psutil.Process().children(recursive=True))
    started: set[psutil.Process] = set()

    def look() -> None:
        started.update(set(psutil.Process().children(recursive=True)) - others)

    try:
        yield look
    finally:
        _, left = psutil.wait_procs(started, timeout=_GRACE_S)
        for process in left:
            log.debug("ending %s, which Ray left behind", process)
            with contextlib.suppress(psutil.Error):
                process.kill()


def _start_local(num_cpus: int, folder: Path) -> None:
    """Start Ray; again where its node was not up after the 30 s that Ray gives it, as on a busy machine."""
    import psutil
    import ray

    for attempt in range(1, _ATTEMPTS + 1):
        others = set(psutil.Process().children(recursive=True))
        try:
            ray.init(
                address="local",
                num_cpus=num_cpus or None,
                include_dashboard=False,  # its processes take a training worker's cores from it now and then
                log_to_driver=False,
                logging_level=logging.WARNING,
                _temp_dir=str(folder / "ray"),  # Ray opens it to everyone
            )
            break
        except Exception as error:
            if attempt == _ATTEMPTS or TOO_SLOW not in str(error):
                raise
            log.warning("Ray's node was not up after 30 s; it is started again")
            for left in set(psutil.Process().children(recursive=True)) - others:
                with contextlib.suppress(psutil.Error):
                    left.kill()
    token = Path("~/.ray/auth_token").expanduser()
    if token.exists():  # Ray writes it readable by everyone
        token.chmod(0o600)


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _session_folder() -> Iterator[Path]:
    """A folder for a local Ray; it stays where a fault leaves the block that Ray's logs may explain."""
    parent = Path(os.environ.get("RAY_TMPDIR") or "/tmp")  # noqa: S108 - its folders are ours alone
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="adcraft-", dir=parent))
    try:
        yield folder
    except BaseException as error:
        explained = isinstance(error, AdcraftError) and not isinstance(error, ClusterError | TrainingError)
        if isinstance(error, Exception) and not explained:
            log.info("Ray's logs are in %s", folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)
