"""What every attention promises (see docs/concepts.md for the axes)."""

import torch
from torch import Tensor

from registry import Spec
from zoo.attention import Attention
from zoo.contracts import common
from zoo.contracts.common import (
    GRID,
    IMAGES,
    POSITIONS,
    QUERIES,
    WIDTH,
    average,
    check,
    same,
    scale_weights,
    shares,
    some_features,
)
from zoo.registries import ATTENTIONS
from zoo.types import AttentionOutput, Features


def _attention(spec: Spec) -> Attention:
    return scale_weights(ATTENTIONS.build(spec, WIDTH, WIDTH))


def _ask(attention: Attention, query: Tensor, features: Features) -> AttentionOutput:
    output: AttentionOutput = attention(query, attention.precompute(features), need_weights=True)
    return output


def _query() -> Tensor:
    return torch.randn(IMAGES, QUERIES, WIDTH)


def weights_are_a_distribution(spec: Spec) -> None:
    """The context is as wide as declared; weights are >= 0 and sum to 1, or to at most 1 where it says so."""
    attention = _attention(spec)
    for masked in (False, True):
        context, weights, *_ = _ask(attention, _query(), some_features(masked=masked))
        check(context.shape == (IMAGES, QUERIES, attention.context_dim), f"context is {tuple(context.shape)}")
        shares(weights, (IMAGES, QUERIES, POSITIONS), sum_to_one=attention.sums_to_one)


def heads_average_to_the_weights(spec: Spec) -> None:
    """Where it gives the weights of its heads, (B, M, H, N), they are shares and their mean is the weights'.

    None come unasked.
    """
    attention, query, features = _attention(spec), _query(), some_features(masked=True)
    check(attention(query, attention.precompute(features)).heads is None, "weights of heads came unasked")
    average(_ask(attention, query, features), (IMAGES, QUERIES), axes=1)


def gives_the_same_context_with_and_without_weights(spec: Spec) -> None:
    """Asking for the weights changes nothing but that they come."""
    attention, query, features = _attention(spec), _query(), some_features(masked=True)
    plain = attention(query, attention.precompute(features))
    check(plain.weights is None, "weights came unasked")
    same(plain.context, _ask(attention, query, features).context, "the context differs")


def respects_the_mask(spec: Spec) -> None:
    """What is masked has weight 0, changing it changes nothing, and no gradient reaches it."""
    attention, query, features = _attention(spec), _query(), some_features(masked=True)
    assert features.mask is not None
    before = _ask(attention, query, features)
    noise = torch.randn_like(features.tokens) * ~features.mask[..., None]
    after = _ask(attention, query, features._replace(tokens=features.tokens + noise))
    same(before.context, after.context, "a masked position is read")
    assert before.weights is not None
    check(
        (before.weights[~features.mask[:, None].expand_as(before.weights)] == 0).all(), "a masked position is weighed"
    )
    tokens = features.tokens.requires_grad_()
    _ask(attention, query, features._replace(tokens=tokens)).context.square().sum().backward()
    check(tokens.grad is not None and (tokens.grad[~features.mask] == 0).all(), "a gradient reaches a masked position")


def treats_images_and_queries_independently(spec: Spec) -> None:
    """One image, or one query, alone gives what it gives among others."""
    attention, query, features = _attention(spec), _query(), some_features()
    whole = _ask(attention, query, features).context
    alone = _ask(attention, query[1:2, 2:3], Features(features.tokens[1:2], GRID)).context
    same(alone, whole[1:2, 2:3], "other images or queries change the answer")


def is_permutation_equivariant_unless_it_reads_the_grid(spec: Spec) -> None:
    """Features in another order are weighed in that order and read alike, unless their place on the grid matters.

    One that minds their place refuses features that have none.
    """
    attention, query, features = _attention(spec), _query(), some_features()
    if attention.reads_grid:
        try:
            attention.precompute(features._replace(grid=None))
        except ValueError:
            return
        raise AssertionError("it reads the grid, and takes features that lie on none")
    order = torch.randperm(POSITIONS)
    straight, mixed = _ask(attention, query, features), _ask(attention, query, Features(features.tokens[:, order]))
    same(mixed.context, straight.context, "the order of the features changes the answer")
    assert straight.weights is not None
    assert mixed.weights is not None
    same(mixed.weights, straight.weights[..., order], "the weights do not follow the features")


def reads_equal_features_as_one(spec: Spec) -> None:
    """Where weights sum to 1, six times the same feature says what one says; one alone can be read, too."""
    attention, query = _attention(spec), _query()
    one = torch.randn(IMAGES, 1, WIDTH)
    single = _ask(attention, query, Features(one, (1, 1)))
    check(single.context.isfinite().all(), "a single feature cannot be read")
    if attention.sums_to_one:
        many = _ask(attention, query, Features(one.expand(-1, POSITIONS, -1), GRID))
        same(many.context, single.context, "how often a feature is there changes what is read")


def learns(spec: Spec) -> None:
    """Every parameter gets a finite gradient, in training."""
    attention = _attention(spec).train()
    common.learns(attention, _ask(attention, _query(), some_features()).context)


def has_the_gradients_of_its_outputs(spec: Spec) -> None:
    """In float64, gradients with respect to queries and features are those of finite differences."""
    attention = ATTENTIONS.build(spec, WIDTH, WIDTH).double().eval()
    query = torch.randn(1, 2, WIDTH, dtype=torch.float64, requires_grad=True)
    tokens = torch.randn(1, POSITIONS, WIDTH, dtype=torch.float64, requires_grad=True)

    def read(query: Tensor, tokens: Tensor) -> Tensor:
        return _ask(attention, query, Features(tokens, GRID)).context

    torch.autograd.gradcheck(read, (query, tokens), fast_mode=True)


def returns_the_log_prob_of_its_samples(spec: Spec) -> None:
    """One that samples gives each choice's log-probability in training; no other gives any, and none outside of it."""
    attention, query, features = _attention(spec), _query(), some_features()
    check(_ask(attention, query, features).log_prob is None, "it draws outside of training")
    log_prob = _ask(attention.train(), query, features).log_prob
    check((log_prob is not None) == attention.samples, f"samples is {attention.samples}, log_prob {log_prob}")
    if log_prob is not None:
        holds = log_prob.shape == (IMAGES, QUERIES) and bool((log_prob <= 0).all())
        check(holds, "log_prob should be (B, M), and <= 0")


def stays_finite_in_bfloat16(spec: Spec) -> None:
    """Large queries and features give numbers, also in half the precision."""
    attention, features = _attention(spec), some_features()
    with torch.autocast("cpu", torch.bfloat16):
        answer = _ask(attention, 50 * _query(), features._replace(tokens=50 * features.tokens))
    check(answer.context.isfinite().all(), "the context is not finite")


def can_be_saved_and_loaded(spec: Spec) -> None:
    """One with the state of another answers alike."""
    query, features = _query(), some_features()
    common.can_be_saved_and_loaded(lambda: _attention(spec), lambda attention: _ask(attention, query, features).context)


def is_named_as_registered(spec: Spec) -> None:
    """Its spelling is read as the same component with the same options."""
    common.is_spelled(ATTENTIONS, spec)
