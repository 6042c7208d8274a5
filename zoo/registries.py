"""The registries of the three kinds of parts. Importing this module, or listing names, imports no torch."""

from collections.abc import Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from registry import Registry, Spec

if TYPE_CHECKING:
    from zoo.attention import Attention
    from zoo.backbones import Backbone
    from zoo.decoders import Decoder

BACKBONES: "Registry[Backbone]" = Registry(
    "backbone", home="zoo.backbones", name="BACKBONES", interface="Backbone", group="caption_zoo.backbone"
)
ATTENTIONS: "Registry[Attention]" = Registry(
    "attention", home="zoo.attention", name="ATTENTIONS", interface="Attention", group="caption_zoo.attention"
)
DECODERS: "Registry[Decoder]" = Registry(
    "decoder", home="zoo.decoders", name="DECODERS", interface="Decoder", group="caption_zoo.decoder"
)
PARTS: Mapping[str, Registry[Any]] = {each.kind: each for each in (BACKBONES, ATTENTIONS, DECODERS)}


def without_paths(part: Spec) -> Spec:
    """As records and checkpoints spell it: of a file of `weights` its name, and not where it lies."""
    if not isinstance(part.options.get("weights"), str):
        return part
    return Spec(part.name, part.variant, {**part.options, "weights": PurePath(part.options["weights"]).name})
