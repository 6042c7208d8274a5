"""Which process of several this is, by the environment that `torchrun` gives, and schedulers can."""

import os


def _number(name: str, default: int) -> int:
    text = os.environ.get(name, "")
    return int(text) if text.isdecimal() else default


def rank() -> int:
    """This process's number among all, from 0."""
    return _number("RANK", 0)


def local_rank() -> int:
    """Its number on its machine, which is that of its GPU."""
    return _number("LOCAL_RANK", 0)


def world_size() -> int:
    """How many processes there are."""
    return _number("WORLD_SIZE", 1)
