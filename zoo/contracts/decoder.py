"""What every decoder promises, with any attention."""

from typing import Any

import torch
from torch import Tensor

from registry import Spec
from zoo.contracts.common import GRID, IMAGES, WIDTH, WORDS, loud, must, same, some_features
from zoo.decoders import Decoder
from zoo.registries import DECODERS
from zoo.types import Features, reorder


def _decoder(attention: str, spec: Spec) -> Decoder:
    options = {"dim": WIDTH, **spec.options} if "dim" in DECODERS.options(spec.name) else spec.options
    return loud(DECODERS.build(Spec(spec.name, spec.variant, options), WORDS, WIDTH, attention))


def _say(decoder: Decoder, features: Features, tokens: Tensor) -> Any:
    memory, state = decoder.begin(features)
    return decoder(tokens, memory, tuple(x.expand(-1, tokens.shape[1], *x.shape[2:]) for x in state))


def says_the_same_step_by_step(spec: Spec, attention: str) -> None:
    """Feeding tokens one by one gives what feeding them at once gives."""
    decoder, features, tokens = _decoder(attention, spec), some_features(), torch.randint(WORDS, (IMAGES, 2, 5))
    memory, state = decoder.begin(features)
    state = tuple(x.expand(-1, 2, *x.shape[2:]) for x in state)
    steps = []
    for t in range(5):
        hidden, _, state = decoder(tokens[:, :, t : t + 1], memory, state)
        steps.append(hidden)
    whole = _say(decoder, features, tokens).hidden
    same(torch.cat(steps, dim=2), whole, "one by one differs from all at once")
    must(decoder.logits(whole).shape == (IMAGES, 2, 5, WORDS), "logits are not (B, K, T, V)")


def keeps_captions_apart(spec: Spec, attention: str) -> None:
    """A caption alone, of one image alone, gives what it gives among others; later words do not reach back."""
    decoder, features, tokens = _decoder(attention, spec), some_features(), torch.randint(WORDS, (IMAGES, 3, 5))
    whole = _say(decoder, features, tokens).hidden
    alone = _say(decoder, Features(features.tokens[1:2], GRID), tokens[1:2, 2:3, :3]).hidden
    same(alone, whole[1:2, 2:3, :3], "other captions, images or later words change the answer")


def state_can_be_reordered(spec: Spec, attention: str) -> None:
    """Swapping hypotheses swaps what they say next: beam search relies on it."""
    decoder, features, tokens = _decoder(attention, spec), some_features(), torch.randint(WORDS, (IMAGES, 2, 3))
    memory, _ = decoder.begin(features)
    state = _say(decoder, features, tokens[:, :, :2]).state
    straight = decoder(tokens[:, :, 2:], memory, state).hidden
    swapped = decoder(tokens[:, [1, 0], 2:], memory, reorder(state, torch.tensor([[1, 0]] * IMAGES))).hidden
    same(swapped[:, [1, 0]], straight, "a hypothesis does not keep its state")


def looks_at_the_image(spec: Spec, attention: str) -> None:
    """Another image, another answer; and every parameter learns."""
    decoder, tokens = _decoder(attention, spec), torch.randint(WORDS, (IMAGES, 2, 5))
    one, other = (_say(decoder, some_features(), tokens).hidden for _ in range(2))
    must(not torch.allclose(one, other), "the image does not matter")
    decoder.logits(one).square().sum().backward()
    lost = [name for name, parameter in decoder.named_parameters() if parameter.grad is None]
    must(not lost, f"no gradient reaches {', '.join(lost)}")
