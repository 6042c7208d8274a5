"""Weights from a file of one's own; reading one never runs code that it holds."""

import hashlib
import sys
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from zoo.backbones import WeightsSource
from zoo.backbones.probe import reason

_PREFIXES = ("module.", "_orig_mod.", "backbone.", "model.", "encoder.")  # in the order in which wrappers nest
_POINTER = 1024  # bytes; a pointer has some 130
_PICKLED = (".pth", ".pt", ".bin")


def load_local(model: nn.Module, file: str) -> WeightsSource:
    """Fill `model` with the tensors of `file`.

    Raises:
        ValueError: the file cannot be read safely, or the model needs other tensors.
    """
    source = f"{Path(file).name}, sha256 {digest(file)}"
    fill(model, _fitted(model, _read(file)), repr(file))
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
    _refuse_no_file(Path(file))
    try:
        with Path(file).open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()[:16]
    except OSError as error:
        raise ValueError(f"cannot read {str(file)!r}: {error.strerror}") from None


def _refuse_no_file(file: Path) -> None:
    """Reading a pipe might never end, and a pointer holds no weights."""
    if file.exists() and not file.is_file():
        raise ValueError(f"cannot read {str(file)!r}: it is no file")
    if file.exists() and file.stat().st_size < _POINTER:
        with suppress(OSError):
            if file.read_bytes().startswith(b"version https://git-lfs"):
                raise ValueError(f"{str(file)!r} is a Git LFS pointer: git lfs pull fetches the weights")


def _fitted(model: nn.Module, found: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """The tensors under the model's own names and in its sizes, where wrappers or another image size changed them.

    What torch's wrappers and training scripts put before each name is taken away; timm's models
    resize their positions as they do with published weights.
    """
    names = model.state_dict().keys()
    before: set[str] = set()
    while not names & found.keys() and before != found.keys():
        before = set(found)
        for prefix in _PREFIXES:
            found = {name.removeprefix(prefix): tensor for name, tensor in found.items()}
            if names & found.keys():
                break
    resized = getattr(sys.modules.get(type(model).__module__), "checkpoint_filter_fn", None)
    if resized is None or not type(model).__module__.startswith("timm.") or not _sizes_differ(model, found):
        return found
    try:
        fitted: Mapping[str, Tensor] = resized(dict(found), model)
    except Exception as error:  # whatever timm makes of shapes that it does not know
        raise ValueError(f"cannot fit the weights to the model: {reason(error)}") from None
    return fitted


def _sizes_differ(model: nn.Module, found: Mapping[str, Tensor]) -> bool:
    return any(name in found and found[name].shape != tensor.shape for name, tensor in model.state_dict().items())


def _read(file: str) -> Mapping[str, Tensor]:
    try:
        if Path(file).suffix == ".safetensors":
            return load_file(file)
        if Path(file).suffix not in _PICKLED:
            raise ValueError(f"its name should end in .safetensors, {', '.join(_PICKLED)}")
        _refuse_compressed(file)
        found = torch.load(file, map_location="cpu", weights_only=True)
    except UnpicklingError:
        raise ValueError(f"{file!r} holds not tensors alone, and the rest could run code: save a state_dict") from None
    except Exception as error:  # each format raises its own kind for a damaged file
        raise ValueError(f"cannot read weights from {file!r}: {reason(error)}") from None
    for key in ("state_dict", "model"):  # where training scripts put it
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
    tensors = isinstance(found, Mapping) and all(isinstance(value, Tensor) for value in found.values())
    if not tensors or not all(isinstance(name, str) for name in found):
        raise ValueError(f"{file!r} holds no state_dict")
    return found


def _refuse_compressed(file: str) -> None:
    """torch compresses nothing, and reads what another program did: half a megabyte may stand for all memory."""
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            if sum(member.file_size for member in archive.infolist()) > Path(file).stat().st_size:
                raise ValueError("it is compressed, which torch's own files are not")
