"""What the contracts share: sizes, inputs, weights scaled up, and how they report what is wrong."""

from collections.abc import Callable
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from registry import Registry, Spec
from zoo.folder import storable
from zoo.types import AttentionOutput, DecoderOutput, Features

IMAGES, POSITIONS, QUERIES, WIDTH, WORDS = 3, 6, 4, 32, 11
GRID = (2, 3)


def scale_weights(module: Any) -> Any:
    """The module in evaluation, its weights scaled up: a fresh network is so flat that a wrong one passes."""
    for parameter in module.parameters():
        parameter.data *= 3
    return module.eval()


def some_features(*, masked: bool = False) -> Features:
    """Random features (IMAGES, POSITIONS, WIDTH); a masked image keeps at least its first position."""
    keep = torch.rand(IMAGES, POSITIONS) > 0.4
    keep[:, 0], keep[:, -1] = True, False
    return Features(torch.randn(IMAGES, POSITIONS, WIDTH), GRID, keep if masked else None)


def shares(weights: Tensor | None, shape: tuple[int, ...], *, sum_to_one: bool) -> None:
    """Weights of `shape` that are >= 0 and sum to 1, or to no more than that."""
    check(weights is not None and weights.shape == shape, f"weights should be {shape}")
    assert weights is not None
    check((weights >= 0).all(), "a weight is negative")
    if sum_to_one:
        same(weights.sum(-1), torch.ones(shape[:-1]), "weights do not sum to 1")
    check((weights.sum(-1) < 1 + 1e-4).all(), "weights sum to more than 1")


def average(output: AttentionOutput | DecoderOutput, queries: tuple[int, ...], *, axes: int) -> None:
    """Weights of heads, where there are some, are shares on `axes` axes of their own, and their mean is the weights."""
    if output.heads is None:
        return
    own = output.heads.shape[len(queries) : -1]
    check(len(own) == axes, f"weights of heads should have {axes} axes between {queries} and the positions")
    shares(output.heads, (*queries, *own, POSITIONS), sum_to_one=False)
    assert output.weights is not None
    same(output.heads.flatten(len(queries), -2).mean(-2), output.weights, "the heads' mean is not the weights")


def learns(module: nn.Module, output: Tensor) -> None:
    """Every parameter that may change gets a finite gradient from the module's output."""
    trainable = {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}
    if trainable:
        output.float().square().sum().backward()
    for name, parameter in trainable.items():
        check(parameter.grad is not None and parameter.grad.isfinite().all(), f"{name} gets no finite gradient")


def can_be_saved_and_loaded(build: Callable[[], Any], say: Callable[[Any], Tensor]) -> None:
    """One that is given another's state, as a file keeps it, says the same."""
    one, other = build(), build()
    for tensor in one.state_dict().values():
        if tensor.is_floating_point():
            tensor += 0.01 * torch.rand_like(tensor)
    other.load_state_dict(load(save(storable(one.state_dict()))))
    same(say(other), say(one), "after loading a stored state it says something else")


def is_spelled(registry: "Registry[Any]", spec: Spec) -> None:
    """The spelling names the same component with the same options."""
    check(Spec.parse(str(spec)) == spec, f"{str(spec)!r} is read as another Spec")
    check(registry.check(str(spec)).options == spec.options, "the options are read as others")


def same(one: Tensor, other: Tensor, what: str) -> None:
    """Raise AssertionError, beginning with `what`, where two tensors differ."""
    torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4, msg=lambda text: f"{what}. {text}")


def check(true: bool | Tensor, what: str) -> None:
    """Raise AssertionError(`what`) unless `true`."""
    if not true:
        raise AssertionError(what)
