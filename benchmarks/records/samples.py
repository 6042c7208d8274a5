"""The samples of a record, as whoever shows them reads them."""

from base64 import b64decode
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

GALLERY = "gallery.json"  # beside the record: what of its samples may not be passed on
PICKS = ("best", "median", "worst")


def maps(sample: Mapping[str, Any]) -> Iterator[np.ndarray]:
    """One map (h, w) for each word of a sample, in shares of the look; none where the model does not look."""
    if sample.get("maps"):
        height, width = sample["grid"]
        shares = np.frombuffer(b64decode(sample["maps"]), dtype=np.uint8).reshape(-1, height, width)
        yield from shares * (sample["peak"] / 255)
