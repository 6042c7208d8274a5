"""What every attention promises (see docs/concepts.md for the axes)."""

import torch
from torch import Tensor

from registry import Spec
from zoo.attention import Attention
from zoo.contracts.common import GRID, IMAGES, POSITIONS, QUERIES, WIDTH, loud, must, same, some_features
from zoo.registries import ATTENTIONS
from zoo.types import AttentionOutput, Features


def _attention(spec: Spec) -> Attention:
    return loud(ATTENTIONS.build(spec, WIDTH, WIDTH))


def _ask(attention: Attention, query: Tensor, features: Features) -> AttentionOutput:
    output: AttentionOutput = attention(query, attention.remember(features), weights=True)
    return output


def reads_with_weights_that_sum_to_one(spec: Spec) -> None:
    """The context is as wide as declared; weights are none, or >= 0 and sum to 1."""
    attention = _attention(spec)
    context, weights = _ask(attention, torch.randn(IMAGES, QUERIES, WIDTH), some_features())
    must(context.shape == (IMAGES, QUERIES, attention.context_dim), f"context is {tuple(context.shape)}")
    must(weights is not None and weights.shape == (IMAGES, QUERIES, POSITIONS), "weights should be (B, M, N)")
    assert weights is not None
    must((weights >= 0).all(), "a weight is negative")
    same(weights.sum(-1), torch.ones(IMAGES, QUERIES), "weights do not sum to 1")


def answers_alike_with_and_without_weights(spec: Spec) -> None:
    """Asking for the weights changes nothing but that they come."""
    attention, query, features = _attention(spec), torch.randn(IMAGES, QUERIES, WIDTH), some_features(masked=True)
    plain = attention(query, attention.remember(features))
    must(plain.weights is None, "weights came unasked")
    same(plain.context, _ask(attention, query, features).context, "the context differs")


def leaves_masked_positions_alone(spec: Spec) -> None:
    """What is masked has weight 0, and changing it changes nothing."""
    attention, query, features = _attention(spec), torch.randn(IMAGES, QUERIES, WIDTH), some_features(masked=True)
    assert features.mask is not None
    before = _ask(attention, query, features)
    noise = torch.randn_like(features.tokens) * ~features.mask[..., None]
    after = _ask(attention, query, features._replace(tokens=features.tokens + noise))
    same(before.context, after.context, "a masked position is read")
    assert before.weights is not None
    must((before.weights[~features.mask[:, None].expand_as(before.weights)] == 0).all(), "a masked position is weighed")


def keeps_images_and_queries_apart(spec: Spec) -> None:
    """One image, or one query, alone gives what it gives among others."""
    attention, query, features = _attention(spec), torch.randn(IMAGES, QUERIES, WIDTH), some_features()
    whole = _ask(attention, query, features).context
    alone = _ask(attention, query[1:2, 2:3], Features(features.tokens[1:2], GRID)).context
    same(alone, whole[1:2, 2:3], "other images or queries change the answer")


def learns(spec: Spec) -> None:
    """Every parameter gets a finite gradient."""
    attention = _attention(spec)
    context = _ask(attention, torch.randn(IMAGES, QUERIES, WIDTH), some_features()).context
    if list(attention.parameters()):
        context.square().sum().backward()
    for name, parameter in attention.named_parameters():
        must(parameter.grad is not None and parameter.grad.isfinite().all(), f"{name} gets no finite gradient")


def stays_finite_in_bfloat16(spec: Spec) -> None:
    """Large queries and features give numbers, also in half the precision."""
    attention, features = _attention(spec), some_features()
    with torch.autocast("cpu", torch.bfloat16):
        context = _ask(
            attention, 50 * torch.randn(IMAGES, QUERIES, WIDTH), features._replace(tokens=50 * features.tokens)
        )
    must(context.context.isfinite().all(), "the context is not finite")
