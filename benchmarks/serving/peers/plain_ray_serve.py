"""Ray Serve as it comes, with a deployment that does nothing.

It takes as many requests at a time as there are callers: with Serve's default of five, all others wait until
its proxy tries again, which it does ever more seldom.
"""

from __future__ import annotations

from typing import Any

from benchmarks.serving.peers.arguments import peer_arguments
from benchmarks.serving.peers.ray_serve import serve_until_stopped

_ONGOING = 128


def build() -> Any:
    """The application."""
    from ray import serve

    class Health:
        async def __call__(self) -> dict[str, str]:
            return {"status": "ok"}

    return serve.deployment(max_ongoing_requests=_ONGOING)(Health).bind()


if __name__ == "__main__":
    given = peer_arguments(__doc__)
    serve_until_stopped(build(), given.port, "/")
