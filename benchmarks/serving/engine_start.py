"""An engine from nothing to its first text: ``python -m benchmarks.serving.engine_start BUNDLE RECORD``.

It is timed from outside, from the start of the process to its end, which comes at once.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from adcraft.inference.bundle import open_bundle
from adcraft.inference.generator import Generator

if __name__ == "__main__":
    [made] = Generator.load(open_bundle(Path(sys.argv[1]))).generate([json.loads(sys.argv[2])])
    print(made.texts[0], flush=True)
    os._exit(0)
