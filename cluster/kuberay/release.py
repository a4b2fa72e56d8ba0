"""The one place that says which Ray and which image the cluster runs."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Literal, get_args

from adcraft import __version__
from adcraft.errors import SettingsError

ROOT = Path(__file__).parents[2]
IMAGE = "adcraft"
"""Name of the project's own image; an overlay puts a registry before it."""

Device = Literal["cpu", "gpu"]
DEVICES: tuple[Device, ...] = get_args(Device)


def ray_version(constraints: Path = ROOT / "constraints.txt") -> str:
    """Ray's version as the constraints pin it.

    Raises:
        SettingsError: they don't.
    """
    found = re.search(r"^ray==(\S+)$", constraints.read_text(encoding="utf-8"), re.MULTILINE)
    if not found:
        raise SettingsError(f"{constraints} has no line 'ray==VERSION'. Put it back: make lock.")
    return found[1]


def image_tag(device: Device, ray: str) -> str:
    """The tag of the image with that Ray: it says what is in it, so the same tag is never another image."""
    return f"{__version__}-ray{ray}" + ("-gpu" if device == "gpu" else "")


def main() -> None:
    """Print the tag of an image."""
    parser = argparse.ArgumentParser(description="Print the image's tag, which names the Ray that is in it.")
    parser.add_argument("device", choices=DEVICES)
    device: Device = parser.parse_args().device
    print(image_tag(device, ray_version()))


if __name__ == "__main__":
    main()
