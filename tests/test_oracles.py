"""Each attention against a library's implementation, outputs and gradients."""

import copy

import pytest
import torch
from oracles import agreement, dtypes, inputs, keras_on_torch, read, shaken  # noqa: F401 -- fixtures
from torch import nn
from torch.nn import functional as F

from zoo.attention import dot_product_attention, masked_softmax
from zoo.attention.aoa import AttentionOnAttention
from zoo.attention.bahdanau import Bahdanau
from zoo.attention.cosine import Cosine
from zoo.attention.hard import Hard
from zoo.attention.luong import Luong
from zoo.attention.mean import Mean
from zoo.attention.memory_multihead import MemoryMultiHead
from zoo.attention.multihead import MultiHead
from zoo.attention.relu_concat import ReluConcat
from zoo.attention.sparse import Sparse, entmax15, sparsemax
from zoo.losses import TrainingOutput
from zoo.types import DecoderOutput

B, N, M, D, Q, A = 3, 7, 4, 10, 8, 12


def beside(context, weights):
    return torch.cat([context, weights.to(context.dtype)], dim=-1)


def additive(keras, query, keys, values, v, keep):
    layer = keras.layers.AdditiveAttention(use_scale=True)
    layer.build([query.shape, values.shape, keys.shape])
    layer.scale.assign(v.detach())
    return beside(
        *layer(
            [query, values, keys],
            mask=[torch.ones(query.shape[:2], dtype=torch.bool), keep],
            return_attention_scores=True,
        )
    )


def one_by_one(theirs, query, features):
    """joeynmt's attentions take a query at a time."""
    theirs.compute_proj_keys(features.tokens)
    keep = features.mask[:, None]
    return torch.cat([beside(*theirs(query[:, m : m + 1], keep, features.tokens)) for m in range(query.shape[1])], 1)


def test_bahdanau_is_keras_additive_attention(keras, agree):
    torch.manual_seed(0)
    attention = Bahdanau(Q, D, hidden_dim=A)
    query, features = inputs(torch.float32)
    theirs = additive(
        keras, attention.W(query), attention.U(features.tokens), features.tokens, attention.v.weight[0], features.mask
    )
    leaves = [query, features.tokens, *attention.W.parameters(), *attention.U.parameters()]
    agree("bahdanau", "keras AdditiveAttention", read(attention, query, features), theirs, leaves)


def test_bahdanau_is_joeynmts(agree, dtype):
    joeynmt = pytest.importorskip("joeynmt.attention")
    attention = shaken(Bahdanau(Q, D, hidden_dim=A), dtype)
    theirs = joeynmt.BahdanauAttention(A, key_size=D, query_size=Q).to(dtype)
    theirs.query_layer.weight, theirs.key_layer.weight, theirs.energy_layer.weight = (
        part.weight for part in (attention.W, attention.U, attention.v)
    )
    nn.init.zeros_(attention.W.bias)  # theirs has none
    query, features = inputs(dtype)
    leaves = [query, features.tokens, attention.W.weight, attention.U.weight, attention.v.weight]
    ours, expected = read(attention, query, features), one_by_one(theirs, query, features)
    agree("bahdanau", "joeynmt BahdanauAttention", ours, expected, leaves)


def test_bahdanau_normed_is_torch_weight_norm_of_v(agree, dtype):
    attention = shaken(Bahdanau(Q, D, hidden_dim=A, normed=True), dtype)
    plain = Bahdanau(Q, D, hidden_dim=A).to(dtype)
    plain.W, plain.U = attention.W, attention.U
    plain.v = nn.utils.parametrizations.weight_norm(copy.deepcopy(attention.v))
    length, direction = plain.v.parametrizations.weight.original0, plain.v.parametrizations.weight.original1
    nn.init.constant_(length, attention.g.item())
    query, features = inputs(dtype)
    ours, theirs = read(attention, query, features), read(plain, query, features)
    shared = [query, features.tokens]
    leaves, their_leaves = [*shared, attention.v.weight], [*shared, direction]
    agree("bahdanau(normed)", "torch weight_norm", ours, theirs, leaves, their_leaves)
    (mine,), (other,) = (torch.autograd.grad(x.square().sum(), y) for x, y in ((ours, attention.g), (theirs, length)))
    torch.testing.assert_close(mine, other.squeeze())


