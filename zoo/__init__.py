"""Image captioners built from interchangeable parts; importing this needs no torch."""

from caption_zoo import hidden

if why := hidden("registry"):
    raise ImportError(f"{why}, or call caption_zoo.require() first")

from zoo.factory import create_model, from_pretrained, list_attentions, list_backbones, list_decoders, list_pretrained
from zoo.registries import ATTENTIONS, BACKBONES, DECODERS

__all__ = [
    "ATTENTIONS",
    "BACKBONES",
    "DECODERS",
    "create_model",
    "from_pretrained",
    "list_attentions",
    "list_backbones",
    "list_decoders",
    "list_pretrained",
]
