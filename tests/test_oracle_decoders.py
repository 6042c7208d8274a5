"""Each decoder, whole captions, against a library's cells and layers, and against loops in numpy from its paper."""

import numpy as np
import pytest
import torch
from oracles import (  # noqa: F401 -- four are fixtures
    affine,
    agreement,
    default_dtypes,
    dtypes,
    keras_on_torch,
    larger,
    named,
    read,
    relu,
    say,
    shaken,
    sigmoid,
    softmax,
    weighed,
)
from torch import nn

from zoo.decoders.adaptive import Adaptive
from zoo.decoders.att2in import Att2in
from zoo.decoders.gru import GRU
from zoo.decoders.lstm import LSTM
from zoo.decoders.top_down import TopDown
from zoo.decoders.transformer import Transformer
from zoo.types import Features

B, K, T, N, D, E, V = 2, 2, 2, 4, 5, 3, 6
SCORE = "bahdanau(hidden_dim=2)"


def told(dtype, length=T):
    """Features under a mask, and the words of K captions each."""
    tokens = torch.randn(B, N, D, dtype=dtype, requires_grad=True)
    keep = torch.tensor([[True, True, False, True], [True, False, True, True]])
    return Features(tokens, mask=keep), torch.randint(V, (B, K, length))


def build(kind, dtype, attention=SCORE, **options):
    return shaken(kind(V, D, attention, dim=E, dropout=0.0, positions="none", **options), dtype)


def held(agree, component, decoder, init_state, step, dtype):
    """Hidden, logits and weights against the loop: `begin(p, mean)` gives a state, `step` what is told, and where it looks."""
    features, tokens = told(dtype)

    def loop(p):
        rows = []
        for b in range(B):
            keep = features.mask[b].numpy()
            image = [projected(p, f) for f in p["tokens"][b]]
            mean = sum(image[i] for i in np.flatnonzero(keep)) / keep.sum()
            for k in range(K):
                state = init_state(p, mean)
                for token in tokens[b, k]:
                    hidden, shares, state = step(p, p["embed.weight"][token], image, keep, mean, state)
                    rows.append(np.concatenate([hidden, p["embed.weight"] @ hidden + p["bias"], shares]))
        return np.reshape(rows, (B, K, T, -1))

    ours = say(decoder, features, tokens)
    agree(component, "numpy loop", ours, loop, named(decoder, tokens=features.tokens))


def projected(p, f):
    even = (f - f.mean()) / np.sqrt(((f - f.mean()) ** 2).mean() + 1e-5)
    return relu(affine(p, "project.layers.1", even * p["project.layers.0.weight"] + p["project.layers.0.bias"]))


def attend(p, query, image, keep):
    """Bahdanau's: context and weights."""
    v = p["attention.v.weight"][0]
    shares = softmax([v @ np.tanh(affine(p, "attention.W", query) + affine(p, "attention.U", f)) for f in image], keep)
    return weighed(shares, image), shares


