"""What the record of a packed model has besides its run's: see `benchmarks.cell.pack`."""

from collections.abc import Mapping
from typing import Any

ABOUT = "about.md"  # beside the record: its owner's words for the card
WEIGHTS_DTYPE = "weights_dtype"  # in the environment: what the weights were rounded to after training
SCORED = "scored"  # there too: what differed where captions and scores were made anew


def is_packed(environment: Mapping[str, Any]) -> bool:
    """Whether captions and scores of the record with this environment are of rounded weights, not of its run's."""
    return WEIGHTS_DTYPE in environment