def test_luong_concat_is_keras_additive_attention_with_the_matrix_split(keras, agree):
    torch.manual_seed(0)
    attention = Luong(Q, D, score="concat")
    query, features = inputs(torch.float32)
    keys = attention.W(features.tokens)
    theirs = additive(keras, attention.W_query(query), keys, features.tokens, attention.v.weight[0], features.mask)
    leaves = [query, features.tokens, attention.W.weight, attention.W_query.weight]
    agree("luong(concat)", "keras AdditiveAttention", read(attention, query, features), theirs, leaves)


def test_luong_concat_is_joeynmts_bahdanau_with_the_matrix_split(agree, dtype):
    joeynmt = pytest.importorskip("joeynmt.attention")
    attention = shaken(Luong(Q, D, score="concat"), dtype)
    theirs = joeynmt.BahdanauAttention(Q, key_size=D, query_size=Q).to(dtype)
    theirs.query_layer.weight, theirs.key_layer.weight, theirs.energy_layer.weight = (
        part.weight for part in (attention.W_query, attention.W, attention.v)
    )
    query, features = inputs(dtype)
    ours, expected = read(attention, query, features), one_by_one(theirs, query, features)
    agree("luong(concat)", "joeynmt BahdanauAttention", ours, expected, [query, features.tokens, *theirs.parameters()])


@pytest.mark.parametrize(("score", "width", "scale"), [("dot", Q, False), ("general", D, False), ("general", D, True)])
def test_luong_products_are_keras_dot_attention(keras, agree, score, width, scale):
    torch.manual_seed(0)
    attention = Luong(Q, width, score=score, scale=scale)
    query, features = inputs(torch.float32, sizes=(B, N, M, width, Q))
    asked = query / Q**0.5 if scale else query
    theirs = keras.layers.Attention()(
        [asked, features.tokens, attention.W(features.tokens)],
        mask=[torch.ones(B, M, dtype=torch.bool), features.mask],
        return_attention_scores=True,
    )
    leaves = [query, features.tokens, *attention.parameters()]
    agree(f"luong({score})", "keras Attention", read(attention, query, features), beside(*theirs), leaves)


def test_luong_general_is_joeynmts(agree, dtype):
    joeynmt = pytest.importorskip("joeynmt.attention")
    attention = shaken(Luong(Q, D), dtype)
    theirs = joeynmt.LuongAttention(Q, D).to(dtype)
    theirs.key_layer.weight = attention.W.weight
    query, features = inputs(dtype)
    leaves = [query, features.tokens, attention.W.weight]
    ours, expected = read(attention, query, features), one_by_one(theirs, query, features)
    agree("luong(general)", "joeynmt LuongAttention", ours, expected, leaves)


def test_luong_dot_is_torchnlps(agree, dtype):
    torchnlp = pytest.importorskip("torchnlp.nn.attention")
    attention, theirs = Luong(Q, Q, score="dot"), torchnlp.Attention(Q, "dot").to(dtype)
    query, features = inputs(dtype, sizes=(B, N, M, Q, Q), masked=False)  # theirs knows no mask
    context, weights, *_ = attention(query, attention.precompute(features), need_weights=True)
    told = theirs.linear_out(torch.cat([context, query], dim=-1)).tanh()
    expected = theirs(query, features.tokens)
    agree("luong(dot)", "torchnlp Attention", beside(told, weights), beside(*expected), [query, features.tokens])


def projections(attention, theirs):
    """Our weights in a torch.nn.MultiheadAttention."""
    with torch.no_grad():
        parts = attention.query, attention.key, attention.value
        for projection, part in zip(
            (theirs.q_proj_weight, theirs.k_proj_weight, theirs.v_proj_weight), parts, strict=True
        ):
            projection.copy_(part.weight)
        theirs.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
        theirs.out_proj.load_state_dict(attention.out.state_dict())
    return theirs


def weight_pairs(attention, theirs):
    ours = [part.weight for part in (attention.query, attention.key, attention.value, attention.out)]
    return ours, [theirs.q_proj_weight, theirs.k_proj_weight, theirs.v_proj_weight, theirs.out_proj.weight]


