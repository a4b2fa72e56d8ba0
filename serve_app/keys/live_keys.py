"""The API keys as a running server sees them: read again when the file has changed."""

from __future__ import annotations

import hmac
import logging
import time
from collections.abc import Callable
from pathlib import Path

from adcraft.errors import SettingsError
from serve_app.keys.key_file import TOKEN, ApiKey, digest, read_keys

log = logging.getLogger("ray.serve")

LOOK_EVERY_S = 1.0
_NOBODYS = bytes(32)


class LiveKeys:
    """The keys in a file. Once there has been a file, a key is needed, whatever becomes of it."""

    def __init__(
        self, path: Path, *, needed: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Nothing is read yet.

        Args:
            path: of the file; there may be none.
            needed: whether a key is needed even if there is no file.
            clock: seconds.
        """
        self._path = path
        self._needed = needed
        self._clock = clock
        self._keys: dict[str, ApiKey] = {}
        self._look_at = -1.0
        self._read: tuple[int, int, int] | None = None
        self._fault = ""

    def needed(self) -> bool:
        """Whether a request needs a key."""
        self._refresh()
        return self._needed

    def find(self, token: str) -> ApiKey | None:
        """The key that was sent, if there is such a one and it was not revoked.

        It takes as long for an id that does not exist as for a wrong secret.
        """
        self._refresh()
        form = TOKEN.fullmatch(token)
        key = self._keys.get(form["id"]) if form else None
        same = hmac.compare_digest(digest(token), bytes.fromhex(key.sha256) if key else _NOBODYS)
        return key if same and key and not key.revoked_at else None

    def _refresh(self) -> None:
        """Read a file that has changed; from one that can't be read, the keys stay as they were."""
        now = self._clock()
        if now < self._look_at:
            return
        self._look_at = now + LOOK_EVERY_S
        try:
            stat = self._path.stat()
            state = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if state == self._read:
                return
            keys = read_keys(self._path)
        except FileNotFoundError:
            self._keep(f"The file of API keys, {self._path}, is gone." if self._needed else "")
        except (SettingsError, OSError) as error:
            self._needed = True
            self._keep(str(error))
        else:
            self._read, self._needed, self._fault = state, True, ""
            self._keys = {key.id: key for key in keys}
            log.info("%d API keys were read from %s", len(keys), self._path)

    def _keep(self, fault: str) -> None:
        self._read = None
        if fault and fault != self._fault:
            log.error("%s The keys stay as they were: %d.", fault, len(self._keys))
        self._fault = fault
