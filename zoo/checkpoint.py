"""A trained captioner as a folder: its parts and words as JSON, its weights as safetensors."""

import json
import os
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from zoo.backbones import Weights
from zoo.captioner import Captioner, Parts
from zoo.vocabulary import Vocabulary

CONFIG, WEIGHTS = "config.json", "model.safetensors"
FORMAT = 2


def save(captioner: Captioner, folder: Path, *, weights: Weights) -> None:
    """Write `captioner` into `folder`; `weights` is what `load_pretrained` said of its backbone.

    Weights of a frozen backbone that are published are left out, and had from there again.
    """
    stored = captioner.backbone.trainable or not weights.published
    tensors = {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in captioner.state_dict().items()
        if stored or not name.startswith("backbone.")
    }
    config = {
        "format": FORMAT,
        "parts": captioner.parts.as_dict(),
        "backbone_weights": weights.source,
        "backbone_stored": stored,
        "vocabulary": captioner.vocabulary.words,
    }
    save_file(tensors, folder / WEIGHTS)
    (folder / WEIGHTS).chmod(0o644)  # safetensors leaves it to the owner alone
    (folder / CONFIG).write_text(json.dumps(config, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for name in (WEIGHTS, CONFIG):
        with (folder / name).open("rb") as file:
            os.fsync(file.fileno())


def load(folder: str | Path, *, device: str | torch.device = "cpu") -> Captioner:
    """The captioner that lies in `folder`, ready to caption.

    Raises:
        ValueError: there is none, or it is of another format, or its parts are not known here.
    """
    folder = Path(folder)
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        tensors = load_file(folder / WEIGHTS)
        found, parts = config["format"], [config["parts"][kind] for kind in ("backbone", "attention", "decoder")]
        words, stored = config["vocabulary"], config["backbone_stored"] if found == FORMAT else None
    except Exception as error:  # safetensors raises its own kind for a damaged file
        raise ValueError(f"no captioner in {str(folder)!r}: {type(error).__name__}: {error}") from None
    if found != FORMAT:
        raise ValueError(f"{folder / CONFIG} is of format {found}, this version reads {FORMAT}: train it again")
    captioner = Captioner.build(Parts.parse(*parts), Vocabulary(words))
    if not stored:
        captioner.backbone.load_pretrained()
        tensors |= {f"backbone.{name}": tensor for name, tensor in captioner.backbone.state_dict().items()}
    try:
        captioner.load_state_dict(tensors)
    except RuntimeError as error:
        raise ValueError(f"the weights in {str(folder)!r} are not those of {captioner.parts}: {error}") from None
    return captioner.to(device).eval()