def test_multihead_is_torch_multihead_attention(agree, dtype):
    attention = shaken(MultiHead(Q, D, num_heads=2), dtype)
    theirs = projections(attention, nn.MultiheadAttention(Q, 2, kdim=D, vdim=D, batch_first=True).to(dtype))
    query, features = inputs(dtype)
    tokens, out = features.tokens, ~features.mask  # True leaves out
    mine, others = weight_pairs(attention, theirs)
    leaves, their_leaves = [query, tokens, *mine], [query, tokens, *others]
    expected = beside(*theirs(query, tokens, tokens, key_padding_mask=out))
    agree("multihead", "torch MultiheadAttention", read(attention, query, features), expected, leaves, their_leaves)
    fast, expected = attention(query, attention.precompute(features)).context, expected[..., :Q]
    agree("multihead", "torch MultiheadAttention", fast, expected, leaves, their_leaves)


def test_multihead_is_keras_multihead_attention(keras, agree):
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
    ours = attention(query, attention.precompute(features)).context
    agree("multihead", "keras MultiHeadAttention", ours, theirs, [query, features.tokens])


def test_memory_multihead_with_one_slot_is_torch_multihead_attention_with_bias_kv(agree, dtype):
    attention = shaken(MemoryMultiHead(Q, D, num_heads=2, num_slots=1), dtype)
    theirs = nn.MultiheadAttention(Q, 2, kdim=D, vdim=D, batch_first=True, add_bias_kv=True).to(dtype)
    projections(attention, theirs)
    with torch.no_grad():
        theirs.bias_k.copy_(attention.key_slots[None])
        theirs.bias_v.copy_(attention.value_slots[None])
    query, features = inputs(dtype)
    tokens = features.tokens
    mine, others = weight_pairs(attention, theirs)
    context, weights = theirs(query, tokens, tokens, key_padding_mask=~features.mask)
    agree(
        "memory_multihead",
        "torch MultiheadAttention(add_bias_kv)",
        read(attention, query, features),
        beside(context, weights[..., :N]),
        [query, tokens, *mine],
        [query, tokens, *others],
    )


def test_memory_multihead_is_torch_scaled_dot_product_attention_over_image_and_slots(agree, dtype):
    heads, slots, width = 2, 5, Q // 2
    attention = shaken(MemoryMultiHead(Q, D, num_heads=heads, num_slots=slots), dtype)
    query, features = inputs(dtype)
    keep, asked, read_by_heads = F.pad(features.mask, (0, slots), value=True)[:, None], attention.query(query), []
    for head in range(heads):
        own = slice(head * width, (head + 1) * width)
        keys, values = (
            torch.cat([part(features.tokens)[..., own], memory[None, :, own].expand(B, -1, -1)], dim=1)
            for part, memory in ((attention.key, attention.key_slots), (attention.value, attention.value_slots))
        )
        read_by_heads.append(F.scaled_dot_product_attention(asked[..., own], keys, values, attn_mask=keep))
    theirs = attention.out(torch.cat(read_by_heads, dim=-1))
    ours = attention(query, attention.precompute(features)).context
    leaves = [query, features.tokens, *attention.parameters()]
    agree("memory_multihead", "torch scaled_dot_product_attention", ours, theirs, leaves)


