"""Answers as Grafana 10 and 13 do, as far as it is asked; after their HTTP API reference."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "glsa_editor"
VIEWER = "glsa_viewer"
_NOTHING = (204, None)


class GrafanaServer(ThreadingHTTPServer):
    """State of one Grafana, on a free port of 127.0.0.1.

    Attributes:
        major: 10 or 13.
        writes: method and path of each request that changed something, or tried to.
        by_number: paths that were asked with a number in place of a uid.
        saved_meanwhile: somebody else saves a dashboard between the next look and the next write.
    """

    daemon_threads = True

    def __init__(self, major: int) -> None:
        self.major = major
        self.folders: dict[str, dict[str, Any]] = {}
        self.sources: dict[str, dict[str, Any]] = {}
        self.dashboards: dict[str, dict[str, Any]] = {}
        self.meta: dict[str, dict[str, Any]] = {}
        self.writes: list[str] = []
        self.by_number: list[str] = []
        self.saved_meanwhile = False
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Status, and a tree of JSON or nothing."""
        match [method, *path.removeprefix("/api/").split("/")]:
            case ["GET", "health"]:
                return 200, {"database": "ok", "version": f"{self.major}.0.0", "commit": "abc"}
            case ["GET", "search"]:
                return 200, []
            case [_, "folders", *rest]:
                return self._folder(method, rest, body)
            case [_, "datasources", "uid", uid]:
                return self._source(method, uid, body)
            case ["POST", "datasources"]:
                if any(each["name"] == body["name"] for each in self.sources.values()):
                    return 409, {"message": "data source with the same name already exists"}
                self.sources[body["uid"]] = {**_SOURCE, "id": 7, **body, "version": 1, "readOnly": False}
                return 200, {"datasource": self.sources[body["uid"]], "id": 7, "message": "Datasource added"}
            case [_, "datasources", _]:
                self.by_number.append(path)
                return (404, {"message": "Not found"}) if self.major >= 13 else (200, {})
            case ["GET", "dashboards", "uid", uid] if uid in self.dashboards:
                return 200, {"meta": dict(self.meta[uid]), "dashboard": dict(self.dashboards[uid])}
            case ["POST", "dashboards", "db"]:
                return self._save(body)
        return 404, {"message": "Dashboard not found", "traceID": ""}

    def _folder(self, method: str, rest: list[str], body: Any) -> tuple[int, Any]:
        uid = rest[0] if rest else body["uid"]
        if method == "GET":
            return (200, dict(self.folders[uid])) if uid in self.folders else (404, {"message": "not found"})
        if method == "POST":
            self.folders[uid] = {"uid": uid, "title": body["title"], "version": 1}
            return 200, self.folders[uid]
        if body["version"] != self.folders[uid]["version"]:
            return 412, {
                "message": "the folder has been changed by someone else",
                "status": "version-mismatch",
            }
        self.folders[uid] |= {"title": body["title"], "version": body["version"] + 1}
        return _NOTHING  # as a proxy in between may make of it

    def _source(self, method: str, uid: str, body: Any) -> tuple[int, Any]:
        if uid not in self.sources:
            return 404, {"message": "Data source not found"}
        if method == "GET":
            return 200, dict(self.sources[uid])
        if "id" in body and self.major >= 13:
            return 400, {"message": "numeric id"}
        if self.sources[uid]["readOnly"]:
            return 403, {"message": "Cannot update read-only data source"}
        self.sources[uid] |= {**body, "version": self.sources[uid]["version"] + 1}
        return _NOTHING

    def _save(self, body: Any) -> tuple[int, Any]:
        wanted = body["dashboard"]
        uid, found = wanted["uid"], self.dashboards.get(wanted["uid"])
        if body["folderUid"] not in self.folders:
            return 400, {"message": "folder not found"}
        if found and self.meta[uid].get("provisioned"):
            return 400, {"message": "Cannot save provisioned dashboard"}
        if found and self.saved_meanwhile:
            found["version"] += 1
        if found and not body["overwrite"] and wanted.get("version") != found["version"]:
            return 412, {
                "message": "The dashboard has been changed by someone else",
                "status": "version-mismatch",
            }
        version = found["version"] + 1 if found else 1
        self.dashboards[uid] = {**wanted, "id": 40 + len(self.dashboards), "version": version}
        self.meta[uid] = {"folderUid": body["folderUid"], "provisioned": False, "version": version}
        return 200, {"uid": uid, "id": self.dashboards[uid]["id"], "version": version, "status": "success"}


_SOURCE = {
    "orgId": 1,
    "basicAuth": False,
    "isDefault": False,
    "database": "",
    "user": "",
    "secureJsonFields": {},
}


class _Handler(BaseHTTPRequestHandler):
    server: GrafanaServer

    def do_GET(self) -> None:
        self._do()

    def do_POST(self) -> None:
        self._do()

    def do_PUT(self) -> None:
        self._do()

    def _do(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0]
        if self.command != "GET":
            self.server.writes.append(f"{self.command} {path}")
        status, tree = self._allowed(path) or self.server.answer(
            self.command, path, json.loads(content or b"null")
        )
        said = b"" if tree is None else json.dumps(tree).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def _allowed(self, path: str) -> tuple[int, Any] | None:
        """The answer to whoever may not."""
        if path == "/api/health":
            return None
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in {TOKEN, VIEWER}:
            said = "Invalid API key" if self.server.major < 13 else "Unauthorized"
            return 401, {"message": said, "messageId": "auth.unauthorized", "statusCode": 401, "traceID": ""}
        if token == VIEWER and self.command != "GET":
            return 403, {
                "message": "You'll need additional permissions to perform this action.",
                "title": "Access denied",
            }
        return None

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass
