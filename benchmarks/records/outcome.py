"""Why a cell has no result: one of a short list of names, so that a matrix can be counted and tried again by them."""

import errno
from collections.abc import Mapping
from typing import Literal, get_args

Outcome = Literal[
    "",
    "incompatible",
    "invalid",
    "error",
    "non_finite",
    "unreadable_image",
    "scorer_unavailable",
    "out_of_memory",
    "time_limit",
    "silent",
    "crashed",
    "killed",
    "process_lost",
    "member_failed",
]
OUTCOMES: Mapping[str, str] = {
    "incompatible": "its parts cannot be put together",
    "invalid": "a value, a file or an option that cannot be used",
    "error": "a part raised an exception",
    "non_finite": "training came to a loss or a gradient that is no finite number",
    "unreadable_image": "images that scores or training need cannot be read",
    "scorer_unavailable": "Java, which scores, is missing or stopped answering",
    "out_of_memory": "the memory of the machine, of its device or of --memory-limit was not enough",
    "time_limit": "it took longer than --time-limit",
    "silent": "it did nothing for longer than --silence-limit",
    "crashed": "its process ended by itself, or by a fault such as a segmentation violation",
    "killed": "its process was killed: by somebody, or by the system for its memory",
    "process_lost": "another process that trained it was lost",
    "member_failed": "a run that the ensemble is made of has failed",
}
assert set(OUTCOMES) == set(get_args(Outcome)) - {""}

# In the order in which they are asked; the names of classes, so that nothing is imported to tell them.
_BY_CLASS: Mapping[str, Outcome] = {
    "JavaError": "scorer_unavailable",
    "UnreadableImage": "unreadable_image",
    "FloatingPointError": "non_finite",
    "OutOfMemoryError": "out_of_memory",
    "MemoryError": "out_of_memory",
    "LostProcess": "process_lost",
    "ValueError": "invalid",
}


def outcome_of(error: BaseException) -> Outcome:
    """The name of what ended a cell by this exception."""
    names = [kind.__name__ for kind in type(error).__mro__]
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return "out_of_memory"
    return next((outcome for name, outcome in _BY_CLASS.items() if name in names), "error")
