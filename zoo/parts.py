"""Which parts a captioner is made of."""

from dataclasses import dataclass

from registry import Spec
from zoo.registries import ATTENTIONS, BACKBONES, DECODERS, without_paths


@dataclass(frozen=True)
class Parts:
    """Which backbone, attention and decoder a captioner is made of."""

    backbone: Spec
    attention: Spec
    decoder: Spec

    @classmethod
    def parse(cls, backbone: str | Spec, attention: str | Spec, decoder: str | Spec) -> "Parts":
        """The three Specs, each checked against its registry.

        Raises:
            RegistryError: one of them names what there is not.
        """
        return cls(BACKBONES.check(backbone), ATTENTIONS.check(attention), DECODERS.check(decoder))

    def __str__(self) -> str:
        return f"{self.backbone} + {self.attention} + {self.decoder}"

    def as_dict(self) -> dict[str, str]:
        """Their spellings, by kind; of a file of weights its name."""
        return {kind: str(without_paths(spec)) for kind, spec in vars(self).items()}
