"""In training no attention holds an array of all pairs of queries and places; pairs are computed again, chunk by chunk."""

import gc
import subprocess
import sys
import weakref
from pathlib import Path

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only
from torch.utils.weak import WeakIdKeyDictionary

from zoo import pairwise as module
from zoo.attention import ATTENTIONS, bahdanau, luong, relu_concat, xlinear
from zoo.pairwise import pairwise
from zoo.types import Features

ROOT = Path(__file__).parents[1]
USERS = (bahdanau, luong, relu_concat, xlinear)
PAIRS = [
    "bahdanau(hidden_dim={dim})",
    "bahdanau(hidden_dim={dim}, normed=True)",
    "luong(score='concat')",
    "relu_concat(hidden_dim={dim})",
    "xlinear(hidden_dim={dim}, squeeze_dim={dim})",
]
COMPOSED = ["aoa(attention='relu_concat')", "local(score='relu_concat')", "sparse(score=\"luong(score='concat')\")", "hard(score='relu_concat')"]  # fmt: skip
LARGE = (4, 100, 196, 512)  # images, 5 captions of 20 words, 14 x 14 places, channels
MB = 2**20


class LiveBytes(TorchDispatchMode):
    """How many bytes of tensors there are, of those made inside: now, and at the most."""

    def __init__(self):
        super().__init__()
        self.now = self.peak = 0
        self.seen = WeakIdKeyDictionary()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        output = function(*args, **(kwargs or {}))
        tree_map_only(torch.Tensor, self.count, output)
        return output

    def count(self, tensor):
        storage = tensor.untyped_storage()
        if storage not in self.seen:
            size = self.seen[storage] = storage.nbytes()
            self.now += size
            self.peak = max(self.peak, self.now)
            weakref.finalize(storage, self.free, size)

    def free(self, size):
        self.now -= size


def training_step(spec):
    """Bytes that are left after the forward pass, and the most there were in the step. Fake tensors: nothing is computed."""
    images, queries, places, dim = LARGE
    with FakeTensorMode():
        attention = ATTENTIONS.build(spec, dim, dim).train()
        query, tokens = (torch.randn(images, rows, dim, requires_grad=True) for rows in (queries, places))
        with LiveBytes() as live:
            context = attention(query, attention.precompute(Features(tokens, (14, 14)))).context
            kept = live.now
            context.sum().backward()
    return kept / MB, live.peak / MB


def all_pairs(spec):
    """Megabytes of (B, M, N, A) in float32; N are rectangles where these are what is read."""
    images, queries, places, dim = LARGE
    return 4 * images * queries * (1521 if spec == "area" else places) * dim / MB


def plain(function, queries, *images, chunk=None):
    return function(queries, *images)


@pytest.mark.parametrize("spec", [*ATTENTIONS.names(), "luong(score='concat')", *COMPOSED])
def test_a_training_step_never_holds_all_pairs(spec):
    kept, peak = training_step(spec)
    assert kept < all_pairs(spec) / 6
    assert peak < all_pairs(spec) / 4


@pytest.mark.parametrize("spec", ["luong(score='concat')", "relu_concat", "xlinear"])
def test_without_chunks_it_would_hold_them_all(spec, monkeypatch):
    for user in USERS:
        monkeypatch.setattr(user, "pairwise", plain)
    kept, peak = training_step(spec)
    assert kept > all_pairs(spec)
    assert peak > 2 * all_pairs(spec)


def test_in_one_chunk_additive_attention_would_hold_them_all_for_a_moment(monkeypatch):
    monkeypatch.setattr(bahdanau, "_CACHED", 2**40)
    kept, peak = training_step("bahdanau")
    assert kept < all_pairs("bahdanau") / 6  # backward computes them again
    assert peak > all_pairs("bahdanau")


