"""HAProxy as Ray Serve wants it, but for its owner alone: Serve starts this in the place of HAProxy.

    python -IS confined_haproxy.py HAPROXY ARGUMENTS...

rewrites the configuration that Serve has just written, and then becomes HAProxy, which ends with its parent.
Serve has no setting for what is changed here. It needs the standard library alone, and runs at each change
of replicas.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

_WHOLE_S = 10
"""For a request to arrive in, or as much of it as HAProxy has room for."""
_SECTION = re.compile(r"(global|defaults|frontend|backend|listen)\b")
_OPEN_TO_ALL = ("frontend prometheus", "listen stats")
_FRONTENDS = ("frontend http_frontend", "frontend grpc_frontend")
_SOCKET = re.compile(r"(\s+stats socket \S+ mode )666( level admin .*)")

_REQUEST_ID = """\
    acl usable_id req.hdr(x-request-id) -m reg ^[A-Za-z0-9._:/+=@-]{1,128}$
    http-request set-var(txn.id) req.hdr(x-request-id) if usable_id
    http-request set-var(txn.id) uuid if !{ var(txn.id) -m found }
    http-request set-header X-Request-Id %[var(txn.id)] if !{ req.hdr(x-request-id) -m found }"""

_ID = "%[var(txn.id)]"
_ERRORS = {
    408: ("timeout", f"The request did not arrive within {_WHOLE_S} s.", ""),
    500: ("internal", "A fault of the proxy before Adcraft.", ""),
    502: ("unavailable", "The server stopped while it answered. Try again.", " hdr Retry-After 1"),
    503: ("unavailable", "No server is ready. Try again.", " hdr Retry-After 5"),
    504: ("timeout", "No answer in time. Try again.", ""),
}


def main(arguments: Sequence[str]) -> None:
    """Become HAProxy. Ends with a sentence if the configuration is not as it should be."""
    haproxy, *options = arguments
    config = Path(options[options.index("-f") + 1])
    try:
        confined = confine(config.read_text(encoding="utf-8"))
    except ValueError as error:
        sys.exit(f"{config}: {error}")
    beside = config.with_name(f"{config.name}.{os.getpid()}")
    beside.write_text(confined, encoding="utf-8")
    beside.replace(config)
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG, which outlives execv
    os.execv(haproxy, [haproxy, *options])  # noqa: S606


def confine(config: str) -> str:
    """Without what listens on every interface, with a private admin socket, and with errors in our one shape.

    Raises:
        ValueError: this is not what Serve 2.60 writes, so what would listen is not known.
    """
    sections = list(_sections(config.splitlines()))
    names = [section[0].strip() for section in sections]
    if missing := [
        name for name in ("global", "defaults", *_OPEN_TO_ALL, _FRONTENDS[0]) if name not in names
    ]:
        raise ValueError(f"HAProxy is not started: Serve's configuration has no {missing[0]!r} section.")
    kept = [section for section in sections if section[0].strip() not in _OPEN_TO_ALL]
    lines = [line for section in kept for line in _confined(section[0].strip(), section)]
    return "\n".join(lines) + "\n"


def _sections(lines: Sequence[str]) -> Iterator[list[str]]:
    section: list[str] = []
    for line in lines:
        if _SECTION.match(line) and section:
            yield section
            section = []
        section.append(line)
    yield section


def _confined(name: str, section: list[str]) -> Iterator[str]:
    for line in section:
        words = line.split()
        if words[:1] == ["bind"] and name not in _FRONTENDS:
            raise ValueError(f"HAProxy is not started: {line.strip()!r} stands in {name!r}.")
        if words[:2] == ["stats", "socket"]:
            private, found = _SOCKET.subn(r"\g<1>600\g<2>", line)
            if name != "global" or not found:
                raise ValueError(
                    f"HAProxy is not started: {line.strip()!r} in {name!r} would be open to all."
                )
            yield private
        elif words[:1] == ["errorfile"] or (name == "global" and words[:1] == ["log"]):
            continue  # its own errors are below; and nobody collects its log, by UDP to port 514
        else:
            yield line
        if words[:1] == ["bind"] and name == _FRONTENDS[0]:
            yield _REQUEST_ID
    if name == "defaults":
        yield "    option http-buffer-request"  # what is not whole can't be sent again
        yield f"    timeout http-request {_WHOLE_S}s"
        yield from _errors()


def _errors() -> Iterator[str]:
    """Of HAProxy itself, once it has a request; what is not HTTP gets its own 400."""
    for status, (code, message, headers) in _ERRORS.items():
        body = f'{{"error": {{"code": "{code}", "message": "{message}", "request_id": "{_ID}"}}}}'
        escaped = body.replace('"', '\\"')
        yield (
            f'    http-error status {status} content-type application/json lf-string "{escaped}" '
            f"hdr X-Request-Id {_ID}{headers}"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
