"""Whether the parts of a cell can be put together."""

import torch

from benchmarks.plan.cell import Cell
from registry import Spec
from zoo.registries import BACKBONES, DECODERS
from zoo.types import Features
from zoo.vocabulary import SPECIAL


class Compatibility:
    """Tries combinations of parts; a combination is tried once.

    A decoder for one word precomputes what it needs of features like the backbone's. A backbone that
    runs on the meta device costs no memory, the decoder a moment.
    """

    def __init__(self) -> None:
        self._features: dict[Spec, Features] = {}
        self._tried: dict[tuple[Spec, Spec, Spec], str | None] = {}

    def incompatibility(self, cell: Cell) -> str | None:
        """Why the parts of `cell` cannot be put together, or None where they can."""
        parts = (cell.backbone, cell.attention, cell.decoder)
        if parts not in self._tried:
            self._tried[parts] = self._try(*parts)
        return self._tried[parts]

    def _try(self, backbone: Spec, attention: Spec, decoder: Spec) -> str | None:
        try:
            if backbone not in self._features:
                self._features[backbone] = _features(backbone)
            features = self._features[backbone]
            built = DECODERS.build(decoder, len(SPECIAL) + 1, features.tokens.shape[-1], attention).eval()
            with torch.inference_mode():
                built.init_state(features)
        except Exception as error:  # whatever a component raises is the answer
            return " ".join(str(error).split()) or type(error).__name__
        return None


def _features(backbone: Spec) -> Features:
    """Features of noise, of the width and on the grid that the backbone gives to one image."""
    try:
        with torch.device("meta"):
            shape = _of_zeros(backbone)
    except (NotImplementedError, RuntimeError):  # some look at values, of which there are none
        shape = _of_zeros(backbone)
    return Features(torch.randn(shape.tokens.shape), shape.grid)


@torch.no_grad()
def _of_zeros(backbone: Spec) -> Features:
    built = BACKBONES.build(backbone).eval()
    features: Features = built(torch.zeros(1, 3, *built.preprocess.size))
    return features
