"""What a list shows."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Component:
    """What can be told of a registered name without building it.

    `source` is the module that defines it; `origin` is where that came from:
    "caption-zoo", a distribution, or the plug-in's file. `variants` says whether there are
    some; of a plug-in that is not imported yet nobody knows.
    """

    name: str
    summary: str
    source: str
    origin: str
    variants: bool = False
