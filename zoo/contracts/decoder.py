"""What every decoder promises."""

from typing import Any

import torch
from torch import Tensor

from registry import Spec
from zoo.contracts import common
from zoo.contracts.common import (
    GRID,
    IMAGES,
    POSITIONS,
    WIDTH,
    WORDS,
    average,
    check,
    same,
    scale_weights,
    shares,
    some_features,
)
from zoo.decoders import Decoder
from zoo.registries import ATTENTIONS, DECODERS
from zoo.types import Features, expand_state, reorder


def build(spec: Spec, *, attention: str | None = None, words: int = WORDS) -> Decoder:
    """A small one of `spec`, in evaluation; with the first attention here that it does not refuse, unless one is named.

    Raises:
        ValueError: it refuses the one named, or all of them; then it says what it does of the first.
    """
    options = {"dim": WIDTH, **spec.options} if "dim" in DECODERS.options(spec.name) else spec.options
    small, refusals = Spec(spec.name, spec.variant, options), list[ValueError]()
    for name in (attention,) if attention else ("bahdanau", *_own_attentions()):
        try:
            return scale_weights(DECODERS.build(small, words, WIDTH, name))
        except ValueError as refusal:
            refusals.append(refusal)
    raise refusals[0]


def _own_attentions() -> list[str]:
    return [name for name in ATTENTIONS if ATTENTIONS.origin(name) == "caption-zoo"]


def _tokens(captions: int = 2, length: int = 5) -> Tensor:
    return torch.randint(WORDS, (IMAGES, captions, length))


def _forward(decoder: Decoder, features: Features, tokens: Tensor) -> Any:
    memory, state = decoder.init_state(features)
    return decoder(tokens, memory, expand_state(state, tokens.shape[1]), need_weights=True)


def _stepwise(decoder: Decoder, features: Features, tokens: Tensor) -> tuple[Tensor, Tensor]:
    memory, state = decoder.init_state(features)
    state = expand_state(state, tokens.shape[1])
    hidden, weights = [], []
    for t in range(tokens.shape[2]):
        output = decoder(tokens[:, :, t : t + 1], memory, state, need_weights=True)
        memory, state = output.memory or memory, output.state
        hidden.append(output.hidden)
        weights.append(output.weights)
    return torch.cat(hidden, dim=2), torch.cat(weights, dim=2)


def gives_the_same_output_step_by_step(spec: Spec) -> None:
    """Feeding tokens one by one gives what feeding them at once gives, and so do the weights."""
    decoder, features, tokens = build(spec), some_features(), _tokens()
    whole = _forward(decoder, features, tokens)
    hidden, weights = _stepwise(decoder, features, tokens)
    same(hidden, whole.hidden, "one by one differs from all at once")
    same(weights, whole.weights, "the weights of one by one differ from those of all at once")
    check(decoder.logits(hidden).shape == (*tokens.shape, WORDS), "logits are not (B, K, T, V)")


def weights_are_a_distribution(spec: Spec) -> None:
    """Weights are (B, K, T, N), >= 0 and sum to 1 at most; none come unasked."""
    decoder, features, tokens = build(spec), some_features(), _tokens()
    shares(_forward(decoder, features, tokens).weights, (*tokens.shape, POSITIONS), sum_to_one=False)
    memory, state = decoder.init_state(features)
    check(decoder(tokens, memory, expand_state(state, 2)).weights is None, "weights came unasked")


def heads_average_to_the_weights(spec: Spec) -> None:
    """Weights of layers and heads, (B, K, T, L, H, N), are shares and their mean is the weights'.

    An attention's heads are passed on; none come unasked.
    """
    features, tokens = some_features(), _tokens()
    for attention, has_heads in (("bahdanau", False), ("multihead", True)):
        try:
            decoder = build(spec, attention=attention)
        except ValueError:  # it takes others
            continue
        output = _forward(decoder, features, tokens)
        check(output.heads is not None or not has_heads, f"the heads of {attention} are not passed on")
        average(output, tuple(tokens.shape), axes=2)
        memory, state = decoder.init_state(features)
        check(decoder(tokens, memory, expand_state(state, 2)).heads is None, "weights of heads came unasked")


