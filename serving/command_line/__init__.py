"""The command `siterisk`: where the floors meet."""

from __future__ import annotations

import sys

from serving.command_line.application import run


def main() -> None:
    """Run the command line of this process and exit with its code."""
    sys.exit(run(sys.argv[1:]))
