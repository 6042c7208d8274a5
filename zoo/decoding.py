"""How captions are written, as data: without torch, so that configs and help texts are instant."""

import math
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from zoo.settings import OMIT_DEFAULT

Precision = Literal["float32", "bfloat16"]

_STRIDE = 0x9E3779B97F4A7C15  # odd, and far from any seed that one would choose


@dataclass(frozen=True)
class Decoding:
    """How captions are decoded: by beam search, or by sampling.

    Options that transformers' `generate` has too are called as there; docs/protocol.md tells where they differ.

    Args:
        num_beams: width of the beam search; 1 is greedy. With a temperature, so many captions are sampled and the
            best is kept.
        max_length: most words of a caption, END not counted.
        length_penalty: a caption's log-likelihood is divided by its length, END counted, to this power.
        no_repeat_ngram_size: length of n-grams that may not come twice in a caption; 0 allows them all.
        num_beam_groups: groups of equal size in diverse beam search; each is penalised for words of those before it.
        diversity_penalty: taken from a word's log-probability for each beam of an earlier group that takes it in the
            same step (Hamming).
        temperature: samples words from probabilities to the power 1 / temperature, 0.001 to 1000; 0 is beam search.
        top_k: sample among so many likeliest words; 0 for all.
        top_p: sample among the fewest likeliest words that have this probability together.
        seed: of sampling.
        precision: "bfloat16" lets the decoder compute in it where that is safe, the logits too;
            log-likelihoods are added in float32.

    Raises:
        ValueError: a value makes no sense, or not together with the others.
    """

    num_beams: int = 5
    max_length: int = 20
    length_penalty: float = 0.7
    no_repeat_ngram_size: int = field(default=0, metadata=OMIT_DEFAULT)
    num_beam_groups: int = field(default=1, metadata=OMIT_DEFAULT)
    diversity_penalty: float = field(default=0.0, metadata=OMIT_DEFAULT)
    temperature: float = field(default=0.0, metadata=OMIT_DEFAULT)
    top_k: int = field(default=0, metadata=OMIT_DEFAULT)
    top_p: float = field(default=1.0, metadata=OMIT_DEFAULT)
    seed: int = field(default=0, metadata=OMIT_DEFAULT)
    precision: Precision = field(default="float32", metadata=OMIT_DEFAULT)

    def __post_init__(self) -> None:
        for name in ("num_beams", "max_length", "num_beam_groups"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)} should be at least 1")
        for name in ("length_penalty", "no_repeat_ngram_size", "diversity_penalty", "temperature", "top_k", "seed"):
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
                        f"{name}={getattr(self, name)} is for sampling: set a temperature, "
                        f"1 for the model's own probabilities, or leave {name} out"
                    )
        elif self.num_beam_groups > 1:
            raise ValueError(
                f"num_beam_groups={self.num_beam_groups} is for beam search and temperature={self.temperature} for "
                "sampling: leave out one"
            )
        if self.num_beams % self.num_beam_groups:
            raise ValueError(
                f"num_beams={self.num_beams} should be a multiple of num_beam_groups={self.num_beam_groups}"
            )
        if (self.num_beam_groups > 1) != (self.diversity_penalty > 0):
            raise ValueError(
                f"num_beam_groups={self.num_beam_groups} and diversity_penalty={self.diversity_penalty} "
                "belong together: set both, say 5 and 0.5, or neither"
            )
