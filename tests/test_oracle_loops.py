"""Each attention without a library's twin against a loop in numpy from its paper's equations, and against identities."""

import numpy as np
import pytest
import torch
from oracles import (  # noqa: F401 -- two are fixtures
    affine,
    agreement,
    default_dtypes,
    dtypes,
    elu,
    inputs,
    named,
    read,
    relu,
    shaken,
    sigmoid,
    softmax,
    weighed,
)

from zoo.attention.aoa import AttentionOnAttention
from zoo.attention.area import Area
from zoo.attention.bahdanau import Bahdanau
from zoo.attention.cosine import Cosine
from zoo.attention.local import Local
from zoo.attention.luong import Luong
from zoo.attention.mean import Mean
from zoo.attention.memory_multihead import MemoryMultiHead
from zoo.attention.relu_concat import ReluConcat
from zoo.attention.sparse import Sparse, entmax15, sparsemax
from zoo.attention.xlinear import XLinear
from zoo.losses import DoublyStochastic, TrainingOutput
from zoo.projection import Projection
from zoo.types import DecoderOutput, Features

B, N, M, D, Q, A = 2, 6, 2, 3, 4, 5
GRID = (2, 3)
SIZES = (B, N, M, D, Q)


def for_each(attend, features):
    """One query after another: attend(p, q, f, keep) gives context and weights."""
    keeps = np.ones(features.tokens.shape[:2], bool) if features.mask is None else features.mask.numpy()

    def loop(p):
        asked = [(b, query) for b in range(B) for query in p["query"][b]]
        answers = [np.concatenate(attend(p, query, p["tokens"][b], keeps[b])) for b, query in asked]
        return np.reshape(answers, (*p["query"].shape[:2], -1))

    return loop


def held(agree, component, attention, attend, dtype, grid=None, sizes=SIZES):
    """`attention` against the loop, with a mask and without."""
    attention = shaken(attention, dtype)
    for masked in (True, False):
        query, features = inputs(dtype, grid, sizes=sizes, masked=masked)
        leaves = named(attention, query=query, tokens=features.tokens)
        agree(component, "numpy loop", read(attention, query, features), for_each(attend, features), leaves)


def length(x):
    return np.sqrt((x * x).sum())


def test_bahdanau_normed_in_numpy(agree, dtype):
    def attend(p, q, f, keep):
        v = p["v.weight"][0]
        scores = [p["g"] * (v / length(v)) @ np.tanh(affine(p, "W", q) + affine(p, "U", f[i])) for i in range(N)]
        shares = softmax(scores, keep)
        return weighed(shares, f), shares

    held(agree, "bahdanau(normed)", Bahdanau(Q, D, hidden_dim=A, normed=True), attend, dtype)


def test_bahdanau_normed_with_the_length_of_v_is_plain(agree, dtype):
    normed = shaken(Bahdanau(Q, D, hidden_dim=A, normed=True), dtype)
    plain = Bahdanau(Q, D, hidden_dim=A).to(dtype)
    plain.load_state_dict({name: value for name, value in normed.state_dict().items() if name != "g"})
    normed.g.data = normed.v.weight.data.norm()
    query, features = inputs(dtype, sizes=SIZES)
    ours, theirs = read(normed, query, features), read(plain, query, features)
    agree("bahdanau(normed)", "plain, g = |v|", ours, theirs, [query, features.tokens])


def test_luong_concat_in_numpy(agree, dtype):
    def attend(p, q, f, keep):
        both = np.concatenate([p["W_query.weight"], p["W.weight"]], axis=1)
        shares = softmax([p["v.weight"][0] @ np.tanh(both @ np.concatenate([q, f[i]])) for i in range(N)], keep)
        return weighed(shares, f), shares

    held(agree, "luong(concat)", Luong(Q, D, score="concat"), attend, dtype)


