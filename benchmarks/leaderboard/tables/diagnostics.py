"""What the diagnostics of a run are called, and what they measure."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from benchmarks.leaderboard.tables.formatting import clean

MAIN = ("exact", "relation", "binding")  # of synthetic scenes, those that part good models from bad ones
OF_ALL = ("bad_endings",)  # diagnostics of captions, whatever the data set
_OTHER = "Share of the test images that pass this check of the data set: see its documentation"


class Diagnostic(NamedTuple):
    """A title for a column, and what it means in a sentence."""

    title: str
    meaning: str


_KNOWN: Mapping[str, Diagnostic] = MappingProxyType(
    {
        "exact": Diagnostic("exact match", "Exact-match accuracy: the whole scene and nothing else"),
        "relation": Diagnostic("spatial relation", "Both objects, and how one lies to the other"),
        "binding": Diagnostic("attribute binding", "Each object with its own size, colour and shape"),
        "count": Diagnostic("count", "Count accuracy: the numbers of objects"),
        "pointing": Diagnostic(
            "pointing", "Pointing accuracy: the largest attention weight at an object's word lies in the object's box"
        ),
        "bad_endings": Diagnostic(
            "bad endings", "Captions that break off, at an article, a preposition or the like: the fewer the better"
        ),
        "pointing_chance": Diagnostic("pointing, chance", "Share of the image that a box takes: pointing by chance"),
    }
)


def diagnostic(name: str) -> Diagnostic:
    """How the diagnostic `name` is shown; one that is not known, under its own name."""
    return _KNOWN.get(name) or Diagnostic(clean(name).replace("_", " "), _OTHER)
