"""Who can reach the server, and whether it has the API key that it then needs."""

from __future__ import annotations

import ipaddress

from adcraft.errors import SettingsError
from serve_app.args import ServeArgs
from serve_app.keys.key_file import read_keys

_CREATE = "python -m serve_app keys create --name NAME"


def here_alone(host: str) -> bool:
    """Whether what listens on ``host`` can be reached from this machine alone."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_of_serve() -> str:
    """The address that Serve listens on for HTTP; outside of a Ray that serves, localhost."""
    import ray

    if not ray.is_initialized():
        return "localhost"
    from ray.serve.context import _get_global_client

    client = _get_global_client(raise_if_no_controller_running=False)
    if client is None:
        return "localhost"
    return client.http_config.host or "0.0.0.0"  # noqa: S104 - without one, HAProxy takes all addresses


def key_needed(args: ServeArgs, host: str) -> bool:
    """Whether a server at ``host`` needs keys even if there is no file of them."""
    return bool(args.serve.keys) or not here_alone(host)


def check_keys(args: ServeArgs, host: str) -> None:
    """See that a server that needs a key has one which opens something.

    Raises:
        SettingsError: there is none, or the file can't be read.
    """
    try:
        usable = any(not key.revoked_at for key in read_keys(args.keys_file))
        found = "every API key in {} was revoked"
    except FileNotFoundError:
        if not key_needed(args, host):
            return
        usable, found = False, "there is no API key in {}"
    if usable:
        return
    if here_alone(host):
        raise SettingsError(f"A key is needed, and {found.format(args.keys_file)}. Create one: {_CREATE}.")
    raise SettingsError(
        f"Other machines can reach {host}, and {found.format(args.keys_file)}. Create one: {_CREATE}; or "
        "listen on 127.0.0.1 alone."
    )