@pytest.mark.parametrize("scale", [False, True])
def test_luong_general_in_numpy(agree, dtype, scale):
    def attend(p, q, f, keep):
        shares = softmax([q @ p["W.weight"] @ f[i] / (len(q) ** 0.5 if scale else 1) for i in range(N)], keep)
        return weighed(shares, f), shares

    held(agree, "luong(general)", Luong(Q, D, scale=scale), attend, dtype)


def test_relu_concat_in_numpy(agree, dtype):
    def attend(p, q, f, keep):
        both = np.concatenate([p["W_feature.weight"], p["W_query.weight"]], axis=1)
        inner = [both @ np.concatenate([f[i], q]) + p["W_feature.bias"] for i in range(N)]
        shares = softmax([affine(p, "v", relu(inner[i]))[0] for i in range(N)], keep)
        return weighed(shares, f), shares

    held(agree, "relu_concat", ReluConcat(Q, D, hidden_dim=A), attend, dtype)


def test_cosine_in_numpy(agree, dtype):
    def attend(p, q, f, keep):
        u = affine(p, "W", q)
        keys = [affine(p, "U", f[i]) for i in range(N)]
        shares = softmax([p["sharpness"] * (u @ k) / (length(u) * length(k)) for k in keys], keep)
        return weighed(shares, f), shares

    held(agree, "cosine", Cosine(Q, D, hidden_dim=A), attend, dtype)


def test_mean_in_numpy(agree, dtype):
    def attend(p, q, f, keep):
        kept = np.flatnonzero(keep)
        return sum(f[i] for i in kept) / len(kept), keep / len(kept)

    held(agree, "mean", Mean(Q, D), attend, dtype)


def test_memory_multihead_in_numpy(agree, dtype):
    heads, slots = 2, 3
    width = Q // heads

    def attend(p, q, f, keep):
        asked, read_by_heads, seen = affine(p, "query", q), [], 0
        keys = [*(affine(p, "key", f[i]) for i in range(N)), *p["key_slots"]]
        values = [*(affine(p, "value", f[i]) for i in range(N)), *p["value_slots"]]
        for head in range(heads):
            own = slice(head * width, (head + 1) * width)
            scores = [asked[own] @ key[own] / width**0.5 for key in keys]
            shares = softmax(scores, np.append(keep, np.ones(slots, bool)))
            read_by_heads.append(weighed(shares, [value[own] for value in values]))
            seen = seen + shares[:N] / heads
        return affine(p, "out", np.concatenate(read_by_heads)), seen

    held(agree, "memory_multihead", MemoryMultiHead(Q, D, num_heads=heads, num_slots=slots), attend, dtype)


def test_aoa_in_numpy(agree, dtype):
    def attend(p, q, f, keep):
        shares = softmax([q @ p["attention.W.weight"] @ f[i] for i in range(N)], keep)
        both = affine(p, "information_and_gate", np.concatenate([weighed(shares, f), q]))
        return both[:Q] * sigmoid(both[Q:]), shares

    held(agree, "aoa", AttentionOnAttention(Q, D, attention="luong"), attend, dtype)


# Local attention (Luong et al., 3.2)


def around(p, q, grid):
    """p_t of two axes, and how far each cell's middle is from it."""
    foreseen = np.array(grid) * sigmoid(p["V.weight"] @ np.tanh(p["W.weight"] @ q))
    return [
        (row + 0.5 - foreseen[0], column + 0.5 - foreseen[1]) for row in range(grid[0]) for column in range(grid[1])
    ]


@pytest.mark.parametrize("grid", [(3, 4), (2, 6)], ids=str)
@pytest.mark.parametrize("window", [1, 2])
def test_local_in_numpy(agree, dtype, grid, window):
    cells, deviation = grid[0] * grid[1], window / 2

    def attend(p, q, f, keep):
        away = around(p, q, grid)
        near = np.array([abs(y.real) <= window and abs(x.real) <= window for y, x in away])
        shares = np.zeros(cells, complex)
        if (keep & near).any():
            shares = softmax([q @ p["scorer.W.weight"] @ f[i] for i in range(cells)], keep & near)
        for i, (y, x) in enumerate(away):
            shares[i] = shares[i] * np.exp(-(y * y + x * x) / (2 * deviation**2))
        return weighed(shares, f), shares

    attention = Local(Q, D, score="luong", window=window)
    torch.nn.init.normal_(attention.V.weight)  # looks far afield
    held(agree, "local", attention, attend, dtype, grid, (B, cells, 4, D, Q))


def test_local_sees_nothing_outside_of_its_window(dtype):
    grid, window = (6, 7), 2
    attention = shaken(Local(Q, D, score="luong", window=window), dtype, 2.0)
    query, features = inputs(dtype, grid, sizes=(B, 42, 8, D, Q), masked=False)
    weights = read(attention, query, features)[..., D:].detach().numpy()
    p = {name: value.detach().numpy() for name, value in attention.named_parameters()}
    for b in range(B):
        for m, q in enumerate(query[b].detach().numpy()):
            outside = [max(abs(y), abs(x)) > window for y, x in around(p, q, grid)]
            assert any(outside)
            assert (weights[b, m, outside] == 0).all()
            assert (weights[b, m, np.logical_not(outside)] > 0).all()


def test_local_with_a_window_over_the_grid_is_global_times_the_gaussian(agree, dtype):
    attention, window = shaken(Local(Q, D, score="luong", window=3), dtype), 3
    query, features = inputs(dtype, GRID, sizes=SIZES)
    plain = attention.scorer(query, attention.scorer.precompute(features), need_weights=True).weights
    middle = torch.tensor(GRID) * torch.sigmoid(attention.V(attention.W(query).tanh()))
    cell = torch.tensor([(row + 0.5, column + 0.5) for row in range(2) for column in range(3)], dtype=dtype)
    gaussian = torch.exp(-(cell - middle[:, :, None]).square().sum(-1) / (2 * (window / 2) ** 2))
    share = plain * gaussian
    leaves = [query, features.tokens, *attention.parameters()]
    theirs = torch.cat([share @ features.tokens, share], dim=-1)
    agree("local", "its scorer x Gaussian, window over all", read(attention, query, features), theirs, leaves)
    weights = read(attention, query, features)[..., D:]
    agree("local", "its scorer, Gaussian divided out", weights / gaussian, plain, [query, features.tokens])


# Area attention (Li et al.): every rectangle of cells, by its corners


@pytest.mark.parametrize(("grid", "largest"), [((2, 3), 2), ((2, 3), 3), ((1, 6), 3)], ids=str)
@pytest.mark.parametrize("score", ["luong", "bahdanau(hidden_dim=5)"])
def test_area_in_numpy(agree, dtype, grid, largest, score):
    height, width = grid

    def attend(p, q, f, keep):
        scores, values, members = [], [], []
        for top in range(height):
            for left in range(width):
                for bottom in range(top + 1, min(top + largest, height) + 1):
                    for right in range(left + 1, min(left + largest, width) + 1):
                        cells = [row * width + column for row in range(top, bottom) for column in range(left, right)]
                        cells = [i for i in cells if keep[i]]
                        if not cells:
                            continue
                        mean = sum(f[i] for i in cells) / len(cells)
                        if score == "luong":
                            scores.append(q @ sum(p["scorer.W.weight"] @ f[i] for i in cells) / len(cells))
                        else:
                            key = sum(p["scorer.U.weight"] @ f[i] for i in cells) / len(cells)
                            scores.append(p["scorer.v.weight"][0] @ np.tanh(affine(p, "scorer.W", q) + key))
                        values.append(mean)
                        members.append(cells)
        shares = softmax(scores, np.ones(len(scores), bool))
        seen = np.zeros(N, complex)
        for share, cells in zip(shares, members, strict=True):
            seen[cells] += share / len(cells)
        return weighed(shares, values), seen

    held(agree, f"area({score.partition('(')[0]})", Area(Q, D, score=score, largest=largest), attend, dtype, grid)


