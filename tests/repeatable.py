"""A curve without what is of the machine and the moment."""

from benchmarks.training.curve import NOT_REPEATABLE


def repeatable(curve):
    return [{name: value for name, value in entry.items() if name not in NOT_REPEATABLE} for entry in curve]
