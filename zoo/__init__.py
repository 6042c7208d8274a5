"""Image captioners built from interchangeable parts; importing this, or listing them, needs no torch."""

from zoo.registries import ATTENTIONS, BACKBONES, DECODERS

__all__ = ["ATTENTIONS", "BACKBONES", "DECODERS"]
