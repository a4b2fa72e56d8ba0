"""``python -m tuning sweep --config FILE [--set KEY=VALUE ...]``, and ``report`` likewise."""

import sys

from tuning.command_line import main

if __name__ == "__main__":
    sys.exit(main())
