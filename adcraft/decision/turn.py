"""One decision at a time: by a lock file on a machine, and by an announcement between machines."""

from __future__ import annotations

import contextlib
import logging
import random
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock
from pydantic import BaseModel, Field, ValidationError

from adcraft.decision.trail import now
from adcraft.errors import AdcraftError, AliasError
from adcraft.settings import Settings
from adcraft.tracking.connection import connect, embedded_artifacts, explained
from adcraft.tracking.provenance import who

if TYPE_CHECKING:
    from mlflow import MlflowClient

log = logging.getLogger(__name__)

DECIDING_TAG = "adcraft.deciding."
"""How the tag of an announcement begins; the rest of it is new each time."""

_PATIENCE_S = 60.0
_LEASE_S = 300.0
_PAUSE_S = (0.2, 1.0)


@contextlib.contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Keep others from deciding about ``tracking.model`` meanwhile; wait for one who does.

    Beside an SQLite file lies a lock for all who use it. A server is used from many machines, so who is
    going to decide says so in a tag of the registered model.

    Raises:
        AliasError: somebody else has been deciding for a minute.
        TrackingError: MLflow does not answer.
    """
    uri, model = settings.tracking.uri, settings.tracking.model
    artifacts = embedded_artifacts(uri)
    folder = Path(artifacts).parent if artifacts else Path(settings.home)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f"{model}.aliases.lock"):
        if artifacts:
            yield
            return
        announcement = _Announcement(uri, model, settings.promote.by or who())
        try:
            announcement.wait_for_turn()
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
        return self.at + _LEASE_S - time.time()


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

    def wait_for_turn(self) -> None:
        """Announce, until nobody else does."""
        deadline = time.monotonic() + _PATIENCE_S
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
            log.warning("%s Others have to wait for %.0f s before they can decide.", error, _LEASE_S)

    def _announce(self) -> bool:
        """False where no such model is registered: there is nothing to decide, as the caller will say."""
        claim = _Claim(by=self._by, when=now(), at=time.time())
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
