"""Puts data source, folder and dashboards into a Grafana, by its API. Run again, it changes what differs.

    GRAFANA_TOKEN_FILE=token python -m dashboards.provision --url https://grafana.example [--prometheus URL]

The token of a service account is read from GRAFANA_TOKEN, or from the file that GRAFANA_TOKEN_FILE names: a
command line is seen by everybody on the machine. Where Grafana reads files instead, give it
dashboards/built/grafana.
"""

from __future__ import annotations

import copy
import os
import sys
from pathlib import Path
from typing import Any

from adcraft import console
from adcraft.errors import MonitoringError
from dashboards.boards import ALL
from dashboards.build import SCRAPE_S
from dashboards.grafana import Change, Grafana
from dashboards.grafana_json import grafana_json

URL_VARIABLE, TOKEN_VARIABLE, FILE_VARIABLE = "GRAFANA_URL", "GRAFANA_TOKEN", "GRAFANA_TOKEN_FILE"
FOLDER, FOLDER_TITLE = "adcraft", "Adcraft"
SOURCE, SOURCE_NAME = "adcraft-prometheus", "Adcraft's Prometheus"


def grafana_from(url: str) -> Grafana:
    """A Grafana that is there and takes the token of the environment.

    Raises:
        MonitoringError: there is no token, or no such Grafana, or they don't fit.
    """
    grafana = Grafana(url, _token())
    grafana.check()
    return grafana


def provision(grafana: Grafana, prometheus_url: str) -> dict[str, Change]:
    """Have all of it there; what was done to each, by what it is.

    Args:
        grafana: where.
        prometheus_url: as Grafana reaches it.

    Raises:
        MonitoringError: Grafana can't be reached, or refuses.
    """
    source = {
        "uid": SOURCE,
        "name": SOURCE_NAME,
        "type": "prometheus",
        "access": "proxy",
        "url": prometheus_url,
        "jsonData": {"timeInterval": f"{SCRAPE_S}s", "httpMethod": "POST"},
    }
    done: dict[str, Change] = {
        "data source": grafana.data_source(source),
        "folder": grafana.folder(FOLDER, FOLDER_TITLE),
    }
    for board in ALL:
        done[board.name] = grafana.dashboard(_with_source(grafana_json(board)), FOLDER)
    return done


def _with_source(tree: dict[str, Any]) -> dict[str, Any]:
    """The dashboard, on our data source unless somebody chooses another."""
    tree = copy.deepcopy(tree)
    [source] = [each for each in tree["templating"]["list"] if each["type"] == "datasource"]
    source["current"] = {"selected": True, "text": SOURCE_NAME, "value": SOURCE}
    return tree


def _token() -> str:
    if token := os.environ.get(TOKEN_VARIABLE, "").strip():
        return token
    name = os.environ.get(FILE_VARIABLE, "")
    if not name:
        raise MonitoringError(
            f"Grafana wants a token. Put that of a service account into {TOKEN_VARIABLE}, or its file into "
            f"{FILE_VARIABLE}."
        )
    try:
        return Path(name).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise MonitoringError(f"{FILE_VARIABLE} names {name}, which can't be read: {error}.") from error


def main() -> int:
    """Put all of it there, and tell what changed."""
    parser = console.Parser(prog="python -m dashboards.provision", description=__doc__)
    parser.add_argument(
        "--url", default=os.environ.get(URL_VARIABLE, ""), help=f"of Grafana; default: {URL_VARIABLE}"
    )
    parser.add_argument(
        "--prometheus",
        default="http://127.0.0.1:9090",
        metavar="URL",
        help="as Grafana reaches it; default: http://127.0.0.1:9090",
    )
    parsed = parser.parse_args()
    return console.run(
        "dashboards.provision", "provision", False, lambda: _run(parsed.url, parsed.prometheus)
    )


def _run(url: str, prometheus_url: str) -> dict[str, Any]:
    if not url:
        raise MonitoringError(f"Which Grafana? Give --url, or set {URL_VARIABLE}.")
    done = provision(grafana_from(url), prometheus_url)
    changed = [name for name, change in done.items() if change in {"created", "updated"}]
    if not changed:
        print("Nothing had to be changed.", file=sys.stderr)
    return {"url": url, "changed": changed, "items": done}


if __name__ == "__main__":
    sys.exit(main())
