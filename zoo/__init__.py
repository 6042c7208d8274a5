"""Image captioners built from interchangeable parts; importing this needs no torch."""

import registry

if not hasattr(registry, "Registry"):
    raise ImportError(f"{registry.__file__} hides caption-zoo's package registry: rename it")

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
