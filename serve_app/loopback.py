"""Replicas of a Ray that is on this machine's loopback address listen there alone, too."""

from __future__ import annotations

import functools
import ipaddress
from typing import Any


def listen_where_ray_does() -> None:
    """Call it in a replica's constructor, which Serve runs before it opens the replica's own port.

    By that port deployments send each other pickles, without a token, and Serve opens it on every
    interface. By another, an ingress replica takes requests from HAProxy, on all addresses that HAProxy
    listens on. Where Ray's node has the loopback address, nobody else needs them. On a cluster, RAY_USE_TLS
    and a NetworkPolicy guard the first, and keys the second. Outside Ray this does nothing.
    """
    import ray

    if not ray.is_initialized():
        return
    from ray.serve._private import replica

    address = ray.util.get_node_ip_address()
    if ipaddress.ip_address(address).is_loopback:
        internals: Any = replica  # Serve 2.60 has no setting for it
        internals.add_port_to_grpc_server = functools.partial(_at, address, internals.add_port_to_grpc_server)
        internals.start_asgi_http_server = functools.partial(
            _http_at, address, internals.start_asgi_http_server
        )


def _at(host: str, add_port: Any, server: Any, address: str) -> int:
    port: int = add_port(server, f"{host}:{address.rpartition(':')[2]}")
    return port


async def _http_at(host: str, start: Any, app: Any, options: Any, **arguments: Any) -> Any:
    return await start(app, options.model_copy(update={"host": host}), **arguments)
