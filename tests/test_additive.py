"""Additive attention, which takes no tanh, against the formula with tanh."""

import pytest
import torch

from zoo.attention import bahdanau
from zoo.attention.bahdanau import Bahdanau
from zoo.types import Features

QUERY, TOKENS = torch.randn(3, 4, 6), torch.randn(3, 5, 8)


def plain(attention, query, tokens):
    """The weighted mean of the tokens, by v . tanh(W q + U f)."""
    both = (attention.W(query)[:, :, None] + attention.U(tokens)[:, None]).tanh()
    v = (
        attention.v.weight[0]
        if attention.g is None
        else attention.v.weight[0] * attention.g / attention.v.weight.norm()
    )
    return (both @ v).softmax(-1) @ tokens


@pytest.mark.parametrize("normed", [False, True])
@pytest.mark.parametrize("cached", [1, 2**8, 2**19])
def test_any_number_of_images_at_once_gives_the_same(normed, cached, monkeypatch):
    monkeypatch.setattr(bahdanau, "_CACHED", cached)
    attention = Bahdanau(6, 8, hidden_dim=10, normed=normed).double()
    query, tokens = (each.double().requires_grad_() for each in (QUERY, TOKENS))
    leaves = [query, tokens, *attention.parameters()]
    ours = attention(query, attention.precompute(Features(tokens))).context
    theirs = plain(attention, query, tokens)
    torch.testing.assert_close(ours, theirs)
    by = torch.randn_like(ours)
    for mine, other in zip(torch.autograd.grad(ours, leaves, by), torch.autograd.grad(theirs, leaves, by), strict=True):
        torch.testing.assert_close(mine, other)


@pytest.mark.parametrize("far", [3.0, 30.0])
def test_large_terms_that_cancel_are_added_before_they_saturate(far):
    attention = Bahdanau(6, 8, hidden_dim=10)
    with torch.no_grad():
        attention.W.bias.fill_(far)
        query, tokens = 0.1 * QUERY, 0.1 * TOKENS
        keys = attention.U(tokens) - far
        ours = attention.score(query, bahdanau._squared_exponential(keys))
        theirs = (attention.W(query)[:, :, None] + keys[:, None]).tanh() @ attention.v.weight[0]
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_in_bfloat16_a_score_is_not_rounded_at_the_size_of_its_sums():
    """All of v of one sign: the sums are 64 times as large as scores of queries and keys near 0."""
    attention = Bahdanau(6, 8, hidden_dim=256)
    with torch.no_grad():
        attention.v.weight.fill_(1.0)
        exact = attention.score(QUERY, attention.keys(TOKENS))
        with torch.autocast("cpu", torch.bfloat16):
            near = attention.score(QUERY, attention.keys(TOKENS))
    torch.testing.assert_close(near.float(), exact, atol=0.5, rtol=0.02)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_module_of_half_the_precision_works(dtype):
    attention = Bahdanau(6, 8, hidden_dim=16).to(dtype)
    context = attention(QUERY.to(dtype), attention.precompute(Features(TOKENS.to(dtype)))).context
    assert context.dtype == dtype
    torch.testing.assert_close(context.float(), plain(attention.float(), QUERY, TOKENS), atol=0.05, rtol=0.05)
