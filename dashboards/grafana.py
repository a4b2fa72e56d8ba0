"""What is asked of a Grafana, 10 to 13: a folder, a data source and dashboards, each known by its uid alone.

Behind it is the package ``grafana-api``, which takes an empty answer for a fault, breaks on error pages that
are no JSON, and knows data sources by numbers, which Grafana 13 refuses; so only its raw calls are used, and
here alone.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping
from typing import Any, Literal

from adcraft.errors import MonitoringError

Change = Literal["created", "updated", "unchanged", "left to its file"]

_TIMEOUT_S = 10.0


class Grafana:
    """One server, seen with one token."""

    def __init__(self, url: str, token: str) -> None:
        """Nothing is asked yet.

        Args:
            url: such as ``https://grafana.example`` or ``http://127.0.0.1:3000/below``.
            token: of a service account.

        Raises:
            MonitoringError: the URL is none, or the token can't be one.
        """
        from grafana_api.grafana_api import GrafanaAPI

        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or "@" in parts.netloc:
            raise MonitoringError(
                f"{url!r} is no address of a Grafana. It looks like https://grafana.example, without a "
                f"password."
            )
        if not token or not token.isascii() or any(letter.isspace() for letter in token):
            raise MonitoringError("The token of Grafana is empty, or has characters that no token has.")
        self.url = url.rstrip("/")
        path = parts.path.strip("/")
        self._api = GrafanaAPI(
            token,
            host=f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname,
            port=parts.port,
            url_path_prefix=f"{path}/" if path else "",
            protocol=parts.scheme,
            timeout=_TIMEOUT_S,
        )

    def check(self) -> None:
        """See that a Grafana is there, and takes the token.

        Raises:
            MonitoringError: it can't be reached, is none, or refuses.
        """
        if "database" not in self._call("GET", "/health", "tell whether it is well"):
            raise MonitoringError(f"What answers at {self.url} is no Grafana. Check the address.")
        self._call("GET", "/search?limit=1", "be searched")

    def folder(self, uid: str, title: str) -> Change:
        """Have a folder of that title."""
        found = self._find(f"/folders/{uid}", f"show the folder {title}")
        if found is None:
            self._call("POST", "/folders", f"make the folder {title}", {"uid": uid, "title": title})
            return "created"
        if found["title"] == title:
            return "unchanged"
        changed = {"title": title, "version": found["version"]}
        self._call("PUT", f"/folders/{uid}", f"rename the folder to {title}", changed)
        return "updated"

    def data_source(self, wanted: Mapping[str, Any]) -> Change:
        """Have a data source with what is ``wanted``, which is found by its ``uid``."""
        path, name = f"/datasources/uid/{wanted['uid']}", wanted["name"]
        found = self._find(path, f"show the data source {name}")
        if found is None:
            self._call("POST", "/datasources", f"make the data source {name}", wanted)
            return "created"
        if _has(found, wanted):
            return "unchanged"
        if found.get("readOnly"):
            return "left to its file"
        theirs = {key: value for key, value in found.items() if key != "id"}
        self._call("PUT", path, f"change the data source {name}", {**theirs, **wanted})
        return "updated"

    def dashboard(self, wanted: Mapping[str, Any], folder_uid: str) -> Change:
        """Have a dashboard in the folder. Who saves it at the same time is not overruled.

        Raises:
            MonitoringError: somebody just saved it, or Grafana refuses it.
        """
        title = wanted["title"]
        found = self._find(f"/dashboards/uid/{wanted['uid']}", f"show the dashboard {title}")
        meta = found["meta"] if found else {}
        if found and meta.get("folderUid") == folder_uid and _has(found["dashboard"], wanted):
            return "unchanged"
        if meta.get("provisioned"):
            return "left to its file"
        version = {"version": found["dashboard"]["version"]} if found else {}
        body = {
            "dashboard": {**wanted, "id": None, **version},
            "folderUid": folder_uid,
            "message": "make dashboards",
            "overwrite": False,
        }
        self._call("POST", "/dashboards/db", f"save the dashboard {title}", body)
        return "updated" if found else "created"

    def _find(self, path: str, doing: str) -> Any:
        """What is there, or None."""
        from grafana_api.grafana_api import GrafanaClientError

        try:
            return self._call("GET", path, doing)
        except MonitoringError as error:
            if isinstance(error.__cause__, GrafanaClientError) and error.__cause__.status_code == 404:
                return None
            raise

    def _call(self, method: str, path: str, doing: str, body: Mapping[str, Any] | None = None) -> Any:
        """What it answers; an empty answer is an empty one.

        Args:
            method: of HTTP.
            path: below ``/api``.
            doing: what it is to do, for people.
            body: of JSON.

        Raises:
            MonitoringError: it can't be reached, or refuses.
        """
        import requests
        from grafana_api.grafana_api import GrafanaException

        try:
            return getattr(self._api, method)(path, json=body)
        except requests.exceptions.JSONDecodeError as error:
            if not error.doc.strip():
                return {}
            raise MonitoringError(_no_grafana(self.url, error.doc)) from error
        except requests.exceptions.RequestException as error:
            raise MonitoringError(
                f"Grafana at {self.url} can't be reached: {_reason(error)}. Check the address, and whether "
                f"it runs."
            ) from error
        except GrafanaException as error:
            raise MonitoringError(_explained(error, self.url, doing)) from error
        except TypeError as error:  # grafana-api looks for a message in an error page as if it were JSON
            raise MonitoringError(_no_grafana(self.url, "an error page")) from error


def _has(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether all that is wanted is there; what a server adds beside it does not count."""
    return all(
        _has(found[key], value) if isinstance(value, dict) and isinstance(found.get(key), dict)
        else key in found and found[key] == value
        for key, value in wanted.items()
    )  # fmt: skip


def _explained(error: Any, url: str, doing: str) -> str:
    said = str(error.message)[:300]
    match error.status_code:
        case 401:
            return (
                f"Grafana at {url} does not know the token. It is read from GRAFANA_TOKEN or "
                f"GRAFANA_TOKEN_FILE; a new one is made at {url}/org/serviceaccounts."
            )
        case 403:
            return (
                f"Grafana at {url} knows the token, but does not let it {doing}: {said}. Its service "
                "account needs the role Editor for folder and dashboards, and Admin for the data source."
            )
        case 404:
            return f"Grafana at {url} has nothing to {doing} with (404). Check the path of the address."
        case 409 | 412:
            return (
                f"Grafana at {url} did not {doing}: {said}. Somebody changed it at the same time, or "
                "something else has its name. Look at it there, and run this again."
            )
    return f"Grafana at {url} did not {doing}: {said}"


def _no_grafana(url: str, said: str) -> str:
    first = " ".join(said.split())[:80]
    return f"What answers at {url} is no Grafana, or a login page before one: {first}. Check the address."


def _reason(error: Exception) -> str:
    """Without the packages' own wrappings."""
    while isinstance(error.args[0] if error.args else None, Exception):
        error = error.args[0]
    reason = getattr(error, "reason", None)
    return str(reason or error).rpartition(": ")[2]