def starts_with_one_hypothesis(spec: Spec) -> None:
    """The first state is (B, 1, ...): captions and beams all begin with it."""
    _, state = build(spec).init_state(some_features())
    check(all(part.shape[:2] == (IMAGES, 1) for part in state), "the first state is not (B, 1, ...)")


def treats_captions_independently(spec: Spec) -> None:
    """A caption alone, of one image alone, gives what it gives among others; later words do not reach back."""
    decoder, features, tokens = build(spec), some_features(), _tokens(captions=3)
    whole = _forward(decoder, features, tokens).hidden
    alone = _forward(decoder, Features(features.tokens[1:2], GRID), tokens[1:2, 2:3, :3]).hidden
    same(alone, whole[1:2, 2:3, :3], "other captions, images or later words change the answer")


def state_can_be_reordered(spec: Spec) -> None:
    """Swapping hypotheses swaps what they say next: beam search relies on it."""
    decoder, features, tokens = build(spec), some_features(), _tokens(length=3)
    output = _forward(decoder, features, tokens[:, :, :2])
    memory, state = output.memory or decoder.init_state(features)[0], output.state
    straight = decoder(tokens[:, :, 2:], memory, state).hidden
    swapped = decoder(tokens[:, [1, 0], 2:], memory, reorder(state, torch.tensor([[1, 0]] * IMAGES))).hidden
    same(swapped[:, [1, 0]], straight, "a hypothesis does not keep its state")


def depends_on_the_image(spec: Spec) -> None:
    """Another image, another answer."""
    decoder, tokens = build(spec), _tokens()
    one, other = (_forward(decoder, some_features(), tokens).hidden for _ in range(2))
    check(not torch.allclose(one, other), "the image does not matter")


def respects_the_mask(spec: Spec) -> None:
    """What the mask of the features leaves out changes nothing."""
    decoder, features, tokens = build(spec), some_features(masked=True), _tokens()
    assert features.mask is not None
    noise = torch.randn_like(features.tokens) * ~features.mask[..., None]
    noisy = features._replace(tokens=features.tokens + noise)
    same(
        _forward(decoder, noisy, tokens).hidden,
        _forward(decoder, features, tokens).hidden,
        "a masked position matters",
    )


def learns(spec: Spec) -> None:
    """Every parameter gets a finite gradient."""
    decoder = build(spec)
    common.learns(decoder, decoder.logits(_forward(decoder, some_features(), _tokens()).hidden))


def stays_finite_in_bfloat16(spec: Spec) -> None:
    """Large features give numbers, also in half the precision."""
    decoder, features = build(spec), some_features()
    with torch.autocast("cpu", torch.bfloat16):
        output = decoder.logits(_forward(decoder, features._replace(tokens=50 * features.tokens), _tokens()).hidden)
    check(output.isfinite().all(), "a score is not finite")


def can_be_saved_and_loaded(spec: Spec) -> None:
    """One with the state of another says the same."""
    features, tokens = some_features(), _tokens()
    common.can_be_saved_and_loaded(lambda: build(spec), lambda one: one.logits(_forward(one, features, tokens).hidden))


def is_named_as_registered(spec: Spec) -> None:
    """Its spelling is read as the same component with the same options."""
    common.is_spelled(DECODERS, spec)


def accepts_or_refuses_every_attention(spec: Spec) -> None:
    """With each attention here it gives the same step by step, and the log_prob of samples; or raises ValueError."""
    features, tokens, taken = some_features(), _tokens(), 0
    features = features._replace(tokens=features.tokens.double())  # some multiply what rounding leaves
    for name in _own_attentions():
        try:
            decoder = build(spec, attention=name).double()
        except ValueError:
            continue
        taken += 1
        hidden, _ = _stepwise(decoder, features, tokens)
        same(hidden, _forward(decoder, features, tokens).hidden, f"with {name}, one by one differs from all at once")
        if getattr(ATTENTIONS[name], "samples", False):
            log_prob = _forward(decoder.train(), features, tokens).log_prob
            check(log_prob is not None and log_prob.shape == tokens.shape, f"what {name} samples is not passed on")
    check(taken > 0, "it takes no attention at all")
