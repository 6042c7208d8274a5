"""Captions by any decoder, of all images of a batch at once: beam search, diverse beam search, drawing.

Beside the axes of `zoo.types`: G groups of beams, W beams of a group side by side, C
candidates of a group. The K hypotheses that a decoder sees are the G x W beams.
"""

from contextlib import nullcontext
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from zoo.decoders import Decoder
from zoo.decoding import Decoding
from zoo.generate.beams import Beams, Best
from zoo.generate.choice import Choice, Draw, Search
from zoo.generate.rules import rules_of
from zoo.types import Features, reorder

__all__ = ["Decoding", "generate"]


@torch.inference_mode()
def generate(decoder: Decoder, features: Features, **settings: Any) -> Int[Tensor, "B L"]:
    """The best caption of each image: its words and END, then PAD; L = max_length + 1.

    `settings` are those of `zoo.decoding.Decoding`. A caption is judged by its log-likelihood,
    END included, over its length to the `length_power`. It has at most `max_length` words and
    always ends. An ended caption gives up its beam, and the work shrinks to the beams that are
    left; an image whose open captions can no longer win leaves the batch.

    Raises:
        ValueError: a setting makes no sense, or not together with the others.
    """
    decoding = Decoding(**settings)
    device = features.tokens.device
    faster = torch.autocast(device.type, torch.bfloat16) if decoding.precision == "bfloat16" else nullcontext()
    with faster:
        return _generate(decoder, features, decoding, _choice(decoding, device))


def _choice(decoding: Decoding, device: torch.device) -> Choice:
    if decoding.temperature:
        return Draw.of(decoding, device)
    return Search(decoding.groups, decoding.beams // decoding.groups, decoding.diversity)


def _generate(decoder: Decoder, features: Features, decoding: Decoding, choice: Choice) -> Int[Tensor, "B L"]:
    images, longest = features.tokens.shape[0], decoding.max_length + 1
    rules = rules_of(decoding, features.tokens.device)
    beams = Beams.start(images, choice, features.tokens.device)
    best = Best.none(images, longest, features.tokens.device)
    memory, state = decoder.begin(features)
    state = tuple(tensor.expand(-1, choice.groups * choice.alive, *tensor.shape[2:]) for tensor in state)
    for length in range(1, longest + 1):
        output = decoder(beams.last, memory, state)
        scores = decoder.logits(output.hidden[:, :, 0]).float()
        torch.log_softmax(scores, dim=-1, out=scores)  # in place: one array of V columns per step is enough
        for rule in rules:
            rule(scores, beams.captions)
        chosen = choice.choose(beams.grouped(scores), beams.totals, beams.room)
        chosen = best.take_ended(beams, chosen, length**-decoding.length_power)
        open_ = chosen.open(best.scores[beams.images], longest**-decoding.length_power)
        if not open_.images:
            break
        rows, parents, beams = beams.next(chosen, open_)
        memory = output.memory or memory
        if rows is not None:
            memory = tuple(part.of(rows) for part in memory)
        state = reorder(output.state, parents, rows)
    return best.captions
