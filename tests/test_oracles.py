"""Each part against an implementation that nobody here wrote, outputs and gradients."""

import os

import pytest
import torch
from torch import nn

from zoo.attention.bahdanau import Bahdanau
from zoo.attention.luong import Luong
from zoo.attention.multihead import MultiHead
from zoo.attention.relu_concat import ReluConcat
from zoo.decoders.lstm import LSTM
from zoo.types import Features

B, N, M, D, Q, A = 3, 7, 4, 10, 8, 12
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-9}


@pytest.fixture(scope="module")
def keras():  # its product of matrices is in float32 at best, so it judges only that
    os.environ["KERAS_BACKEND"] = "torch"
    return pytest.importorskip("keras")


@pytest.fixture(params=TOLERANCE, ids=str)
def dtype(request):
    torch.manual_seed(0)
    return request.param


def inputs(dtype, width=D):
    tokens = torch.randn(B, N, width, dtype=dtype, requires_grad=True)
    query = torch.randn(B, M, Q, dtype=dtype, requires_grad=True)
    keep = torch.rand(B, N) > 0.4
    keep[:, 0] = True
    return query, Features(tokens, mask=keep)


def agree(ours, theirs, leaves, dtype):
    """Outputs, and gradients of the same random projection of them."""
    torch.testing.assert_close(ours, theirs, atol=TOLERANCE[dtype], rtol=TOLERANCE[dtype])
    direction = torch.randn_like(ours)
    mine = torch.autograd.grad((ours * direction).sum(), leaves, retain_graph=True)
    other = torch.autograd.grad((theirs * direction).sum(), leaves, retain_graph=True)
    for one, two in zip(mine, other, strict=True):
        torch.testing.assert_close(one, two, atol=10 * TOLERANCE[dtype], rtol=10 * TOLERANCE[dtype])


def additive(keras, query, keys, values, v, keep):
    layer = keras.layers.AdditiveAttention(use_scale=True)
    layer.build([query.shape, values.shape, keys.shape])
    layer.scale.assign(v.detach())
    return layer(
        [query, values, keys], mask=[torch.ones(query.shape[:2], dtype=torch.bool), keep], return_attention_scores=True
    )


def test_bahdanau_is_keras_additive_attention(keras):
    attention = Bahdanau(Q, D, hidden_dim=A)
    query, features = inputs(torch.float32)
    ours, weights = attention(query, attention.remember(features), weights=True)
    theirs, shares = additive(
        keras, attention.W(query), attention.U(features.tokens), features.tokens, attention.v.weight[0], features.mask
    )
    torch.testing.assert_close(weights, shares, atol=1e-6, rtol=1e-5)
    agree(ours, theirs, [query, features.tokens], torch.float32)


def test_luong_concat_is_additive_attention_with_the_matrix_split(keras):
    attention = Luong(Q, D, score="concat")
    query, features = inputs(torch.float32)
    ours = attention(query, attention.remember(features)).context
    theirs, _ = additive(
        keras,
        attention.W_query(query),
        attention.W(features.tokens),
        features.tokens,
        attention.v.weight[0],
        features.mask,
    )
    agree(ours, theirs, [query, features.tokens], torch.float32)


@pytest.mark.parametrize(("score", "width", "scale"), [("dot", Q, False), ("general", D, False), ("general", D, True)])
def test_luong_products_are_keras_dot_attention(keras, score, width, scale):
    attention = Luong(Q, width, score=score, scale=scale)
    query, features = inputs(torch.float32, width)
    ours = attention(query, attention.remember(features)).context
    layer = keras.layers.Attention()
    asked = query / Q**0.5 if scale else query
    theirs = layer(
        [asked, features.tokens, attention.W(features.tokens)], mask=[torch.ones(B, M, dtype=torch.bool), features.mask]
    )
    agree(ours, theirs, [query, features.tokens], torch.float32)


