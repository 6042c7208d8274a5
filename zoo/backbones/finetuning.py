"""Fine-tuning a model of timm: its stages from first to last, and activations that are recomputed."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

_BEHIND = "?"  # stands for the parameters that belong to no stage, as those of a last norm
_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


def stages_of(model: Any, name: str) -> Sequence[Sequence[nn.Parameter]]:
    """All parameters by stage, as timm groups them, from the stem on; what lies behind goes with the last.

    Raises:
        ValueError: timm does not group those of the model called `name`.
    """
    from timm.models._manipulate import group_with_matcher

    try:
        matcher = model.group_matcher(coarse=True)
    except (AttributeError, AssertionError):
        raise ValueError(
            f"{name} tells no stages apart: trainable should be True or False, and layer_decay 1"
        ) from None
    parameters = dict(model.named_parameters())
    stage = group_with_matcher(iter({**parameters, _BEHIND: None}.items()), matcher, reverse=True)
    stages: list[list[nn.Parameter]] = [[] for _ in range(stage[_BEHIND])]
    for parameter_name, parameter in parameters.items():
        stages[min(stage[parameter_name], len(stages) - 1)].append(parameter)
    return stages


def train_last(model: nn.Module, count: int, name: str) -> None:
    """Freeze all but the last `count` stages of the model called `name`.

    Raises:
        ValueError: it has not so many, or tells none apart.
    """
    stages = stages_of(model, name)
    if not 1 <= count <= len(stages):
        raise ValueError(
            f"{name} has {len(stages)} stages: trainable should be True, False or 1 to {len(stages)}, not {count}"
        )
    for place, stage in enumerate(stages, start=1):
        for parameter in stage:
            parameter.requires_grad_(place > len(stages) - count)


def set_grad_checkpointing(model: Any, enable: bool, name: str) -> None:
    """timm's gradient checkpointing of the model called `name`, under which BatchNorm counts each batch once.

    Raises:
        ValueError: timm has none for it.
    """
    try:
        model.set_grad_checkpointing(enable)
    except (AttributeError, AssertionError):
        raise ValueError(f"{name} has no gradient checkpointing: a smaller batch_size takes less memory too") from None
    hooks: list[Any] = vars(model).setdefault("checkpointing_hooks", [])
    while hooks:
        hooks.pop().remove()
    for module in model.modules() if enable else ():
        if isinstance(module, _BATCH_NORMS):
            hooks.append(module.register_forward_pre_hook(_lend_statistics))
            # Always, since recomputing ends in an exception.
            hooks.append(module.register_forward_hook(_return_statistics, always_call=True))


def _lend_statistics(module: nn.Module, inputs: object) -> None:
    """In the backward pass: copies of the running statistics to update, which the forward pass has updated."""
    if module.training and torch._C._current_graph_task_id() != -1:  # as torch.utils.checkpoint asks it
        vars(module).setdefault("own_statistics", dict(module._buffers))
        module._buffers.update({name: value.clone() for name, value in module.named_buffers(recurse=False)})


def _return_statistics(module: nn.Module, inputs: object, output: object) -> None:
    module._buffers.update(vars(module).pop("own_statistics", {}))