def test_area_of_single_cells_is_the_plain_attention(agree, dtype):
    area = shaken(Area(Q, D, score="bahdanau", largest=1), dtype)
    query, features = inputs(dtype, GRID, sizes=SIZES)
    leaves = [query, features.tokens, *area.parameters()]
    agree("area(largest=1)", "its scorer", read(area, query, features), read(area.scorer, query, features), leaves)


# X-linear attention (Pan et al., 3.2)


def test_xlinear_in_numpy(agree, dtype):
    def attend(p, q, f, keep):
        products = [elu(affine(p, "key", f[i])) * elu(affine(p, "query_of_key", q)) for i in range(N)]
        squeezed = [relu(affine(p, "squeeze", product)) for product in products]
        places = softmax([p["where.weight"][0] @ squeezed[i] for i in range(N)], keep)
        kept = np.flatnonzero(keep)
        channels = sigmoid(affine(p, "excite", sum(squeezed[i] for i in kept) / len(kept)))
        pooled = [elu(affine(p, "value", f[i])) * elu(affine(p, "query_of_value", q)) for i in range(N)]
        return channels * weighed(places, pooled), places

    held(agree, "xlinear", XLinear(Q, D, hidden_dim=5, squeeze_dim=3), attend, dtype)


def test_xlinear_with_open_channels_and_no_second_product_is_an_attention_by_a_network(agree, dtype):
    attention = shaken(XLinear(Q, D, hidden_dim=A, squeeze_dim=3), dtype)
    with torch.no_grad():
        for part, bias in ((attention.excite, torch.inf), (attention.query_of_value, 1.0)):  # elu(1) is 1
            part.weight.zero_()
            part.bias.fill_(bias)
    query, features = inputs(dtype, sizes=SIZES)
    network = torch.nn.Sequential(attention.squeeze, torch.nn.ReLU(), attention.where)
    act = torch.nn.ELU()
    product = act(attention.query_of_key(query))[:, :, None] * act(attention.key(features.tokens))[:, None]
    share = network(product).squeeze(-1).masked_fill(~features.mask[:, None], -torch.inf).softmax(-1)
    theirs = torch.cat([share @ act(attention.value(features.tokens)), share], dim=-1)
    ours = read(attention, query, features)
    agree("xlinear", "torch Sequential on products", ours, theirs, [query, features.tokens, *network.parameters()])


# Sparse weights: the threshold found by halving, and its slope by a step of Newton's


def thresholded(scores, power):
    """max(z_i - t, 0)^power with the t that makes them sum to 1; sparsemax's power is 1, that of 1.5-entmax 2."""
    z = np.array(scores) / power
    low, high = z.real.max() - 1, z.real.max()
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if (np.maximum(z.real - middle, 0) ** power).sum() > 1 else (low, middle)
    inside = z.real > low
    slope = (power * (z[inside] - low) ** (power - 1)).sum()
    threshold = low + ((z[inside] - low) ** power).sum() / slope - 1 / slope
    return np.where(inside, (z - threshold) ** power, 0)


NORMALISERS = {"sparsemax": (sparsemax, 1), "entmax15": (entmax15, 2)}


@pytest.mark.parametrize("normaliser", NORMALISERS)
def test_sparse_in_numpy(agree, dtype, normaliser):
    def attend(p, q, f, keep):
        shares = np.zeros(N, complex)
        kept = np.flatnonzero(keep)
        shares[kept] = thresholded([q @ p["scorer.W.weight"] @ f[i] for i in kept], NORMALISERS[normaliser][1])
        return weighed(shares, f), shares

    held(agree, f"sparse({normaliser})", Sparse(Q, D, score="luong", normaliser=normaliser), attend, dtype)


@pytest.mark.parametrize("normaliser", NORMALISERS)
def test_sparse_weights_in_numpy(agree, dtype, normaliser):
    ours, power = NORMALISERS[normaliser]

    def theirs(p):
        return np.array([thresholded(row, power) for row in p["scores"]])

    for spread in (0.1, 1.0, 5.0):  # all of them, some, few
        scores = (spread * torch.randn(4, 9, dtype=dtype)).requires_grad_()
        agree(f"sparse({normaliser})", "numpy bisection", ours(scores), theirs, {"scores": scores})


