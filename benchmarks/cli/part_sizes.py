"""How many parameters a part has at stated sizes; it is built on torch's meta device, without memory or weights."""

import torch
from torch import nn

from registry import Spec
from zoo import ATTENTIONS, BACKBONES, DECODERS

_WIDTH, _WORDS, _FEATURES, _ATTENTION = 512, 10_000, 2_048, "bahdanau"


def sizes(kind: str, spec: Spec) -> list[tuple[str, str]]:
    """Parameter counts, and a backbone's input and output: pairs of label and text.

    A part that cannot be built like this says why.
    """
    try:
        with torch.device("meta"), torch.no_grad():
            return _KINDS[kind](spec)
    except Exception as error:  # a component may break in any way
        return [("Size", f"unknown: {' '.join(str(error).split()) or type(error).__name__}")]


def _backbone(spec: Spec) -> list[tuple[str, str]]:
    backbone = BACKBONES.build(spec).eval()
    height, width = backbone.preprocess.size
    features = backbone(torch.empty(1, 3, height, width))
    places = " x ".join(map(str, features.grid or features.tokens.shape[1:2]))
    return [
        ("Size", _count(backbone)),
        ("Input", f"images of {height} x {width}, as {places} features {backbone.feature_dim:,} wide"),
    ]


def _attention(spec: Spec) -> list[tuple[str, str]]:
    attention = ATTENTIONS.build(spec, _WIDTH, _WIDTH)
    return [("Size", f"{_count(attention)} for queries and features {_WIDTH} wide")]


def _decoder(spec: Spec) -> list[tuple[str, str]]:
    decoder = DECODERS.build(spec, _WORDS, _FEATURES, _ATTENTION)
    return [("Size", f"{_count(decoder)} for {_WORDS:,} words, features {_FEATURES:,} wide and {_ATTENTION}")]


def _count(module: nn.Module) -> str:
    return f"{sum(parameter.numel() for parameter in module.parameters()):,} parameters"


_KINDS = {"backbone": _backbone, "attention": _attention, "decoder": _decoder}
