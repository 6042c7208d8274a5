"""The three kinds of parts. Importing this, or listing what is known, imports no torch."""

from typing import TYPE_CHECKING

from registry import Registry

if TYPE_CHECKING:
    from zoo.attention import Attention
    from zoo.backbones import Backbone
    from zoo.decoders import Decoder

BACKBONES: "Registry[Backbone]" = Registry("backbone", home="zoo.backbones", group="caption_zoo.backbone")
ATTENTIONS: "Registry[Attention]" = Registry("attention", home="zoo.attention", group="caption_zoo.attention")
DECODERS: "Registry[Decoder]" = Registry("decoder", home="zoo.decoders", group="caption_zoo.decoder")
