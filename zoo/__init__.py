"""Image captioners built from interchangeable parts; importing this needs no torch."""

from zoo.factory import create_model, from_pretrained, list_attentions, list_backbones, list_decoders
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
]
