"""The ingress deployment: answers HTTP, and calls the generator replicas through their handle."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any

from serve_app.args import ServeArgs
from serve_app.counting.meter import Meter
from serve_app.counting.ray_metrics import replica_sink
from serve_app.handles import Deployments
from serve_app.keys.exposure import check_keys, host_of_serve, key_needed
from serve_app.loopback import listen_where_ray_does
from serve_app.whole_answers import answer_in_one_piece

if TYPE_CHECKING:
    from fastapi import FastAPI
    from ray.serve.handle import DeploymentHandle


class Ingress:
    """Serve calls ``__serve_build_asgi_app__`` in the replica, so nothing of FastAPI is pickled."""

    def __init__(
        self, generators: DeploymentHandle[Any], control: DeploymentHandle[Any], args: ServeArgs
    ) -> None:
        """Does not start without an API key where it needs one.

        Raises:
            SettingsError: there is none, or their file can't be read.
        """
        listen_where_ray_does()
        answer_in_one_piece()
        host = host_of_serve()
        check_keys(args, host)
        self._key_needed = key_needed(args, host)
        self._meter = Meter(replica_sink())
        self._deployments = Deployments(generators, control, args.serve, self._meter)
        self._args = args

    def __serve_build_asgi_app__(self) -> FastAPI:
        """The ASGI application of this replica."""
        import ray

        from serve_app.http.access_log import open_access_log
        from serve_app.http.admission import Admission, capacity
        from serve_app.http.routes import build_http
        from serve_app.keys.live_keys import LiveKeys

        versions = {"ray": ray.__version__, "python": platform.python_version()}
        return build_http(
            self._deployments,
            self._args.serve,
            versions,
            keys=LiveKeys(self._args.keys_file, needed=self._key_needed),
            access_log=open_access_log(self._args.access_log_file),
            admission=Admission(capacity(self._args.serve), self._meter),
            meter=self._meter,
        )
