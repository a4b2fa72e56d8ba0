"""One at a time moves the aliases of a model: by a lock file beside an SQLite file, by an announcement on a
server.
"""

from __future__ import annotations

import contextlib
import logging
import random
import time
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock
from pydantic import BaseModel, Field, ValidationError

from adcraft.errors import AdcraftError, AliasError
from adcraft.tracking.connection import connect, embedded_artifacts, explained

if TYPE_CHECKING:
    from mlflow import MlflowClient

log = logging.getLogger(__name__)

DECIDING_TAG = "adcraft.deciding."
"""How the tag of an announcement begins; the rest of it is new each time."""

LEASE_S = 300.0
"""After so long an announcement holds no more: its job was killed."""

_PATIENCE_S = 60.0
_PAUSE_S = (0.2, 1.0)


@contextlib.contextmanager
def alone(uri: str, model: str, by: str, *, patience_s: float = _PATIENCE_S) -> Iterator[None]:
    """Keep others from deciding about a model, or giving it aliases, meanwhile; wait for one who does.

    Beside an SQLite file lies a lock for all who use it. A server is used from many machines, so who is
    going to decide says so in a tag of the registered model.

    Args:
        uri: of MLflow.
        model: registered there.
        by: who wants to, for those who wait.
        patience_s: how long to wait for others on a server.

    Raises:
        AliasError: somebody else has been deciding for so long.
        TrackingError: MLflow does not answer.
    """
    if artifacts := embedded_artifacts(uri):
        folder = Path(artifacts).parent
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f"{model}.aliases.lock"):
            yield
        return
    announcement = _Announcement(uri, model, by)
    try:
        announcement.wait_for_turn(patience_s)
        yield
    finally:
        announcement.withdraw()


class _Claim(BaseModel):
    """What an announcement says."""

    by: str
    when: str
    at: float = Field(description="seconds since 1970")

    @property
    def left_s(self) -> float:
        """Until it holds no more."""
        return self.at + LEASE_S - time.time()


class _Announcement:
    """A tag of the registered model: its writer is deciding.

    MLflow has no compare-and-set, but each call is done when it returns. So everybody writes a tag of
    their own before they read those of others: of two at the same time, at least one sees the other, and
    who sees one withdraws and tries again later (the rule of Dekker's algorithm, in Dijkstra 1965). A tag
    that is older than the lease is of a job that was killed.
    """

    def __init__(self, uri: str, model: str, by: str) -> None:
        self._uri = uri
        self._client: MlflowClient = connect(uri)
        self._model = model
        self._by = by
        self._key = f"{DECIDING_TAG}{uuid.uuid4().hex}"

    def wait_for_turn(self, patience_s: float) -> None:
        """Announce, until nobody else does."""
        deadline = time.monotonic() + patience_s
        while self._announce() and (others := self._others()):
            self._remove(self._key)
            first = others[0]
            if time.monotonic() > deadline:
                raise AliasError(
                    f"{first.by} has been deciding about {self._model} since {first.when}. Run it again when "
                    f"that is done; if that job was killed, in {max(1, round(first.left_s))} s."
                )
            log.info("%s is deciding about %s; waiting", first.by, self._model)
            time.sleep(random.uniform(*_PAUSE_S))

    def withdraw(self) -> None:
        """Let others decide, whatever has happened."""
        try:
            self._remove(self._key)
        except AliasError:
            return  # no such model
        except AdcraftError as error:
            log.warning("%s Others have to wait for %.0f s before they can decide.", error, LEASE_S)

    def _announce(self) -> bool:
        """False where no such model is registered: there is nothing to decide, as the caller will say."""
        now = datetime.now(UTC)
        claim = _Claim(by=self._by, when=now.isoformat(timespec="seconds"), at=now.timestamp())
        try:
            with explained(self._uri, f"announcing a decision about {self._model}"):
                self._client.set_registered_model_tag(self._model, self._key, claim.model_dump_json())
        except AliasError:
            return False
        return True

    def _others(self) -> list[_Claim]:
        others = []
        for key, text in self._tags().items():
            if key == self._key or not key.startswith(DECIDING_TAG):
                continue
            try:
                claim = _Claim.model_validate_json(text)
            except ValidationError:
                continue  # none of ours
            if claim.left_s > 0:
                others.append(claim)
                continue
            log.warning("%s began to decide at %s and never ended; taken for killed", claim.by, claim.when)
            self._remove(key)
        return others

    def _tags(self) -> Mapping[str, str]:
        with explained(self._uri, f"reading the tags of {self._model}"):
            return dict(self._client.get_registered_model(self._model).tags)

    def _remove(self, key: str) -> None:
        """One that is not there is no fault."""
        with explained(self._uri, f"withdrawing a decision about {self._model}"):
            self._client.delete_registered_model_tag(self._model, key)
