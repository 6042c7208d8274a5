"""How captions are written, as data: without torch, so that configs and help texts are instant."""

import math
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from zoo.settings import LATER

Precision = Literal["float32", "bfloat16"]

_STRIDE = 0x9E3779B97F4A7C15  # odd, and far from any seed that one would choose


@dataclass(frozen=True)
class Decoding:
    """How captions are written: searched for, or drawn.

    Args:
        beams: width of the beam search; 1 is greedy. Where words are drawn, captions drawn, of which the best is kept.
        max_length: most words of a caption.
        length_power: a caption's log-likelihood is divided by its length to this power.
        no_repeat: length of runs of words that may not come twice in a caption, 3 for trigrams; 0 allows them all.
        groups: parts of equal size that the beams are in; each is kept from saying what those before it say.
        diversity: log-likelihood that a word loses for each beam of an earlier group that takes it in the same step.
        temperature: words are drawn, from probabilities to the power 1 / temperature, 0.001 to 1000; 0 searches.
        top_k: draw among so many likeliest words; 0 for all.
        top_p: draw among the fewest likeliest words that have this probability together.
        seed: of what is drawn.
        precision: "bfloat16" lets the decoder compute in it where that is safe, the scores of the next words too;
            log-likelihoods are added in float32.

    Raises:
        ValueError: a value makes no sense, or not together with the others.
    """

    beams: int = 5
    max_length: int = 20
    length_power: float = 0.7
    no_repeat: int = field(default=0, metadata=LATER)
    groups: int = field(default=1, metadata=LATER)
    diversity: float = field(default=0.0, metadata=LATER)
    temperature: float = field(default=0.0, metadata=LATER)
    top_k: int = field(default=0, metadata=LATER)
    top_p: float = field(default=1.0, metadata=LATER)
    seed: int = field(default=0, metadata=LATER)
    precision: Precision = field(default="float32", metadata=LATER)

    def __post_init__(self) -> None:
        for name in ("beams", "max_length", "groups"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)} should be at least 1")
        for name in ("length_power", "no_repeat", "diversity", "temperature", "top_k", "seed"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name}={getattr(self, name)} should be a number, and not negative")
        if self.temperature and not 1e-3 <= self.temperature <= 1e3:
            raise ValueError(f"temperature={self.temperature} should be 0, or between 0.001 and 1000")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p={self.top_p} should be above 0, and 1 at most")
        if self.precision not in get_args(Precision):
            raise ValueError(f"precision={self.precision!r} should be one of {', '.join(get_args(Precision))}")
        self._must_fit_together()

    def of_batch(self, number: int) -> "Decoding":
        """The same for a batch of a data set, counted from 0: each has another seed, and the first one this."""
        return replace(self, seed=self.seed + number * _STRIDE) if self.temperature else self

    def _must_fit_together(self) -> None:
        if self.temperature == 0:
            for name, unset in (("top_k", 0), ("top_p", 1.0), ("seed", 0)):
                if getattr(self, name) != unset:
                    raise ValueError(
                        f"{name}={getattr(self, name)} is for words that are drawn: set a temperature, "
                        f"1 for the model's own probabilities, or leave {name} out"
                    )
        elif self.groups > 1:
            raise ValueError(
                f"groups={self.groups} are for a search and temperature={self.temperature} is not: leave out one"
            )
        if self.beams % self.groups:
            raise ValueError(f"beams={self.beams} cannot be shared by groups={self.groups}: make it a multiple of them")
        if (self.groups > 1) != (self.diversity > 0):
            raise ValueError(
                f"groups={self.groups} and diversity={self.diversity} belong together: "
                "set both, say 5 and 0.5, or neither"
            )
