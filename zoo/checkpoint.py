"""A trained captioner as a folder: parts and vocabulary as JSON, weights as safetensors."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from registry import Spec, UnknownName
from zoo.backbones import Backbone, WeightsSource
from zoo.backbones.build import build_backbone
from zoo.bounded import TooLarge, at_most
from zoo.captioner import Captioner
from zoo.files import CONFIG, WEIGHTS
from zoo.folder import FORMAT, read_config, write
from zoo.parts import Parts
from zoo.registries import without_paths
from zoo.vocabulary import Vocabulary

BACKBONE = "backbone."  # before the names of its weights
_SHOWN = 5
_TIMES, _MORE_NUMBERS, _MORE_TENSORS = 4, 2**24, 1000  # how much larger than its weights a model may be when built
_LONGEST = 500  # characters of what torch says


def save(captioner: Captioner, folder: Path, *, weights: WeightsSource) -> None:
    """Write `captioner` into `folder`; `weights` is what `load_pretrained` of its backbone returned.

    Published weights of a frozen backbone are left out and loaded from their source again;
    `Captioner.save_pretrained` leaves nothing out.
    """
    stored = captioner.backbone.trainable or not weights.published
    tensors = {
        name: tensor for name, tensor in captioner.state_dict().items() if stored or not name.startswith(BACKBONE)
    }
    write(
        folder,
        tensors,
        parts=captioner.parts.as_dict(),
        words=captioner.vocabulary.words,
        backbone_weights=weights.source,
        backbone_stored=stored,
    )


@dataclass(frozen=True)
class Saved:
    """What the config of a saved captioner says; `stored` is whether its backbone's weights are beside it."""

    parts: Parts
    vocabulary: Vocabulary
    stored: bool
    backbone_weights: str


def read(folder: Path, source: str) -> Saved:
    """The config in `folder`, which errors call `source`; the weights need not be there.

    Raises:
        ValueError: there is none, or it is of another format, or its parts are not registered.
    """
    try:
        config = read_config(folder)
        if not isinstance(config, dict) or "format" not in config:
            raise ValueError(f"its {CONFIG} is not of caption-zoo")
        version, parts = config["format"], [config["parts"][kind] for kind in ("backbone", "attention", "decoder")]
        words, stored = list(config["vocabulary"]), config["backbone_stored"] if version == FORMAT else None
        if not all(isinstance(text, str) for text in (*parts, *words)):
            raise TypeError("parts and words are texts")
    except Exception as error:
        raise _no_captioner(source, error) from None
    if version != FORMAT:
        raise ValueError(
            f"{CONFIG} of {source} is of format {repr(version)[:20]}, this version reads {FORMAT}: train it again"
        )
    try:
        saved = Saved(Parts.parse(*parts), Vocabulary(words), bool(stored), str(config.get("backbone_weights", "")))
        if any(without_paths(spec) != spec for spec in vars(saved.parts).values()):
            raise ValueError("its parts name a file elsewhere, which none that was saved does")
        return saved
    except UnknownName as error:
        remedy = "Load the plug-in file that has it, by --plugin or registry.load_plugin, or install it."
        raise ValueError(f"{source} needs a part that is not here: {error} {remedy}") from None
    except ValueError as error:
        raise _no_captioner(source, error) from None


def load(folder: str | Path, *, device: str | torch.device = "cpu", source: str = "") -> Captioner:
    """The captioner saved in `folder`, in evaluation mode.

    source: what it, and errors, call the folder, if not by its path.

    Raises:
        ValueError: there is none, or it is of another format, or its parts are not registered.
    """
    folder, source = Path(folder), source or str(folder)
    _refuse_other_places(folder)
    saved, tensors = read(folder, source), read_tensors(folder, source)
    try:
        captioner = _build(saved, tensors)
        captioner.source, captioner.backbone_weights = source, saved.backbone_weights
        if not saved.stored:
            captioner.backbone_weights = captioner.backbone.load_pretrained().source
            tensors |= {f"{BACKBONE}{name}": tensor for name, tensor in captioner.backbone.state_dict().items()}
        _refuse_other_kinds(tensors, captioner.state_dict())
        captioner.load_state_dict(tensors)
    except (RuntimeError, TooLarge) as error:
        raise _other_weights(source, saved.parts, error) from None
    return captioner.to(device).eval()


def read_tensors(folder: Path, source: str) -> dict[str, Tensor]:
    """The weights in `folder`, by name, as they are stored.

    Raises:
        ValueError: there are none, or the file is damaged.
    """
    try:
        if (folder / WEIGHTS).exists() and not (folder / WEIGHTS).is_file():  # reading a pipe might never end
            raise OSError(f"{WEIGHTS} is no file")
        return load_file(folder / WEIGHTS)
    except Exception as error:  # safetensors raises its own kind for a damaged file
        raise _no_captioner(source, error) from None


def _build(saved: Saved, tensors: Mapping[str, Tensor]) -> Captioner:
    """The captioner that was saved, unless it would be larger by far than the weights that are there for it.

    A backbone may drop much of what it builds. Where its weights are stored, a twin without memory tells before.

    Raises:
        RuntimeError: the weights are of another backbone.
        TooLarge: it would be.
    """
    backbone = {name: tensor for name, tensor in tensors.items() if name.startswith(BACKBONE)}
    rest = [tensor for name, tensor in tensors.items() if name not in backbone]
    if saved.stored and (twin := _twin(saved.parts.backbone)):
        own = {name.removeprefix(BACKBONE): tensor for name, tensor in backbone.items()}
        twin.load_state_dict(own, assign=True)
    backbone_built = build_backbone(saved.parts.backbone)
    numbers = sum(tensor.numel() for tensor in rest)
    with at_most(_TIMES * numbers + _MORE_NUMBERS, _TIMES * len(rest) + _MORE_TENSORS):
        return Captioner.build(saved.parts, saved.vocabulary, backbone_built)


def _twin(spec: Spec) -> Backbone | None:
    """The backbone on the meta device; None where it can only be built for real."""
    with suppress(Exception), torch.device("meta"):
        return build_backbone(spec)
    return None


def _no_captioner(source: str, error: Exception) -> ValueError:
    return ValueError(f"no captioner in {source!r}: {type(error).__name__}: {error}")


def _other_weights(source: str, parts: Parts, error: Exception) -> ValueError:
    why = " ".join(str(error).split())[:_LONGEST]
    return ValueError(f"the weights in {source!r} are not those of {parts}: {why}")


def _refuse_other_kinds(tensors: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> None:
    """torch would turn whole and complex numbers into real ones without a word."""
    for name in tensors.keys() & own.keys():
        if tensors[name].is_floating_point() != own[name].is_floating_point():
            raise RuntimeError(f"{name} is of {tensors[name].dtype}, not {own[name].dtype}")


def _refuse_other_places(folder: Path) -> None:
    """Say what to name instead, where no captioner was saved in `folder`."""
    if (folder / CONFIG).exists():
        return
    if folder.is_file():
        beside = (folder.parent / CONFIG).is_file()
        raise ValueError(f"{str(folder)!r} is a file: name the folder of a run" + f", {folder.parent}" * beside)
    if not folder.is_dir():
        raise ValueError(f"no folder {str(folder)!r}")
    if found := sorted(path.parent for path in folder.glob(f"*/{CONFIG}")):
        some = ", ".join(map(str, found[:_SHOWN])) + f" and {len(found) - _SHOWN} more" * (len(found) > _SHOWN)
        raise ValueError(f"{str(folder)!r} is no run, it holds runs: {some}")
    raise ValueError(f"no captioner in {str(folder)!r}: it has no {CONFIG}")