def read(attention, query, tokens, mask):
    """The context, and the gradients of all that it was made of."""
    context = attention(query, attention.precompute(Features(tokens, (4, 4), mask))).context
    wanted = [query, tokens, *attention.parameters()]
    by = torch.randn(context.shape, generator=torch.Generator().manual_seed(0)).to(context)
    return context, *torch.autograd.grad(context, wanted, by, materialize_grads=True)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(("chunk", "small"), [(1, 0), (200, 300), (1000, 1000), (1000, 10**6)])
@pytest.mark.parametrize("spec", PAIRS)
def test_in_chunks_all_gradients_are_those_of_the_formula(spec, chunk, small, masked, monkeypatch):
    """A query at a time, some of an image's, all of several images', and where none is computed again."""
    attention = ATTENTIONS.build(spec.format(dim=6), 6, 6).double()
    query, tokens = (torch.randn(3, rows, 6, dtype=torch.float64, requires_grad=True) for rows in (5, 16))
    mask = torch.rand(3, 16) < 0.7 if masked else None
    monkeypatch.setattr(module, "_SMALL", small)
    for user in USERS:
        monkeypatch.setattr(user, "pairwise", lambda *inputs, **_: pairwise(*inputs, chunk=chunk))
    ours = read(attention, query, tokens, mask)
    for user in USERS:
        monkeypatch.setattr(user, "pairwise", plain)
    torch.testing.assert_close(ours, read(attention, query, tokens, mask))


def score(weight):
    return lambda q, k: (q[:, :, None] + k[:, None]).tanh() @ weight


@pytest.fixture
def nothing_is_small(monkeypatch):
    monkeypatch.setattr(module, "_SMALL", 0)


def inputs(dtype=torch.float32):
    return [torch.randn(*shape, 8, dtype=dtype, requires_grad=True) for shape in ((6, 3), (6, 5), ())]


@pytest.mark.usefixtures("nothing_is_small")
def test_a_chunk_computed_again_has_the_same_bits():
    query, keys, weight = inputs()
    parts = [score(weight)(q, k) for q, k in zip(query.split(2), keys.split(2), strict=True)]
    ours, theirs = pairwise(score(weight), query, keys, chunk=2 * 3 * 5 * 8), torch.cat(parts)
    by = torch.randn_like(ours)
    for _ in range(2):  # the graph can be kept, too
        results = [torch.autograd.grad(each, [query, keys, weight], by, retain_graph=True) for each in (ours, theirs)]
        assert torch.equal(ours, theirs)
        assert all(torch.equal(one, other) for one, other in zip(*results, strict=True))


@pytest.mark.usefixtures("nothing_is_small")
def test_gradients_are_those_of_finite_differences_to_the_second_order():
    def summed(query, keys, weight):
        return pairwise(score(weight), query, keys, chunk=1).square().sum()

    assert torch.autograd.gradcheck(summed, inputs(torch.float64))
    assert torch.autograd.gradgradcheck(summed, inputs(torch.float64), fast_mode=True)


@pytest.mark.usefixtures("nothing_is_small")
def test_what_is_computed_again_is_rounded_as_before():
    """Autocast is over when gradients are computed."""
    query, keys, _ = inputs()
    layer, results = torch.nn.Linear(8, 1), []
    for each in (pairwise, plain):
        with torch.autocast("cpu", torch.bfloat16):
            scores = each(lambda q, k: layer((q[:, :, None] + k[:, None]).relu()), query, keys, chunk=8)
        results.append(torch.autograd.grad(scores.float().square().sum(), [query, keys, layer.weight]))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=0.02, atol=0.02)


def test_other_devices_take_larger_chunks():
    sizes = []

    def watched(q, k):
        sizes.append(len(q))
        return q @ k.mT

    query, keys = torch.ones(30, 100, 64, device="meta", requires_grad=True), torch.ones(30, 196, 64, device="meta")
    pairwise(watched, query, keys, chunk=1).sum().backward()
    assert sizes == [26, 4, 4, 26]  # 2**25 // (100 * 196 * 64) images, and the rest; then again, the last first


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_without_gradients_it_is_computed_in_chunks_too(mode):
    query, keys, weight = inputs()
    sizes = []

    def watched(q, k):
        sizes.append(len(q))
        return score(weight)(q, k)

    with mode():
        scores = pairwise(watched, query, keys, chunk=2 * 3 * 5 * 8)
    torch.testing.assert_close(scores, score(weight)(query, keys).detach())
    assert sizes == [2, 2, 2]


