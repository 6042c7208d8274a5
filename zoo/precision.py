"""A saved captioner with its weights in another precision; loaded, they are float32 again."""

from pathlib import Path

import torch
from torch import Tensor

from zoo.checkpoint import read, read_tensors
from zoo.folder import write


def to_float16(saved: Path, folder: Path) -> None:
    """Write the captioner in the folder `saved` into `folder`, with its weights in float16.

    What it leaves to another source, such as a frozen backbone's published weights, stays out.

    Raises:
        ValueError: there is no captioner in `saved`, or one of its weights is beyond float16.
    """
    config, tensors = read(saved, str(saved)), read_tensors(saved, str(saved))
    rounded = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    if beyond := [name for name in rounded if _overflows(tensors[name], rounded[name])]:
        raise ValueError(f"{beyond[0]} of {str(saved)!r} has numbers above 65,504, which float16 cannot hold")
    write(
        folder,
        rounded,
        parts=config.parts.as_dict(),
        words=config.vocabulary.words,
        backbone_weights=config.backbone_weights,
        backbone_stored=config.stored,
    )


def _overflows(full: Tensor, rounded: Tensor) -> bool:
    """Whether a number became infinite; one that was so before, as of a mask, stays what it is."""
    return bool(torch.any(full.isfinite() & ~rounded.isfinite()))