def lstm(gates, c):
    """Input, forget, candidate, output."""
    i, f, g, o = np.split(gates, 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


# The LSTM's cell, before and after the look


def test_the_lstm_cell_is_torchs(agree, dtype):
    decoder = build(LSTM, dtype, "mean", beta="none", deep_output=False)
    cell = nn.LSTMCell(2 * E, E).to(dtype)
    words, h, c = (torch.randn(B, E, dtype=dtype, requires_grad=True) for _ in range(3))
    context = torch.randn(B, 1, E, dtype=dtype, requires_grad=True)
    with torch.no_grad():
        cell.weight_ih.copy_(torch.cat([decoder.word_gates.weight, decoder.state_gates.weight[:, E:]], dim=1))
        cell.weight_hh.copy_(decoder.state_gates.weight[:, :E])
        cell.bias_ih.copy_(decoder.word_gates.bias)
        cell.bias_hh.zero_()
    memory = decoder.attention.precompute(Features(context))
    step = decoder.step(
        decoder.project_inputs(words[:, None, None])[:, :, 0], (memory,), (h[:, None], c[:, None]), need_weights=False
    )
    theirs = cell(torch.cat([words, context[:, 0]], dim=-1), (h, c))
    leaves = [words, context, h, c, decoder.word_gates.bias]
    ours = torch.cat(step.state, dim=-1)[:, 0]
    agree("lstm", "torch LSTMCell", ours, torch.cat(theirs, dim=-1), leaves, [*leaves[:-1], cell.bias_ih])


@pytest.mark.parametrize(
    ("beta", "deep_output"), [("scalar", True), ("vector", True), ("none", True), ("scalar", False)]
)
def test_lstm_that_looks_before_in_numpy(agree, dtype, beta, deep_output):
    """Xu et al.: z_t = beta_t sum_i alpha_ti a_i by h_{t-1}; L_o tanh(L_h h_t + L_z z_t + L_E E y_{t-1})."""

    def init_state(p, mean):
        return np.split(np.tanh(affine(p, "start", mean)), 2)

    def step(p, word, image, keep, mean, state):
        h, c = state
        z, shares = attend(p, h, image, keep)
        if beta != "none":
            z = sigmoid(affine(p, "beta", h)) * z
        weight = p["state_gates.weight"]
        h, c = lstm(affine(p, "word_gates", word) + weight[:, :E] @ h + weight[:, E:] @ z, c)
        out = h
        if deep_output:
            of_state, of_context, of_word = np.split(p["join.weight"], 3, axis=1)
            out = np.tanh(of_state @ h + of_context @ z + of_word @ word + p["join.bias"])
        return out, shares, (h, c)

    decoder = build(LSTM, dtype, beta=beta, deep_output=deep_output)
    assert decoder.beta is None or decoder.beta.out_features == (1 if beta == "scalar" else E)
    held(agree, "lstm(before)", decoder, init_state, step, dtype)


def test_lstm_that_looks_before_takes_a_scalar_gate_if_not_told():
    before, after = (build(LSTM, torch.float32, attend=attend) for attend in ("before", "after"))
    assert before.beta.out_features == 1
    assert after.beta is None


@pytest.mark.parametrize("beta", ["none", "vector"])
def test_lstm_that_looks_after_in_numpy(agree, dtype, beta):
    """Luong et al.: h~_t = tanh(W_c [c_t; h_t]) with c_t by h_t, and h~_{t-1} beside the word as input."""

    def init_state(p, mean):
        return (*np.split(np.tanh(affine(p, "start", mean)), 2), np.zeros(E))

    def step(p, word, image, keep, mean, state):
        h, c, fed = state
        weight = p["state_gates.weight"]
        h, c = lstm(affine(p, "word_gates", word) + weight[:, :E] @ h + weight[:, E:] @ fed, c)
        context, shares = attend(p, h, image, keep)
        if beta == "vector":
            context = sigmoid(affine(p, "beta", h)) * context
        out = np.tanh(affine(p, "join", np.concatenate([context, h])))
        return out, shares, (h, c, out)

    held(agree, "lstm(after)", build(LSTM, dtype, attend="after", beta=beta), init_state, step, dtype)


# The GRU of Bahdanau et al., A.1.2 and A.2.2


def gru_step(decoder, words, image, s):
    memory = decoder.attention.precompute(Features(image))
    step = decoder.step(
        decoder.project_inputs(words[:, None, None])[:, :, 0], (memory,), (s[:, None],), need_weights=False
    )
    return step.state[0][:, 0]


def gru_inputs(dtype):
    return [torch.randn(*shape, E, dtype=dtype, requires_grad=True) for shape in ((B,), (B, N), (B,))]


def test_the_gru_is_keras_gru_cell_with_the_reset_before(keras, agree):
    torch.manual_seed(0)
    decoder = build(GRU, torch.float32, "mean")
    cell = keras.layers.GRUCell(E, reset_after=False)
    cell.build((B, 2 * E))
    sign = torch.cat([-torch.ones(E), torch.ones(2 * E)])  # their z keeps what ours forgets
    given = torch.cat([decoder.word_gates.weight, decoder.context_gates.weight], dim=1)
    kept = torch.cat([decoder.state_gates.weight, decoder.candidate.weight])
    for theirs, ours in (
        (cell.kernel, given),
        (cell.recurrent_kernel, kept),
        (cell.bias, decoder.word_gates.bias[:, None]),
    ):
        theirs.assign((sign * ours.detach().T).squeeze(0))
    words, image, s = gru_inputs(torch.float32)
    theirs, _ = cell(torch.cat([words, image.mean(dim=1)], dim=-1), [s])
    agree("gru", "keras GRUCell(reset_after=False)", gru_step(decoder, words, image, s), theirs, [words, image, s])


def test_the_gru_with_a_diagonal_candidate_is_torchs(agree, dtype):
    decoder = build(GRU, dtype, "mean")
    cell = nn.GRUCell(2 * E, E).to(dtype)
    swap = torch.cat([torch.arange(E, 2 * E), torch.arange(E), torch.arange(2 * E, 3 * E)])  # theirs: r, z, s~
    sign = torch.cat([torch.ones(E), -torch.ones(E), torch.ones(E)]).to(dtype)[:, None]
    with torch.no_grad():
        decoder.candidate.weight.copy_(decoder.candidate.weight.diag().diag())  # U (r * s) is r * (U s)
        given = torch.cat([decoder.word_gates.weight, decoder.context_gates.weight], dim=1)
        cell.weight_ih.copy_(sign * given[swap])
        cell.weight_hh.copy_(sign * torch.cat([decoder.state_gates.weight, decoder.candidate.weight])[swap])
        cell.bias_ih.copy_(sign[:, 0] * decoder.word_gates.bias[swap])
        cell.bias_hh.zero_()
    words, image, s = gru_inputs(dtype)
    theirs = cell(torch.cat([words, image.mean(dim=1)], dim=-1), s)
    ours = gru_step(decoder, words, image, s)
    agree("gru(diagonal U)", "torch GRUCell", ours, theirs, [words, image, s])


def test_gru_in_numpy(agree, dtype):
    def init_state(p, mean):
        return np.tanh(affine(p, "start", mean))

    def step(p, word, image, keep, mean, s):
        context, shares = attend(p, s, image, keep)
        w_z, w_r, w = np.split(p["word_gates.weight"], 3)
        b_z, b_r, b = np.split(p["word_gates.bias"], 3)
        c_z, c_r, c = np.split(p["context_gates.weight"], 3)
        u_z, u_r = np.split(p["state_gates.weight"], 2)
        z = sigmoid(w_z @ word + u_z @ s + c_z @ context + b_z)
        r = sigmoid(w_r @ word + u_r @ s + c_r @ context + b_r)
        new = np.tanh(w @ word + p["candidate.weight"] @ (r * s) + c @ context + b)
        s = (1 - z) * s + z * new
        pairs = affine(p, "join", np.concatenate([s, context, word]))  # t~
        return np.array([larger(pairs[2 * j], pairs[2 * j + 1]) for j in range(E)]), shares, s

    held(agree, "gru", build(GRU, dtype), init_state, step, dtype)


# Att2in (Rennie et al.)


def test_att2in_in_numpy(agree, dtype):
    def init_state(p, mean):
        return np.zeros(E), np.zeros(E)

    def step(p, word, image, keep, mean, state):
        h, c = state
        context, shares = attend(p, h, image, keep)
        i, f, o, one, other = np.split(affine(p, "word_gates", word) + p["state_gates.weight"] @ h, 5)
        seen_one, seen_other = np.split(p["candidates.weight"] @ context, 2)
        c = sigmoid(i) * larger(one + seen_one, other + seen_other) + sigmoid(f) * c
        h = sigmoid(o) * np.tanh(c)
        return h, shares, (h, c)

    held(agree, "att2in", build(Att2in, dtype), init_state, step, dtype)


# Top-down (Anderson et al.)


def test_top_down_in_numpy(agree, dtype):
    def init_state(p, mean):
        return (np.zeros(E),) * 4

    def step(p, word, image, keep, mean, state):
        h1, c1, h2, c2 = state
        asking = p["attention_lstm.weight"] @ np.concatenate([h2, h1])
        h1, c1 = lstm(affine(p, "word_gates", word) + p["mean_gates.weight"] @ mean + asking, c1)
        context, shares = attend(p, h1, image, keep)
        h2, c2 = lstm(affine(p, "language_lstm", np.concatenate([context, h1, h2])), c2)
        return h2, shares, (h1, c1, h2, c2)

    held(agree, "top_down", build(TopDown, dtype), init_state, step, dtype)


def test_top_down_is_two_torch_lstm_cells(agree, dtype):
    """h1 = LSTM([h2; mean; word]), h2 = LSTM([context; h1])."""
    decoder = build(TopDown, dtype)
    first, second = nn.LSTMCell(3 * E, E).to(dtype), nn.LSTMCell(2 * E, E).to(dtype)
    with torch.no_grad():
        parts = decoder.attention_lstm.weight[:, :E], decoder.mean_gates.weight, decoder.word_gates.weight
        first.weight_ih.copy_(torch.cat(parts, dim=1))
        first.weight_hh.copy_(decoder.attention_lstm.weight[:, E:])
        first.bias_ih.copy_(decoder.word_gates.bias)
        second.weight_ih.copy_(decoder.language_lstm.weight[:, : 2 * E])
        second.weight_hh.copy_(decoder.language_lstm.weight[:, 2 * E :])
        second.bias_ih.copy_(decoder.language_lstm.bias)
        first.bias_hh.zero_()
        second.bias_hh.zero_()
    features, tokens = told(dtype)
    image = decoder.project(features).tokens
    mean = torch.stack([row[keep].mean(dim=0) for row, keep in zip(image, features.mask, strict=True)])
    rows = []
    for k in range(K):
        one = two = (torch.zeros(B, E, dtype=dtype),) * 2
        for t in range(T):
            one = first(torch.cat([two[0], mean, decoder.embed(tokens[:, k, t])], dim=-1), one)
            scores = decoder.attention.v(torch.tanh(decoder.attention.W(one[0])[:, None] + decoder.attention.U(image)))
            share = scores.squeeze(-1).masked_fill(~features.mask, -torch.inf).softmax(-1)
            two = second(torch.cat([(share[..., None] * image).sum(dim=1), one[0]], dim=-1), two)
            rows.append(torch.cat([two[0], decoder.logits(two[0]), share], dim=-1))
    theirs = torch.stack(rows, dim=1).unflatten(1, (K, T))
    leaves = [features.tokens, decoder.embed.weight, decoder.word_gates.bias, decoder.language_lstm.bias]
    their_leaves = [*leaves[:2], first.bias_ih, second.bias_ih]
    agree("top_down", "two torch LSTMCells", say(decoder, features, tokens), theirs, leaves, their_leaves)


# Adaptive (Lu et al.)


def adaptive_step(p, word, image, keep, mean, state):
    """Returns beta, too."""
    h, c = state
    view = relu(affine(p, "overview", mean))
    driven = affine(p, "word_gates", word) + p["view_gates.weight"] @ view + p["state_gates.weight"] @ h
    gate = sigmoid(driven[4 * E :])
    h, c = lstm(driven[: 4 * E], c)
    sentinel = gate * np.tanh(c)
    asked, v = affine(p, "attention.W", h), p["attention.v.weight"][0]
    z = [v @ np.tanh(asked + affine(p, "attention.U", f)) for f in image]
    of_sentinel = p["attention.U.weight"] @ p["sentinel.weight"]  # the paper's W_s
    last = v @ np.tanh(asked + of_sentinel @ sentinel)
    beta = softmax([*z, last], np.append(keep, True))[-1]
    alpha = softmax(z, keep)
    context = beta * sentinel + (1 - beta) * weighed(alpha, image)
    return context + h, (1 - beta) * alpha, (h, c), beta


def nothing(p, mean):
    return np.zeros(E), np.zeros(E)


def test_adaptive_in_numpy(agree, dtype):
    """alpha and beta apart: c^_t = beta_t s_t + (1 - beta_t) c_t, and alpha^_i = (1 - beta) alpha_i."""
    held(agree, "adaptive", build(Adaptive, dtype), nothing, lambda *given: adaptive_step(*given)[:3], dtype)


def test_adaptive_gives_the_rest_to_the_sentinel(dtype):
    features, tokens = told(dtype)
    weights = say(build(Adaptive, dtype), features, tokens)[..., -N:]
    beta = 1 - weights.sum(dim=-1)
    assert ((beta > 0.01) & (beta < 0.99)).all()


def test_adaptive_with_the_sentinel_out_of_sight_is_spatial_attention(agree, dtype):
    """The context of the new state, plus the state: an LSTMCell, and the attention alone."""
    decoder = build(Adaptive, dtype)
    decoder.attention.score = never_alone(decoder.attention.score)
    cell = nn.LSTMCell(2 * E, E).to(dtype)
    features, tokens = told(dtype)
    image = decoder.project(features)
    mean = torch.stack([row[keep].mean(dim=0) for row, keep in zip(image.tokens, features.mask, strict=True)])
    view = decoder.overview(mean).relu()
    with torch.no_grad():
        cell.weight_ih.copy_(torch.cat([decoder.word_gates.weight, decoder.view_gates.weight], dim=1)[: 4 * E])
        cell.weight_hh.copy_(decoder.state_gates.weight[: 4 * E])
        cell.bias_ih.copy_(decoder.word_gates.bias[: 4 * E])
        cell.bias_hh.zero_()
    rows = []
    for k in range(K):
        h, c = (torch.zeros(B, E, dtype=dtype),) * 2
        for t in range(T):
            h, c = cell(torch.cat([decoder.embed(tokens[:, k, t]), view], dim=-1), (h, c))
            context, share = read(decoder.attention, h[:, None], image)[:, 0].split([E, N], dim=-1)
            out = context + h
            rows.append(torch.cat([out, decoder.logits(out), share], dim=-1))
    theirs = torch.stack(rows, dim=1).unflatten(1, (K, T))
    leaves = [features.tokens, decoder.embed.weight, *decoder.attention.parameters()]
    ours = say(decoder, features, tokens)
    agree("adaptive", "torch LSTMCell, spatial attention", ours, theirs, leaves)
    torch.testing.assert_close(ours[..., -N:].sum(dim=-1), torch.ones(B, K, T, dtype=dtype))


def never_alone(score):
    """Scores, but that of a lone key, which is the sentinel's."""
    return lambda query, keys: score(query, keys) - (1e4 if keys.shape[1] == 1 else 0)


# The Transformer


def torch_layer(layer, heads, dtype):
    """Ours as torch's, and the weights of both in pairs."""
    theirs = nn.TransformerDecoderLayer(
        2 * E, heads, layer.network[0].out_features, dropout=0.0, batch_first=True, norm_first=True
    ).to(dtype)
    pairs = [
        (theirs.self_attn.in_proj_weight, layer.query_key_value.weight),
        (theirs.self_attn.in_proj_bias, layer.query_key_value.bias),
    ]
    for one, other in (
        (theirs.self_attn.out_proj, layer.out),
        (theirs.multihead_attn.out_proj, layer.attention.out),
        (theirs.linear1, layer.network[0]),
        (theirs.linear2, layer.network[3]),
        (theirs.norm1, layer.before_words),
        (theirs.norm2, layer.before_image),
        (theirs.norm3, layer.before_network),
    ):
        pairs += [(one.weight, other.weight), (one.bias, other.bias)]
    parts = layer.attention.query, layer.attention.key, layer.attention.value
    with torch.no_grad():
        for one, other in pairs:
            one.copy_(other)
        theirs.multihead_attn.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        theirs.multihead_attn.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
    return theirs, pairs


def test_transformer_is_torchs(agree, default_dtype):
    dtype, heads, width, length = default_dtype, 2, 2 * E, 5
    decoder = Transformer(
        V,
        D,
        "multihead(num_heads=2)",
        dim=width,
        num_layers=2,
        num_heads=heads,
        hidden_dim=12,
        dropout=0.0,
        positions="none",
    )
    decoder = shaken(decoder, dtype)
    layers, pairs = zip(*(torch_layer(layer, heads, dtype) for layer in decoder.layers), strict=True)
    pairs = [pair for both in pairs for pair in both]
    norm = nn.LayerNorm(width).to(dtype)
    norm.load_state_dict(decoder.norm.state_dict())
    features, tokens = told(dtype, length)
    image = decoder.project(features).tokens.repeat_interleave(K, dim=0)
    waves = np.array(  # sines, then cosines: the paper's channels, in another order
        [
            [wave(t / 10000 ** (2 * i / width)) for wave in (np.sin, np.cos) for i in range(width // 2)]
            for t in range(length)
        ]
    )
    x = nn.functional.embedding(tokens.flatten(0, 1), decoder.embed.weight) * width**0.5
    x = x + torch.from_numpy(waves).to(dtype)
    later = torch.ones(length, length, dtype=torch.bool).triu(1)
    for layer in layers:
        x = layer(x, image, tgt_mask=later, memory_key_padding_mask=~features.mask.repeat_interleave(K, dim=0))
    theirs = norm(x).unflatten(0, (B, K))
    memory, state = decoder.init_state(features)
    state = tuple(part.expand(-1, K, *part.shape[2:]) for part in state)
    leaves = [features.tokens, decoder.embed.weight, decoder.norm.weight]
    leaves, their_leaves = (
        [*leaves, *(own for _, own in pairs)],
        [*leaves[:2], norm.weight, *(other for other, _ in pairs)],
    )
    for need_weights in (False, True):
        ours = decoder(tokens, memory, state, need_weights=need_weights).hidden
        agree("transformer", "torch TransformerDecoderLayer", ours, theirs, leaves, their_leaves)
    said = torch.cat([decoder(tokens[:, :, :2], memory, state).hidden, *one_by_one(decoder, tokens, memory, state)], 2)
    agree("transformer(word by word)", "torch TransformerDecoderLayer", said, theirs, leaves, their_leaves)
    scores = nn.functional.linear(theirs, decoder.embed.weight, decoder.bias)
    agree("transformer(logits)", "torch TransformerDecoderLayer", decoder.logits(ours), scores, leaves, their_leaves)


def one_by_one(decoder, tokens, memory, state):
    """The words after the first two, each with the state that the words before it left."""
    output = decoder(tokens[:, :, :2], memory, state)
    for t in range(2, tokens.shape[2]):
        memory, state = output.memory or memory, output.state
        output = decoder(tokens[:, :, t : t + 1], memory, state)
        yield output.hidden
