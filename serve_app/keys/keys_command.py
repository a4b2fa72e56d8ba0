"""API keys of the server: create, list, revoke.

python -m serve_app keys create --name NAME [--scope predict] [--scope admin]
python -m serve_app keys list
python -m serve_app keys revoke ID

They lie in <home>/keys.json, or where serve.keys says. A server that runs sees a change within seconds. A
key is shown once, when it is created: only its hash is kept.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from adcraft import console
from adcraft.settings import load_settings
from serve_app.args import ServeArgs
from serve_app.keys.key_file import SCOPES, ApiKey, create_key, read_keys, revoke_key


def main(arguments: Sequence[str]) -> int:
    """Do what the arguments after ``keys`` say. Returns the process's exit code."""
    parsed = _parser().parse_args(arguments)
    console.log_to_stderr(parsed.debug)
    stage = f"keys {parsed.action}"
    return console.run("serve_app", stage, parsed.debug, lambda: _run(parsed))


def _run(parsed: argparse.Namespace) -> dict[str, Any]:
    path = ServeArgs.of(load_settings(parsed.config, parsed.set)).keys_file
    if parsed.action == "create":
        key, token = create_key(path, parsed.name, parsed.scope or ["predict"])
        print("The key is shown here and never again; 'Authorization: Bearer KEY' is how it is sent.")
        return {"file": str(path), **_shown(key), "key": token}
    if parsed.action == "revoke":
        return {"file": str(path), **_shown(revoke_key(path, parsed.id))}
    try:
        keys = read_keys(path)
    except FileNotFoundError:
        keys = ()
    print(f"{len(keys)} in {path}")
    for key in keys:
        print(_line(key))
    return {"file": str(path), "keys": [_shown(key) for key in keys]}


def _shown(key: ApiKey) -> dict[str, Any]:
    return key.model_dump(mode="json", exclude={"sha256"})


def _line(key: ApiKey) -> str:
    revoked = f", revoked {key.revoked_at:%Y-%m-%d %H:%M}" if key.revoked_at else ""
    scopes = "+".join(key.scopes)
    return f"{key.id}  ...{key.last_four}  {scopes:13}  {key.created_at:%Y-%m-%d %H:%M}  {key.name}{revoked}"


def _parser() -> argparse.ArgumentParser:
    parser = console.Parser(prog="python -m serve_app keys", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = _action(actions, "create", "make a key, and show it once")
    create.add_argument("--name", required=True, metavar="NAME", help="who or what uses it")
    create.add_argument(
        "--scope", action="append", choices=SCOPES, help="what it is for; default: predict; may be repeated"
    )
    listing = _action(actions, "list", "all keys, without what is secret of them")
    revoke = _action(actions, "revoke", "make a key open nothing any more")
    revoke.add_argument("id", metavar="ID", help="of the key: the eight digits after adc_")
    for action in (create, listing, revoke):
        action.add_argument("--config", type=Path, metavar="FILE", help="settings as YAML")
        action.add_argument(
            "--set", action="append", default=[], metavar="KEY=VALUE", help="e.g. serve.keys=/srv/keys.json"
        )
        action.add_argument("--debug", action="store_true", help="tracebacks and debug logs")
    return parser


def _action(actions: Any, name: str, help_: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=help_, description=help_)
    return parser
