"""Passwords and tokens of a cluster, drawn at random: none is there to begin with, and none is kept here.

    python -m cluster.passwords kubernetes | kubectl create -n adcraft -f -
    python -m cluster.passwords compose                    writes var/compose/passwords.env

The first prints Secrets, and ``create`` refuses those that exist. The second writes a file for its owner
alone, and refuses to replace it: a database keeps the password that it was made with.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adcraft import console
from adcraft.errors import SettingsError

SECRETS: Mapping[str, tuple[str, ...]] = {
    "adcraft-ray-token": ("auth_token",),
    "adcraft-redis": ("password",),
    "adcraft-postgres": ("password",),
    "adcraft-object-store": ("access_key", "secret_key"),
}
"""Keys of each Secret that is drawn here."""

ALL_SECRETS: Mapping[str, tuple[str, ...]] = {**SECRETS, "adcraft-api-keys": ("keys.json",)}
"""Those, and the file that 'python -m serve_app keys create' makes."""

COMPOSE_VARIABLES = (
    "RAY_AUTH_TOKEN",
    "REDIS_PASSWORD",
    "POSTGRES_PASSWORD",
    "OBJECT_STORE_ACCESS_KEY",
    "OBJECT_STORE_SECRET_KEY",
    "GRAFANA_PASSWORD",
)
COMPOSE_FILE = Path("var/compose/passwords.env")
_BYTES = 24  # 192 bits; as hexadecimal digits they stand in URLs and shells as they are


def draw() -> str:
    """A new password."""
    return secrets.token_hex(_BYTES)


def manifests() -> str:
    """Secrets, as YAML."""
    import yaml

    return yaml.safe_dump_all(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name},
            "type": "Opaque",
            "stringData": {key: draw() for key in keys},
        }
        for name, keys in SECRETS.items()
    )


def write_compose_file(path: Path) -> None:
    """Write the variables that compose.yaml needs.

    Raises:
        SettingsError: the file exists.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise SettingsError(
            f"{path} exists, and what runs was started with it. To draw new passwords, end the stack with "
            "its volumes (docker compose down --volumes), remove the file, and run this again."
        ) from None
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.writelines(f"{name}={draw()}\n" for name in COMPOSE_VARIABLES)


def main() -> int:
    """Print or write them."""
    parser = console.Parser(prog="python -m cluster.passwords", description=__doc__)
    parser.add_argument("wanted", choices=("kubernetes", "compose"))
    parser.add_argument(
        "--file", type=Path, default=COMPOSE_FILE, help=f"of compose; default: {COMPOSE_FILE}"
    )
    parsed = parser.parse_args()
    if parsed.wanted == "kubernetes":
        sys.stdout.write(manifests())
        return 0
    return console.run("cluster.passwords", "passwords", False, lambda: _write(parsed.file))


def _write(path: Path) -> dict[str, Any]:
    write_compose_file(path)
    return {"path": str(path)}


if __name__ == "__main__":
    sys.exit(main())
