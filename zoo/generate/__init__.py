"""Captions by any decoder, of all images of a batch at once: beam search, diverse beam search, sampling.

Beside the axes of `zoo.types`: G groups of beams, W beams of a group side by side, C
candidates of a group; n captions that are kept of an image. The K hypotheses that a decoder
sees are the G x W beams.
"""

from contextlib import nullcontext
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from zoo.decoders import Decoder
from zoo.decoding import Decoding
from zoo.generate.beams import Beams, Finished
from zoo.generate.rules import rules_of
from zoo.generate.strategies import BeamSearch, DecodingStrategy, Sampling
from zoo.settings import settings_of
from zoo.types import Features, expand_state, reorder

__all__ = ["Decoding", "generate", "n_best"]


def generate(decoder: Decoder, features: Features, **settings: Any) -> Int[Tensor, "B L"]:
    """The best caption of each image: its words and END, then PAD; L = max_length + 1.

    `settings` are those of `zoo.decoding.Decoding`. A caption's score is its log-likelihood,
    END included, over its length to the `length_penalty`. It has at most `max_length` words and
    always ends. An ended caption gives up its beam, and the work shrinks to the beams that are
    left; an image whose open captions can no longer win leaves the batch.

    Raises:
        ValueError: a setting makes no sense, or not together with the others.
    """
    return n_best(decoder, features, 1, **settings)[:, 0]


@torch.inference_mode()
def n_best(decoder: Decoder, features: Features, count: int, **settings: Any) -> Int[Tensor, "B n L"]:
    """The `count` best captions of each image, the best first; otherwise as `generate`.

    They are those that the beams find: of sampled beams, or of groups, two may say
    the same. Where there are not so many captions, the last ones are PAD alone.

    Raises:
        ValueError: there are fewer beams than captions requested, or a setting makes no sense.
    """
    decoding = settings_of(Decoding, settings)
    if not 1 <= count <= decoding.num_beams:
        raise ValueError(f"count={count} should be at least 1, and at most num_beams={decoding.num_beams}")
    device = features.tokens.device
    faster = torch.autocast(device.type, torch.bfloat16) if decoding.precision == "bfloat16" else nullcontext()
    with faster:
        return _n_best(decoder, features, count, decoding, _strategy(decoding, device))


def _strategy(decoding: Decoding, device: torch.device) -> DecodingStrategy:
    if decoding.temperature:
        return Sampling.of(decoding, device)
    return BeamSearch(
        decoding.num_beam_groups, decoding.num_beams // decoding.num_beam_groups, decoding.diversity_penalty
    )


def _n_best(
    decoder: Decoder, features: Features, count: int, decoding: Decoding, strategy: DecodingStrategy
) -> Int[Tensor, "B n L"]:
    images, longest = features.tokens.shape[0], decoding.max_length + 1
    rules = rules_of(decoding, features.tokens.device)
    beams = Beams.start(images, strategy, features.tokens.device)
    finished = Finished.none(images, count, longest, features.tokens.device)
    if not images:
        return finished.captions
    memory, state = decoder.init_state(features)
    state = expand_state(state, strategy.groups * strategy.alive)
    for length in range(1, longest + 1):
        output = decoder(beams.last, memory, state)
        scores = decoder.logits(output.hidden[:, :, 0]).float()
        torch.log_softmax(scores, dim=-1, out=scores)  # in place: one array of V columns per step is enough
        for rule in rules:
            rule(scores, beams.captions)
        candidates = strategy.choose(beams.grouped(scores), beams.totals, beams.free_beams)
        candidates = finished.take_finished(beams, candidates, length**-decoding.length_penalty)
        unfinished = candidates.unfinished(finished.scores[beams.images, -1], longest**-decoding.length_penalty)
        if not unfinished.images:
            break
        rows, parents, beams = beams.next(candidates, unfinished)
        memory = output.memory or memory
        if rows is not None:
            memory = tuple(part.of(rows) for part in memory)
        state = reorder(output.state, parents, rows)
    return finished.captions
