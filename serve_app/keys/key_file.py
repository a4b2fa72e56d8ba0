"""The file of API keys: made, read and revoked. What it keeps of a key is its SHA-256."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal, get_args

from filelock import FileLock
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from adcraft.errors import SettingsError, StorageError

Scope = Literal["predict", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)

TOKEN = re.compile(r"adc_(?P<id>[0-9a-f]{8})_[0-9a-f]{64}")
"""A key as it is sent: its id, which is no secret, and 256 random bits."""

MAX_NAME_CHARS = 100
_SHOWN_CHARS = 4


class ApiKey(BaseModel):
    """What is known of a key.

    The secret is 256 random bits, so nobody finds it by trying: the hash needs neither salt nor a slow
    function, as a password's would.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[0-9a-f]{8}$")
    name: str = Field(min_length=1, max_length=MAX_NAME_CHARS)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    last_four: str = Field(min_length=_SHOWN_CHARS, max_length=_SHOWN_CHARS)
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1)]
    created_at: AwareDatetime
    revoked_at: AwareDatetime | None = None


class _Content(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    keys: tuple[ApiKey, ...]

    @model_validator(mode="after")
    def _ids_differ(self) -> _Content:
        if len({key.id for key in self.keys}) < len(self.keys):
            raise ValueError("two keys have the same id")
        return self


def digest(token: str) -> bytes:
    """The SHA-256 of a key as it is sent."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def read_keys(path: Path) -> tuple[ApiKey, ...]:
    """All keys of the file, revoked ones too.

    Raises:
        FileNotFoundError: there is none.
        SettingsError: it can't be read, or is not such a file.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise SettingsError(f"The API keys in {path} can't be read: {error.strerror}.") from error
    try:
        return _Content.model_validate_json(content).keys
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, fault["loc"])) or "the whole"
        raise SettingsError(
            f"{path} is no file of API keys: {where}: {fault['msg']}. Put back a copy of it; or "
            "move it away and create new keys: python -m serve_app keys create --name NAME."
        ) from None


def create_key(path: Path, name: str, scopes: Sequence[Scope]) -> tuple[ApiKey, str]:
    """A new key in the file, which is made if there is none; and the key itself, which is kept nowhere.

    Raises:
        SettingsError: the name can't be one, or the file is broken.
        StorageError: it can't be written.
    """
    name = name.strip()
    if not name or len(name) > MAX_NAME_CHARS or not name.isprintable():
        raise SettingsError(
            f"--name {name[: MAX_NAME_CHARS + 1]!r} must have 1 to {MAX_NAME_CHARS} characters that can be "
            "printed."
        )
    with _changing(path) as keys:
        taken = {key.id for key in keys}
        new = next(new for new in iter(lambda: secrets.token_hex(4), "") if new not in taken)
        token = f"adc_{new}_{secrets.token_hex(32)}"
        key = ApiKey(
            id=new,
            name=name,
            sha256=digest(token).hex(),
            last_four=token[-_SHOWN_CHARS:],
            scopes=tuple(scope for scope in SCOPES if scope in scopes),
            created_at=_now(),
        )
        keys.append(key)
    return key, token


def revoke_key(path: Path, id: str) -> ApiKey:  # noqa: A002 - it is the key's id
    """The key, which opens nothing from now on. One that was revoked before stays as it is.

    Raises:
        SettingsError: there is no such key, or the file is broken.
        StorageError: it can't be written.
    """
    with _changing(path) as keys:
        for index, key in enumerate(keys):
            if key.id == id:
                keys[index] = key if key.revoked_at else key.model_copy(update={"revoked_at": _now()})
                return keys[index]
    # Not what was given: it may be a whole key.
    raise SettingsError(
        f"There is no key of that id in {path}. An id is the eight digits after adc_; see them all: "
        "python -m serve_app keys list."
    )


@contextlib.contextmanager
def _changing(path: Path) -> Iterator[list[ApiKey]]:
    """The keys, to be changed while nobody else does. What is in the list afterwards is in the file."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock", mode=0o600):
            try:
                before = read_keys(path)
            except FileNotFoundError:
                before = ()
            keys = list(before)
            yield keys
            if tuple(keys) != before:
                _write(path, keys)
    except OSError as error:
        raise StorageError(f"The API keys in {path} can't be written: {error}.") from error


def _write(path: Path, keys: Sequence[ApiKey]) -> None:
    """Put a whole new file, for its owner alone, in the place of the old one."""
    text = _Content(keys=tuple(keys)).model_dump_json(indent=2) + "\n"
    handle, name = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)  # of mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
