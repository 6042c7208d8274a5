"""Where a backbone that learns in part can be cut.

The model needs no code for it. Its calls are recorded on noise: the frozen modules that it
calls before any that is trained are the stem. Stem and trainable tail are then compared with
the whole model, outputs and gradients.
"""

from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from zoo.backbones import Backbone
from zoo.backbones.cut import WATCHED, Cut, frozen_stem, trainable_tail
from zoo.backbones.probe import reason

_TRIED = 3  # images; another number, so that what depends on the batch is found

_found: WeakKeyDictionary[Backbone, Cut | str] = WeakKeyDictionary()


def find_cut(backbone: Backbone) -> Cut | str:
    """The cut of `backbone`, found once; or why there is none, in a few words."""
    if backbone not in _found:
        _found[backbone] = _find(backbone)
    return _found[backbone]


def _find(backbone: Backbone) -> Cut | str:
    if all(parameter.requires_grad for parameter in backbone.parameters()):
        return "all of it learns"
    device = next(backbone.parameters()).device
    training = {module: module.training for module in backbone.modules()}
    backbone.eval()
    try:
        with torch.inference_mode(False), torch.enable_grad(), torch.autocast(device.type, enabled=False):
            cut = _watch(backbone, _noise(backbone, WATCHED))
            if isinstance(cut, Cut) and not _agrees(backbone, cut, _noise(backbone, _TRIED)):
                return "what learns sees more of the frozen part than its last output"
            return cut
    except Exception as error:  # whatever a model raises that is fed with zeros is the answer
        return reason(error)
    finally:
        for module, mode in training.items():
            module.training = mode


def _watch(backbone: Backbone, images: Tensor) -> Cut | str:
    """The cut that the order of calls suggests."""
    calls: list[tuple[str, Any]] = []
    inside: list[str] = []  # at most one: the frozen module that is running, or the first that learns

    def enter(name: str, module: nn.Module) -> None:
        learns = [parameter.requires_grad for parameter in module.parameters()]
        if not inside and (all(learns) or not any(learns)):
            inside.append(name)

    def leave(name: str, module: nn.Module, output: Any) -> None:
        if inside == [name] and not any(parameter.requires_grad for parameter in module.parameters()):
            calls.append((name, output))
            inside.clear()

    handles = []
    for name, module in backbone.named_modules():
        handles.append(module.register_forward_pre_hook(lambda module, _, name=name: enter(name, module)))
        handles.append(module.register_forward_hook(lambda module, _, output, name=name: leave(name, module, output)))
    try:
        with torch.no_grad():
            backbone(images)
    finally:
        for handle in handles:
            handle.remove()
    return _cut(backbone, calls)


def _cut(backbone: Backbone, calls: list[tuple[str, Any]]) -> Cut | str:
    names = [name for name, _ in calls]
    frozen = any(True for name in names for _ in backbone.get_submodule(name).parameters())
    if not frozen:
        return "nothing frozen comes before what learns"
    last = calls[-1][1]
    if not isinstance(last, Tensor) or len(last) != WATCHED or names.count(names[-1]) > 1:
        return "the frozen part returns more than one array"
    channels_last = (
        last.ndim == 4 and last.is_contiguous(memory_format=torch.channels_last) and not last.is_contiguous()
    )
    shape = last.permute(0, 2, 3, 1).shape[1:] if channels_last else last.shape[1:]
    outputs = tree_map(
        lambda value: value.to("meta") if isinstance(value, Tensor) else value, [o for _, o in calls[:-1]]
    )
    return Cut(tuple(names), tuple(outputs), tuple(shape), channels_last)


def _noise(backbone: Backbone, images: int) -> Tensor:
    generator = torch.Generator().manual_seed(images)
    shape = (images, 3, *backbone.preprocess.size)
    pixels = torch.randint(256, shape, dtype=torch.uint8, generator=generator)
    return backbone.preprocess.normalize(pixels.to(next(backbone.parameters()).device))


def _agrees(backbone: Backbone, cut: Cut, images: Tensor) -> bool:
    """Whether stem and tail have the outputs and gradients of the whole."""
    with frozen_stem(backbone, cut) as run, torch.no_grad():
        stem_output = run(images)
    outputs = [backbone(images), trainable_tail(backbone, cut, stem_output)]
    learning = [parameter for parameter in backbone.parameters() if parameter.requires_grad]
    gradients_of = [torch.autograd.grad(each.tokens.square().mean(), learning, allow_unused=True) for each in outputs]
    whole, parts = ([each.tokens, *gradients] for each, gradients in zip(outputs, gradients_of, strict=True))
    return bool(stem_output.half().isfinite().all()) and all(map(_close, whole, parts))


def _close(one: Tensor | None, other: Tensor | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.shape == other.shape and bool((one - other).norm() <= 1e-5 * one.norm())
