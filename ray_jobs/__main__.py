"""``python -m ray_jobs STAGE [--config FILE] [--set KEY=VALUE ...]``."""

import sys

from ray_jobs.command_line import main

if __name__ == "__main__":
    sys.exit(main())
