"""The command caption-zoo."""

import sys

from caption_zoo import require


def main() -> None:
    """Run it; where our packages cannot be had, say so in one line and end with exit code 2."""
    try:
        require()
    except ImportError as error:
        sys.stderr.write(f"caption-zoo: {error}\n")
        sys.exit(2)
    from benchmarks.cli.main import entry_point

    entry_point()
