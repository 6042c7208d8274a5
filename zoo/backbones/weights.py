"""Weights from a file of one's own; reading one never runs code that it holds."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from zoo.backbones import WeightsSource
from zoo.backbones.probe import reason

_PICKLED = (".pth", ".pt", ".bin")


def load_local(model: nn.Module, file: str) -> WeightsSource:
    """Fill `model` with the tensors of `file`.

    Raises:
        ValueError: the file cannot be read safely, or the model needs other tensors.
    """
    source = f"{Path(file).name}, sha256 {digest(file)}"
    fill(model, _read(file), repr(file))
    return WeightsSource(source, published=False)


def fill(model: nn.Module, found: Mapping[str, Tensor], source: str) -> None:
    """Give `model` its tensors; those it has no use for, as a classifier's, are left out.

    Raises:
        ValueError: a tensor is missing from `source`, or has another shape there; the message names the first.
    """
    chosen = {}
    for name, tensor in model.state_dict().items():
        if name not in found:
            if name.endswith("num_batches_tracked"):  # files of old have none, and no forward pass reads it
                continue
            raise ValueError(f"{source} has no tensor {name}")
        if found[name].shape != tensor.shape:
            shapes = f"{tuple(found[name].shape)}, not {tuple(tensor.shape)} as in the model"
            raise ValueError(f"{name} in {source} is {shapes}")
        chosen[name] = found[name]
    model.load_state_dict(chosen, strict=False)


def digest(file: str | Path) -> str:
    """The first 16 digits of the file's SHA-256.

    Raises:
        ValueError: there is no such file.
    """
    try:
        with Path(file).open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()[:16]
    except OSError as error:
        raise ValueError(f"cannot read {str(file)!r}: {error.strerror}") from None


def _read(file: str) -> Mapping[str, Tensor]:
    try:
        if Path(file).suffix == ".safetensors":
            return load_file(file)
        if Path(file).suffix not in _PICKLED:
            raise ValueError(f"its name should end in .safetensors, {', '.join(_PICKLED)}")
        found = torch.load(file, map_location="cpu", weights_only=True)
    except UnpicklingError:
        raise ValueError(f"{file!r} holds not tensors alone, and the rest could run code: save a state_dict") from None
    except Exception as error:  # each format raises its own kind for a damaged file
        raise ValueError(f"cannot read weights from {file!r}: {reason(error)}") from None
    for key in ("state_dict", "model"):  # where training scripts put it
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
    if not isinstance(found, Mapping) or not all(isinstance(value, Tensor) for value in found.values()):
        raise ValueError(f"{file!r} holds no state_dict")
    return found
