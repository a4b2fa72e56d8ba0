"""Whether a server works, asked from outside as a caller would: the first thing to run after a deployment.

    ADCRAFT_API_KEY=adc_... python -m cluster.smoke URL

It asks for health, readiness, a copy, a batch, where they come from, and metrics; and without the key, to
be refused. The key needs the scope predict. With --open the server is one on loopback that needs none.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from adcraft import console
from adcraft.errors import ClusterError, SettingsError
from adcraft.metric_names import HTTP_REQUESTS

if TYPE_CHECKING:
    import httpx

KEY_VARIABLE = "ADCRAFT_API_KEY"
_PRODUCT = {"product_name": "Running Shoes", "brand": "Nike"}
_PROVENANCE = ("name", "version", "run_id", "artifact_uri", "dataset_version")
_TELLS = 10  # replicas tell what they counted once a second
_TELL_S = 1.0
_SHOWN_CHARS = 200


class Smoke:
    """The checks, over one client; each raises with the reason."""

    def __init__(self, client: httpx.Client, key: str, sleep: Callable[[float], None]) -> None:
        """Without a key, the server is one that needs none."""
        self._client, self._sleep = client, sleep
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._guarded = bool(key)

    def health(self) -> None:
        """The process that answers HTTP is alive."""
        self._ask("GET", "/health")

    def ready(self) -> None:
        """A generator answers, and says which model it has."""
        self._has_provenance("/ready", self._ask("GET", "/ready").json())

    def refused_without_a_key(self) -> None:
        """Where keys are needed, nobody writes without one, or with one that was made up."""
        if not self._guarded:
            return
        for headers in ({}, {"Authorization": "Bearer adc_00000000_made-up"}):
            answer = self._send("POST", "/predict", _PRODUCT, headers)
            if answer.status_code != 401:
                how = "with a made-up" if headers else "without a"
                raise ClusterError(
                    f"/predict answers {answer.status_code} {how} key, and must answer 401. Only holders of "
                    "keys may write: see serve.keys."
                )

    def predict(self) -> None:
        """One product has a copy."""
        body = self._ask("POST", "/predict", _PRODUCT).json()
        if not body.get("creative") or body["creative"] not in body.get("variants", ()):
            raise ClusterError(f"/predict answers without a creative: {str(body)[:_SHOWN_CHARS]}")

    def batch(self) -> None:
        """Of two products the good one has a copy, and the bad one an error of its own."""
        body = self._ask("POST", "/batch_predict", {"items": [_PRODUCT, {"brand": "Nike"}]}).json()
        results = body.get("results", [])
        if len(results) != 2 or not results[0].get("creative") or not results[1].get("error"):
            raise ClusterError(
                f"/batch_predict must answer a copy and an error, and answers {str(body)[:_SHOWN_CHARS]}"
            )

    def provenance(self) -> None:
        """A copy names the model that wrote it, and that model is one of those that are served."""
        model = self._has_provenance("/predict", self._ask("POST", "/predict", _PRODUCT).json())
        served = [each["model"]["version"] for each in self._ask("GET", "/models").json()["models"]]
        if model["version"] not in served:
            known = ", ".join(served) or "none"
            raise ClusterError(f"A copy comes from version {model['version']}, and /models has {known}.")

    def metrics(self) -> None:
        """The copies above were counted, as soon as the replicas have told of them."""
        counted = re.compile(rf"^{HTTP_REQUESTS.name}{{.*/predict.*}} [1-9]", re.MULTILINE)
        for _ in range(_TELLS):
            text = self._ask("GET", "/metrics").text
            if counted.search(text):
                return
            self._sleep(_TELL_S)
        raise ClusterError(f"/metrics counts no {HTTP_REQUESTS.name} of /predict: {text[:_SHOWN_CHARS]!r}")

    def _ask(self, method: str, path: str, body: Any = None) -> httpx.Response:
        answer = self._send(method, path, body, self._headers)
        if answer.status_code != 200:
            raise ClusterError(f"{path} answers {answer.status_code}: {answer.text[:_SHOWN_CHARS]}")
        return answer

    def _send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> httpx.Response:
        import httpx

        try:
            return self._client.request(method, path, json=body, headers=headers)
        except httpx.HTTPError as error:
            raise ClusterError(f"{path} does not answer: {type(error).__name__}: {error}") from error

    @staticmethod
    def _has_provenance(path: str, body: dict[str, Any]) -> dict[str, Any]:
        model: dict[str, Any] = body.get("model") or {}
        if missing := [key for key in _PROVENANCE if not model.get(key)]:
            raise ClusterError(f"{path} does not say the model's {', '.join(missing)}: {model}")
        return model


def smoke(
    client: httpx.Client, key: str, tell: Callable[[str], None], sleep: Callable[[float], None] = time.sleep
) -> list[str]:
    """Run all checks, and return their names.

    Args:
        client: of the server.
        key: of the scope predict; empty where none is needed.
        tell: takes the name of each check that passed.
        sleep: waits so many seconds.

    Raises:
        ClusterError: what is wrong, after the name of the check.
    """
    checks = Smoke(client, key, sleep)
    passed = []
    for check in (
        checks.health,
        checks.ready,
        checks.refused_without_a_key,
        checks.predict,
        checks.batch,
        checks.provenance,
        checks.metrics,
    ):
        name = check.__name__.replace("_", " ")
        try:
            check()
        except ClusterError as error:
            raise ClusterError(f"{name}: {error}") from error
        passed.append(name)
        tell(name)
    return passed


def main() -> int:
    """Run them against a URL."""
    parser = console.Parser(prog="python -m cluster.smoke", description=__doc__)
    parser.add_argument("url", metavar="URL", help="such as http://127.0.0.1:8000")
    parser.add_argument("--open", action="store_true", help="the server needs no key")
    parser.add_argument("--timeout-s", type=float, default=60, metavar="SECONDS", help="of each request")
    parsed = parser.parse_args()
    return console.run("cluster.smoke", "smoke", False, lambda: _run(parsed))


def _run(parsed: argparse.Namespace) -> dict[str, Any]:
    import httpx

    key = os.environ.get(KEY_VARIABLE, "")
    if urlsplit(parsed.url).scheme not in ("http", "https") or not urlsplit(parsed.url).hostname:
        raise SettingsError(f"{parsed.url!r} is no URL of a server. Give one such as http://127.0.0.1:8000.")
    if bool(key) == parsed.open:
        raise SettingsError(
            f"With --open, {KEY_VARIABLE} must not be set." if key else
            f"{KEY_VARIABLE} is not set. Create a key (python -m serve_app keys create --name smoke), or "
            "give --open."
        )  # fmt: skip
    with httpx.Client(base_url=parsed.url, timeout=parsed.timeout_s, trust_env=False) as client:
        passed = smoke(client, key, lambda name: print(f"passed: {name}", file=sys.stderr, flush=True))
    return {"url": parsed.url, "passed": passed}


if __name__ == "__main__":
    sys.exit(main())