# The doubly stochastic penalty (Xu et al., eq. 14)


def test_the_doubly_stochastic_penalty_in_numpy(agree, dtype):
    captions, words = 3, 4
    raw = torch.randn(B, captions, words, N, dtype=dtype, requires_grad=True)
    weights = raw.softmax(-1)
    ends = torch.tensor([[4, 2, 1], [3, 4, 2]])
    said = torch.arange(words) < ends[..., None]

    def penalty(p):
        total = 0
        for b in range(B):
            for k in range(captions):
                for i in range(N):
                    looked = sum(
                        softmax(p["raw"][b, k, t], np.ones(N, bool))[i] for t in range(int(ends[b, k]))
                    )  # ... of words that there are
                    total = total + 0.7 * (1 - looked) ** 2
        return np.array(total)

    output = DecoderOutput(weights, weights, ())
    ours = DoublyStochastic(0.7).auxiliary_loss(TrainingOutput(output, said, torch.zeros(B, captions, dtype=dtype)))
    agree("doubly stochastic", "numpy loop", ours, penalty, {"raw": raw})
    longer = torch.cat([weights, torch.rand(B, captions, 2, N, dtype=dtype)], dim=2)
    padded = torch.nn.functional.pad(said, (0, 2))
    output = DecoderOutput(longer, longer, ())
    more = DoublyStochastic(0.7).auxiliary_loss(TrainingOutput(output, padded, torch.zeros(B, captions, dtype=dtype)))
    agree("doubly stochastic", "itself, padded", more, ours, [raw])


# Features on their way into a decoder


def projected(p, f):
    """W (LayerNorm f), through a ReLU."""
    even = (f - f.mean()) / np.sqrt(((f - f.mean()) ** 2).mean() + 1e-5)
    return relu(affine(p, "layers.1", even * p["layers.0.weight"] + p["layers.0.bias"]))


def test_the_waves_in_numpy(agree, default_dtype):
    grid = (3, 4)
    projection = shaken(Projection(D, A, dropout=0.0, positions="sinusoidal"), default_dtype)
    tokens = torch.randn(B, 12, D, dtype=default_dtype, requires_grad=True)

    def loop(p):
        rows = []
        for b in range(B):
            for i in range(12):
                within = ((i // 4 + 0.5) / 3, (i % 4 + 0.5) / 4)
                angles = [np.pi * 2**wave * side for side in within for wave in range(4)]
                waves = np.array([np.sin(angle) for angle in angles] + [np.cos(angle) for angle in angles])
                rows.append(projected(p, p["tokens"][b, i]) + p["positional_encoding.mix.weight"] @ waves)
        return np.reshape(rows, (B, 12, A))

    ours = projection(Features(tokens, grid)).tokens
    agree("projection(sinusoidal)", "numpy loop", ours, loop, named(projection, tokens=tokens))


@pytest.mark.parametrize("grid", [(16, 16), (3, 4), (1, 5), (20, 1)], ids=str)
def test_the_table_in_numpy(agree, dtype, grid):
    table = Projection(D, 2, dropout=0.0, positions="learned").to(dtype).positional_encoding
    torch.nn.init.normal_(table.rows)
    torch.nn.init.normal_(table.columns)

    def stretched(vectors, side):  # (16, channels), its ends at the grid's ends
        at = np.linspace(0, 15, side) if side > 1 else np.zeros(1)
        low = np.minimum(at.astype(int), 14)
        return [vectors[j] * (1 - (x - j)) + vectors[j + 1] * (x - j) for x, j in zip(at, low, strict=True)]

    def loop(p):
        rows, columns = stretched(p["rows"], grid[0]), stretched(p["columns"], grid[1])
        return np.array([row + column for row in rows for column in columns])

    ours = table(grid)
    agree("projection(learned)", "numpy loop", ours, loop, named(table))
    if grid == (16, 16):
        assert torch.equal(ours, (table.rows[:, None] + table.columns).flatten(0, 1))
