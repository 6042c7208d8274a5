"""The command caption-zoo."""

import sys

from caption_zoo import hidden


def main() -> None:
    """Run it; where one of our packages is hidden, say so and end with exit code 2."""
    if why := hidden():
        sys.stderr.write(f"caption-zoo: {why}\n")
        sys.exit(2)
    from benchmarks.cli.main import entry_point

    entry_point()
