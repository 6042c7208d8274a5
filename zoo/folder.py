"""The folder of a saved captioner: parts and vocabulary as JSON, weights as safetensors."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor

from zoo.atomic import write_atomically
from zoo.files import CONFIG, CONFIG_BYTES, WEIGHTS
from zoo.partial import remove_abandoned

FORMAT = 3


def write(
    folder: Path,
    tensors: Mapping[str, Tensor],
    *,
    parts: Mapping[str, str],
    words: Sequence[str],
    backbone_weights: str,
    backbone_stored: bool,
) -> None:
    """Write both files, each whole or not at all, and wait until they are on the disk; what a kill left goes.

    `backbone_weights` says where the backbone's weights came from, `backbone_stored`
    whether they are among the `tensors`.
    """
    config = {
        "format": FORMAT,
        "parts": parts,
        "backbone_weights": backbone_weights,
        "backbone_stored": backbone_stored,
        "vocabulary": words,
    }
    remove_abandoned(folder)
    # Not by `save_file`: that syncs nothing, and leaves the file to the owner alone.
    write_atomically(folder / WEIGHTS, save(storable(tensors)))
    write_atomically(folder / CONFIG, json.dumps(config, indent=1, ensure_ascii=False) + "\n")


def read_config(folder: Path) -> Any:
    """The values of its JSON file.

    Raises:
        OSError: there is no such file, or it is none.
        ValueError: it is no JSON, or too large for a vocabulary.
    """
    file = folder / CONFIG
    if file.exists() and not file.is_file():  # reading a pipe might never end
        raise OSError(f"{file} is no file")
    with file.open("rb") as opened:
        content = opened.read(CONFIG_BYTES + 1)
    if len(content) > CONFIG_BYTES:
        raise ValueError(f"{file} has more than {CONFIG_BYTES >> 20} MiB")
    return json.loads(content)


def storable(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors as safetensors accepts them: on the CPU, each in its own storage, tied weights too."""
    tensors_out, storages = {}, set()
    for name, tensor in tensors.items():
        tensor = tensor.detach().cpu().contiguous()
        storage = tensor.untyped_storage().data_ptr()
        tensors_out[name] = tensor.clone() if storage in storages else tensor
        storages.add(storage)
    return tensors_out
