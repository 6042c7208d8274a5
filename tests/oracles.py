"""Holds our parts against implementations that are not ours, in outputs and in gradients.

An oracle is a library's module, whose gradients are torch's, or a loop in numpy from a
paper's equations, whose gradients come by complex steps: f(x + ih) has h f'(x) as its
imaginary part, exact to the last digit for an h as small as 1e-30.

What was found is a property of each test, and a table of them all is made by
    pytest tests/test_oracle*.py -o junit_family=xunit1 --junitxml=FILE; python tests/oracles.py FILE
"""

import json
import os
import sys
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from einops import repeat

from zoo.types import Features

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-9}
_STEP = 1e-30


@pytest.fixture(scope="session", name="keras")
def keras_on_torch():  # its product of matrices is in float32 at best, so it judges only that
    os.environ["KERAS_BACKEND"] = "torch"
    return pytest.importorskip("keras")


@pytest.fixture(params=TOLERANCE, ids=str, name="dtype")
def dtypes(request):
    torch.manual_seed(0)
    return request.param


@pytest.fixture(name="default_dtype")
def default_dtypes(dtype):  # what is made inside of a part, as sines of places are, is in it
    torch.set_default_dtype(dtype)
    yield dtype
    torch.set_default_dtype(torch.float32)


@pytest.fixture(name="agree")
def agreement(record_property):
    """agree(component, oracle, ours, theirs, leaves): both say the same, and so do their slopes along every leaf.

    `theirs` is a tensor, or a function in numpy from the leaves by their names. Where a
    library has weights of its own, they are `their_leaves`.
    """

    def agree(component, oracle, ours, theirs, leaves, their_leaves=None):
        tolerance = TOLERANCE[ours.dtype]
        direction = torch.randn_like(ours)
        leaves = leaves if isinstance(leaves, dict) else dict(enumerate(leaves))
        mine = _slopes(ours, direction, list(leaves.values()))
        if callable(theirs):
            values = {name: leaf.detach().numpy().astype(complex) for name, leaf in leaves.items()}
            slopes = [torch.from_numpy(_stepped(theirs, values, name, direction.numpy())) for name in leaves]
            theirs = torch.from_numpy(theirs(values).real)
        else:
            slopes = _slopes(theirs, direction, list(leaves.values()) if their_leaves is None else their_leaves)
        apart = _apart(ours, theirs), max(_apart(one, two) for one, two in zip(mine, slopes, strict=True))
        record_property("oracle", json.dumps([component, oracle, str(ours.dtype), *apart]))
        torch.testing.assert_close(ours, theirs.to(ours.dtype), atol=tolerance, rtol=tolerance)
        for name, one, two in zip(leaves, mine, slopes, strict=True):
            torch.testing.assert_close(
                one,
                two.to(one.dtype),
                atol=10 * tolerance,
                rtol=10 * tolerance,
                msg=lambda text, name=name: f"gradient of {name}: {text}",
            )

    return agree


def _slopes(value, direction, leaves):
    slopes = torch.autograd.grad((value * direction).sum(), leaves, retain_graph=True, allow_unused=True)
    return [torch.zeros_like(leaf) if slope is None else slope for slope, leaf in zip(slopes, leaves, strict=True)]


def _stepped(function, values, name, direction):
    slopes = np.zeros(values[name].shape)
    for place in np.ndindex(slopes.shape):
        values[name][place] += 1j * _STEP
        slopes[place] = (function(values).imag * direction).sum() / _STEP
        values[name][place] = values[name][place].real
    return slopes


def _apart(one, other):
    return (one.detach().double() - other.detach().double()).abs().max().item()


def inputs(dtype, grid=None, *, sizes=(3, 7, 4, 10, 8), masked=True):
    """A query and features for an attention; `sizes` are B, N, M, D and Q."""
    images, positions, queries, feature_dim, query_dim = sizes
    tokens = torch.randn(images, positions, feature_dim, dtype=dtype, requires_grad=True)
    query = torch.randn(images, queries, query_dim, dtype=dtype, requires_grad=True)
    keep = torch.rand(images, positions) > 0.4
    keep[:, 0] = True
    return query, Features(tokens, grid, keep if masked else None)


def read(attention, query, features):
    """Context and weights, side by side."""
    context, weights, *_ = attention(query, attention.precompute(features), need_weights=True)
    return torch.cat([context, weights.to(context.dtype)], dim=-1)


def named(module, **tensors):
    """The leaves of a module and its inputs, by name."""
    return {**tensors, **dict(module.named_parameters())}


def shaken(module, dtype, scale=0.5):
    """The module in `dtype`, all its parameters at random: nothing is hidden by a 0 or a 1."""
    module = module.to(dtype).eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(scale * torch.randn_like(parameter))
    return module


def say(decoder, features, tokens):
    """Hidden, logits and weights of K captions per image, side by side."""
    memory, state = decoder.init_state(features)
    state = tuple(repeat(part, "b 1 ... -> b k ...", k=tokens.shape[1]) for part in state)
    output = decoder(tokens, memory, state, need_weights=True)
    return torch.cat([output.hidden, decoder.logits(output.hidden), output.weights.to(output.hidden.dtype)], dim=-1)


# Numpy, for numbers with a tiny imaginary part: what is larger, the real part says


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def relu(x):
    return np.where(x.real > 0, x, 0)


def elu(x):
    return np.where(x.real > 0, x, np.exp(np.where(x.real > 0, 0, x)) - 1)


def larger(x, y):
    return np.where(x.real > y.real, x, y)


def affine(p, name, x):
    """The linear layer `name`, with a bias if it has one."""
    return p[f"{name}.weight"] @ x + p.get(f"{name}.bias", 0)


def softmax(scores, keep):
    """exp(e_i) / sum_j exp(e_j) over those to keep."""
    shares = np.zeros(len(keep), complex)
    for i in np.flatnonzero(keep):
        shares[i] = np.exp(scores[i])
    return shares / shares.sum()


def weighed(shares, features):
    """sum_i alpha_i f_i."""
    return sum(shares[i] * features[i] for i in range(len(features)))


def table(file):
    """The largest deviations that a run has found, as lines of Markdown."""
    worst = {}
    for case in ElementTree.parse(file).iter("property"):
        if case.get("name") == "oracle":
            component, oracle, dtype, *apart = json.loads(case.get("value"))
            known = worst.setdefault((component, oracle), {}).setdefault(dtype, (0.0, 0.0))
            worst[component, oracle][dtype] = tuple(map(max, known, apart))
    yield "| component | oracle | float32 forward | float32 gradient | float64 forward | float64 gradient |"
    yield "|---|---|---|---|---|---|"
    for (component, oracle), found in sorted(worst.items()):
        numbers = [number for dtype in TOLERANCE for number in found.get(str(dtype), ("", ""))]
        cells = [f"{number:.1e}" if number != "" else "" for number in numbers]
        yield f"| {component} | {oracle} | {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in table(sys.argv[1]))