@pytest.mark.usefixtures("nothing_is_small")
def test_a_graph_that_is_kept_keeps_no_pairs():
    query, keys, weight = inputs()
    with LiveBytes() as live:
        scores = pairwise(score(weight), query, keys, chunk=1).sum()
        before = live.now
        for wanted in ([query, keys, weight], [weight]):
            torch.autograd.grad(scores, wanted, retain_graph=True)
            assert live.now - before < 4 * 6 * 3 * 5 * 8 / 8


@pytest.mark.usefixtures("nothing_is_small")
@pytest.mark.parametrize("changed", ["query", "weight", "frozen weight"])
def test_what_was_changed_before_backward_is_refused(changed):
    query, keys, weight = inputs()
    query = query * 1
    scores = pairwise(score(weight), query, keys, chunk=1)
    with torch.no_grad():
        if changed == "frozen weight":
            weight.requires_grad_(False)
        else:
            (query if changed == "query" else weight).add_(1)
    with pytest.raises(RuntimeError, match="was changed, and backward needs it as it was"):
        scores.sum().backward()


@pytest.mark.usefixtures("nothing_is_small")
def test_no_queries_or_keys_give_no_scores():
    query, keys, weight = inputs()
    assert pairwise(score(weight), query[:, :0], keys, chunk=1).shape[1] == 0
    assert pairwise(score(weight), query, keys[:, :0], chunk=1).shape[2] == 0


@pytest.mark.usefixtures("nothing_is_small")
def test_nothing_is_left_when_gradients_are_there():
    query, keys, weight = inputs()
    query, gone = query * 1, []
    gone.append(weakref.ref(query))
    gc.disable()
    try:
        pairwise(score(weight), query, keys, chunk=1).sum().backward()
        del query
        assert gone[0]() is None
    finally:
        gc.enable()


def test_what_is_exported_is_the_plain_formula():
    code = """
import torch
from zoo.pairwise import pairwise
class Scores(torch.nn.Module):
    def forward(self, query, keys):
        return pairwise(lambda q, k: (q[:, :, None] + k[:, None]).tanh().sum(-1), query, keys, chunk=1)
given = torch.randn(4, 3, 8, requires_grad=True), torch.randn(4, 5, 8)
graph = torch.export.export(Scores(), given, dynamic_shapes=({0: torch.export.Dim("images")},) * 2)
names = [str(node.target) for node in graph.graph.nodes if node.op == "call_function"]
assert not any("checkpoint" in name or "split" in name for name in names), names
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@pytest.mark.compiles
@pytest.mark.parametrize("spec", [spec.format(dim=32) for spec in PAIRS])
def test_what_is_compiled_saves_no_pairs(spec):
    """In a Python of its own: torch cannot compile what the tests wrap to check its types."""
    code = f"""
import torch
from zoo.attention import ATTENTIONS
from zoo.types import Features
attention = ATTENTIONS.build({spec!r}, 32, 32)
query, tokens = (torch.randn(4, rows, 32, requires_grad=True) for rows in (50, 60))
def read(query, tokens):
    return attention(query, attention.precompute(Features(tokens))).context
saved = []
with torch.autograd.graph.saved_tensors_hooks(lambda x: saved.append(x.untyped_storage()) or x, lambda x: x):
    compiled = torch.compile(read, dynamic=True)(query, tokens)
assert max(map(len, saved)) < 4 * 4 * 50 * 60 * 32 / 4, max(map(len, saved))
torch.testing.assert_close(compiled, read(query, tokens))
wanted = [query, tokens, *attention.parameters()]
pairs = [torch.autograd.grad(each.square().sum(), wanted) for each in (compiled, read(query, tokens))]
torch.testing.assert_close(*pairs, atol=1e-4, rtol=1e-3)
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
