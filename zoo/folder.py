"""The folder that a captioner is kept in: its parts and words as JSON, its weights as safetensors."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from zoo.atomic import sync

CONFIG, WEIGHTS = "config.json", "model.safetensors"
FORMAT = 2


def write(
    folder: Path,
    tensors: Mapping[str, Tensor],
    *,
    parts: Mapping[str, str],
    words: Sequence[str],
    backbone_weights: str,
    backbone_stored: bool,
) -> None:
    """Write both files and force them to disk.

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
    save_file(storable(tensors), folder / WEIGHTS)
    (folder / WEIGHTS).chmod(0o644)  # safetensors leaves it to the owner alone
    (folder / CONFIG).write_text(json.dumps(config, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for name in (WEIGHTS, CONFIG):
        sync(folder / name)


def storable(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors as safetensors takes them: on the processor, each in storage of its own, tied weights too."""
    kept, taken = {}, set()
    for name, tensor in tensors.items():
        tensor = tensor.detach().cpu().contiguous()
        storage = tensor.untyped_storage().data_ptr()
        kept[name] = tensor.clone() if storage in taken else tensor
        taken.add(storage)
    return kept