def test_multihead_is_torch_multihead_attention(dtype):
    attention = MultiHead(Q, D, num_heads=2).to(dtype)
    theirs = nn.MultiheadAttention(Q, 2, kdim=D, vdim=D, batch_first=True).to(dtype)
    with torch.no_grad():
        for projection, part in zip(
            (theirs.q_proj_weight, theirs.k_proj_weight, theirs.v_proj_weight),
            (attention.query, attention.key, attention.value),
            strict=True,
        ):
            projection.copy_(part.weight)
        theirs.in_proj_bias.copy_(torch.cat([attention.query.bias, attention.key.bias, attention.value.bias]))
        theirs.out_proj.load_state_dict(attention.out.state_dict())
    query, features = inputs(dtype)
    ours, weights = attention(query, attention.remember(features), weights=True)
    expected, shares = theirs(
        query, features.tokens, features.tokens, key_padding_mask=~features.mask
    )  # True leaves out
    torch.testing.assert_close(weights.to(dtype), shares, atol=1e-6, rtol=1e-5)
    agree(ours, expected, [query, features.tokens], dtype)
    agree(
        attention(query, attention.remember(features)).context,
        theirs(query, features.tokens, features.tokens, key_padding_mask=~features.mask)[0],
        [query, features.tokens],
        dtype,
    )


def test_multihead_is_keras_multihead_attention(keras):
    torch.manual_seed(0)
    attention = MultiHead(Q, D, num_heads=2)
    query, features = inputs(torch.float32)
    layer = keras.layers.MultiHeadAttention(2, Q // 2, output_shape=Q)
    layer.build(query.shape, features.tokens.shape, features.tokens.shape)
    for dense, part in (
        (layer._query_dense, attention.query),
        (layer._key_dense, attention.key),
        (layer._value_dense, attention.value),
    ):
        dense.kernel.assign(part.weight.detach().T.reshape(-1, 2, Q // 2))
        dense.bias.assign(part.bias.detach().reshape(2, Q // 2))
    layer._output_dense.kernel.assign(attention.out.weight.detach().T.reshape(2, Q // 2, Q))
    layer._output_dense.bias.assign(attention.out.bias.detach())
    theirs = layer(query, features.tokens, attention_mask=features.mask[:, None].expand(B, M, N))
    agree(attention(query, attention.remember(features)).context, theirs, [query, features.tokens], torch.float32)


def test_relu_concat_is_the_two_layer_network_on_both_side_by_side(dtype):
    attention = ReluConcat(Q, D, hidden_dim=A).to(dtype)
    query, features = inputs(dtype)
    first, second = nn.Linear(D + Q, A).to(dtype), attention.v
    with torch.no_grad():
        first.weight.copy_(torch.cat([attention.W_feature.weight, attention.W_query.weight], dim=1))
        first.bias.copy_(attention.W_feature.bias)
    pairs = torch.cat([features.tokens[:, None].expand(-1, M, -1, -1), query[:, :, None].expand(-1, -1, N, -1)], dim=-1)
    scores = second(first(pairs).relu()).squeeze(-1).masked_fill(~features.mask[:, None], -torch.inf)
    agree(
        attention(query, attention.remember(features)).context,
        scores.softmax(-1) @ features.tokens,
        [query, features.tokens],
        dtype,
    )


def test_the_cell_is_torch_lstm_cell(dtype):
    decoder = LSTM(11, D, "mean", dim=Q, beta="none", dropout=0.0).to(dtype).eval()
    cell = nn.LSTMCell(2 * Q, Q).to(dtype)
    words, context, h, c = (torch.randn(B, Q, dtype=dtype, requires_grad=True) for _ in range(4))
    with torch.no_grad():
        cell.weight_ih.copy_(torch.cat([decoder.word_gates.weight, decoder.state_gates.weight[:, Q:]], dim=1))
        cell.weight_hh.copy_(decoder.state_gates.weight[:, :Q])
        cell.bias_ih.copy_(decoder.word_gates.bias)
        cell.bias_hh.zero_()
    ours = decoder._step(decoder.word_gates(words)[:, None], torch.cat([h, context], dim=-1)[:, None], c[:, None])
    theirs = cell(torch.cat([words, context], dim=-1), (h, c))
    for mine, other in zip(ours, theirs, strict=True):
        agree(mine[:, 0], other, [words, context, h, c], dtype)