def test_memory_multihead_with_slots_out_of_sight_is_multihead(agree, dtype):
    attention, theirs = (
        MemoryMultiHead(Q, D, num_heads=2, num_slots=3).to(dtype),
        MultiHead(Q, D, num_heads=2).to(dtype),
    )
    theirs.load_state_dict({name: value for name, value in attention.state_dict().items() if "slots" not in name})
    query, features = inputs(dtype)
    with torch.no_grad():  # every head's query has a large last channel, which slots alone have, below 0
        for last in (Q // 2 - 1, Q - 1):
            attention.query.weight[last], attention.query.bias[last] = 0, 1e3
            attention.key.weight[last], attention.key.bias[last] = 0, 0
            attention.key_slots[:, last] = -1e3
        for name, part in theirs.named_parameters():
            part.copy_(attention.get_parameter(name))
    ours, expected = read(attention, query, features), read(theirs, query, features)
    agree("memory_multihead", "multihead, slots out of sight", ours, expected, [query, features.tokens])


def test_relu_concat_is_the_two_layer_network_on_both_side_by_side(agree, dtype):
    attention = shaken(ReluConcat(Q, D, hidden_dim=A), dtype)
    query, features = inputs(dtype)
    network = nn.Sequential(nn.Linear(D + Q, A), nn.ReLU(), attention.v).to(dtype)
    with torch.no_grad():
        network[0].weight.copy_(torch.cat([attention.W_feature.weight, attention.W_query.weight], dim=1))
        network[0].bias.copy_(attention.W_feature.bias)
    pairs = torch.cat([features.tokens[:, None].expand(-1, M, -1, -1), query[:, :, None].expand(-1, -1, N, -1)], dim=-1)
    share = network(pairs).squeeze(-1).masked_fill(~features.mask[:, None], -torch.inf).softmax(-1)
    mine, others = [attention.W_feature.bias, attention.v.weight], [network[0].bias, attention.v.weight]
    leaves = [query, features.tokens]
    theirs = beside(share @ features.tokens, share)
    agree("relu_concat", "torch Sequential", read(attention, query, features), theirs, leaves + mine, leaves + others)


def test_cosine_is_torch_cosine_similarity(agree, dtype):
    attention = shaken(Cosine(Q, D, hidden_dim=A), dtype)
    query, features = inputs(dtype)
    alike = nn.CosineSimilarity(dim=-1)(attention.W(query)[:, :, None], attention.U(features.tokens)[:, None])
    share = (attention.sharpness * alike).masked_fill(~features.mask[:, None], -torch.inf).softmax(-1)
    leaves = [query, features.tokens, *attention.parameters()]
    theirs = beside(share @ features.tokens, share)
    agree("cosine", "torch CosineSimilarity", read(attention, query, features), theirs, leaves)


def test_mean_is_the_mean_of_what_is_kept(agree, dtype):
    query, features = inputs(dtype)
    kept = [row[keep].mean(dim=0) for row, keep in zip(features.tokens, features.mask, strict=True)]
    share = features.mask / features.mask.sum(dim=1, keepdim=True, dtype=dtype)
    theirs = beside(torch.stack(kept), share)[:, None].expand(-1, M, -1)
    agree("mean", "torch mean", read(Mean(Q, D), query, features), theirs, [features.tokens])


@pytest.mark.parametrize("normaliser", ["sparsemax", "entmax15"])
def test_sparse_is_the_entmax_package(agree, dtype, normaliser):
    theirs = getattr(pytest.importorskip("entmax"), normaliser)
    attention = shaken(Sparse(Q, D, score="luong", normaliser=normaliser), dtype)
    query, features = inputs(dtype)
    scores = attention.scorer.score(query, attention.scorer.keys(features.tokens))
    share = theirs(scores.masked_fill(~features.mask[:, None], -1e4), dim=-1)
    assert ((share == 0) & features.mask[:, None]).any()
    expected = beside(share @ features.tokens, share)
    leaves = [query, features.tokens, *attention.parameters()]
    agree(f"sparse({normaliser})", "entmax package", read(attention, query, features), expected, leaves)
    scores = torch.randn(20, 30, dtype=dtype, requires_grad=True)
    ours = {"sparsemax": sparsemax, "entmax15": entmax15}[normaliser]
    agree(f"sparse({normaliser})", "entmax package", ours(scores), theirs(scores, dim=-1), [scores])


def test_aoa_is_torch_multihead_attention_and_torch_glu(agree, dtype):
    attention = shaken(AttentionOnAttention(Q, D, attention="multihead(num_heads=2)"), dtype)
    inner = projections(attention.attention, nn.MultiheadAttention(Q, 2, kdim=D, vdim=D, batch_first=True).to(dtype))
    query, features = inputs(dtype)
    seen, weights = inner(query, features.tokens, features.tokens, key_padding_mask=~features.mask)
    theirs = nn.GLU()(attention.information_and_gate(torch.cat([seen, query], dim=-1)))
    mine, others = weight_pairs(attention.attention, inner)
    leaves = [query, features.tokens, *attention.information_and_gate.parameters()]
    ours = read(attention, query, features)
    agree("aoa", "torch MultiheadAttention, GLU", ours, beside(theirs, weights), leaves + mine, leaves + others)


def test_aoa_with_an_open_gate_gives_the_information(agree, dtype):
    attention = shaken(AttentionOnAttention(Q, D, attention="bahdanau"), dtype)
    query, features = inputs(dtype)
    with torch.no_grad():
        attention.information_and_gate.bias[Q:] = torch.inf
    context, weights, *_ = attention.attention(query, attention.attention.precompute(features), need_weights=True)
    of_context, of_query = attention.information_and_gate.weight[:Q].split([D, Q], dim=1)
    information = context @ of_context.T + query @ of_query.T + attention.information_and_gate.bias[:Q]
    ours = read(attention, query, features)
    agree("aoa", "its information, gate open", ours, beside(information, weights), [query, features.tokens])


def test_hard_reads_softly_where_all_of_it_is_soft(agree, dtype):
    soft = shaken(Hard(Q, D, soft=1.0), dtype).train()
    query, features = inputs(dtype)
    leaves = [query, features.tokens, *soft.parameters()]
    agree("hard(soft=1)", "its scorer", read(soft, query, features), read(soft.scorer, query, features), leaves)
    assert (soft(query, soft.precompute(features)).log_prob == 0).all()  # nothing was drawn


def test_hard_draws_and_doubts_as_torch_categorical(agree, dtype):
    hard = shaken(Hard(Q, D, soft=0.0, reinforce=0.0, entropy=1.0), dtype).train()
    query, features = inputs(dtype)
    seen = hard(query, hard.precompute(features), need_weights=True)
    keys = hard.scorer.keys(features.tokens)
    scores = hard.scorer.score(query, keys).masked_fill(~features.mask[:, None], -1e4)
    theirs = torch.distributions.Categorical(logits=scores)
    place = (seen.context[:, :, None] == features.tokens[:, None]).all(-1).long().argmax(-1)
    leaves = [query, features.tokens, *hard.parameters()]
    agree("hard", "torch Categorical.log_prob", seen.log_prob, theirs.log_prob(place), leaves)
    said = torch.rand(B, 1, M) > 0.3  # the queries are the words of one caption
    output = DecoderOutput(seen.context[:, None], seen.weights[:, None], (), seen.log_prob[:, None])
    ours = hard.auxiliary_loss(TrainingOutput(output, said, torch.zeros(B, 1, dtype=dtype)))
    expected = -(theirs.entropy() * said[:, 0]).sum()
    agree("hard", "torch Categorical.entropy", ours, expected, leaves)


def test_hard_draws_every_place_by_its_share():
    torch.manual_seed(0)
    hard = Hard(Q, D)
    share = masked_softmax(torch.randn(1, 1, N), torch.tensor([[True] * (N - 1) + [False]]))
    drawn = hard.sample(share.expand(200, 500, -1)).flatten().bincount(minlength=N) / 100_000
    torch.testing.assert_close(drawn, share[0, 0], atol=6e-3, rtol=0)  # four standard deviations
    assert drawn[-1] == 0


@pytest.mark.parametrize("evaluate", ["expectation", "argmax"])
def test_hard_with_a_single_place_is_soft(agree, dtype, evaluate):
    query, features = inputs(dtype, sizes=(B, 1, M, D, Q))
    for training in (True, False):
        hard = shaken(Hard(Q, D, soft=0.0, evaluate=evaluate), dtype).train(training)
        ours, theirs = read(hard, query, features), read(hard.scorer, query, features)
        agree("hard(N=1)", "its scorer", ours, theirs, [query, features.tokens])


def test_hard_outside_of_training_reads_the_likeliest_place(dtype):
    hard = shaken(Hard(Q, D, evaluate="argmax"), dtype)
    query, features = inputs(dtype)
    likeliest = read(hard.scorer, query, features)[..., D:].argmax(-1)
    context = hard(query, hard.precompute(features)).context
    for b in range(B):
        torch.testing.assert_close(context[b], features.tokens[b][likeliest[b]], atol=0, rtol=0)


def test_scaled_dot_products_of_bfloat16_are_those_of_float32():
    q, k, v = (torch.randn(2, 4, length, 8).bfloat16() for length in (3, N, N))
    mask = (torch.rand(2, 1, 3, N) > 0.3).index_fill(-1, torch.tensor([0]), True)
    with torch.autocast("cpu", torch.bfloat16):
        read = dot_product_attention(q, k, v, mask)
    expected = F.scaled_dot_product_attention(q.float(), k.float(), v.float(), attn_mask=mask)
    assert read.dtype == torch.bfloat16
    assert torch.equal(read, expected.bfloat16())
