"""The one template: image -> backbone -> features -> attention and decoder -> words."""

from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor

from registry import Spec
from zoo.atomic import atomic_directory
from zoo.backbones import RANDOM, Backbone
from zoo.backbones.build import build_backbone
from zoo.caption_model import CaptionModel
from zoo.decoders import Decoder
from zoo.folder import write
from zoo.hub.push import push
from zoo.parts import Parts
from zoo.registries import DECODERS
from zoo.types import Features
from zoo.vocabulary import Vocabulary


class Captioner(CaptionModel):
    """An encoder-decoder whose parts can be swapped, and the words it can say.

    `backbone_weights` tells where the backbone's weights came from, `source` where the captioner did: a folder, or
    ORG/NAME@COMMIT of the Hub; it is empty for a new one.
    """

    def __init__(self, parts: Parts, backbone: Backbone, decoder: Decoder, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.parts, self.vocabulary, self.backbone_weights, self.source = parts, vocabulary, RANDOM.source, ""
        self.backbone, self.decoder = backbone, decoder

    @classmethod
    def build(cls, parts: Parts, vocabulary: Vocabulary, backbone: Backbone | None = None) -> "Captioner":
        """The model that `parts` describe, with random weights throughout; of a backbone that is built, with its own.

        Raises:
            ValueError: the parts do not fit together, or an option makes no sense.
        """
        backbone = build_backbone(parts.backbone) if backbone is None else backbone
        try:
            decoder = DECODERS.build(parts.decoder, len(vocabulary), backbone.feature_dim, parts.attention)
        except (RuntimeError, ArithmeticError) as error:  # as in build_backbone
            raise ValueError(f"{parts} cannot be built: {' '.join(str(error).split())}") from error
        return cls(parts, backbone, decoder, vocabulary)

    @property
    def backbones(self) -> tuple[Backbone, ...]:
        """The one that it has."""
        return (self.backbone,)

    @backbones.setter
    def backbones(self, backbones: Sequence[Backbone]) -> None:
        (self.backbone,) = backbones

    @property
    def backbone_specs(self) -> tuple[Spec, ...]:
        """Its one backbone's."""
        return (self.parts.backbone,)

    @property
    def title(self) -> str:
        """Its parts."""
        return str(self.parts)

    @property
    def no_grid(self) -> str:
        """Why its maps cannot be drawn where its features lie on no grid."""
        return f"{self.parts.backbone} sees no grid of places, so its maps cannot be drawn"

    def train(self, mode: bool = True) -> "Captioner":
        """As in torch, but what is frozen of the backbone stays in evaluation: its statistics are frozen too."""
        super().train(mode)
        self.backbone.train(mode and self.backbone.trainable)
        for module in self.backbone.modules() if self.backbone.trainable else ():
            inside = list(module.parameters())
            if inside and not any(parameter.requires_grad for parameter in inside):
                module.eval()
        return self

    def encode(self, images: Float[Tensor, "B 3 H W"]) -> Features:
        """What the backbone sees; without gradients where it is frozen."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.backbone.trainable):
            features: Features = self.backbone(images)
        return features

    def forward(self, images: Float[Tensor, "B 3 H W"], tokens: Int[Tensor, "B K T"]) -> Float[Tensor, "B K T V"]:
        """Logits of the word after each token."""
        return self.decoder.logits(self.teacher_force(self.encode(images), tokens).hidden)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write all of the model into a new folder, from which `zoo.from_pretrained` makes it again.

        All weights are in there, the backbone's too, so nothing has to be had from elsewhere.
        The folder appears whole or not at all.

        Raises:
            ValueError: something lies in `folder` already.
        """
        with atomic_directory(folder) as partial:
            self.write(partial)

    def push_to_hub(self, name: str, *, private: bool = False, revision: str = "main", token: str | None = None) -> str:
        """Publish all of the model as ORG/NAME on the Hugging Face Hub, in one commit; a model card is left as it is.

        private: it is for you, or ORG, alone; a repository that is there has to be.
        revision: a branch, made where there is none. A repository that is there keeps its other files.

        Returns:
            ORG/NAME@COMMIT.

        Raises:
            ValueError: the Hub cannot be reached, or refuses it; or it is to be private, and the repository is public.
        """
        return push(name, self.write, private=private, revision=revision, token=token)

    def write(self, folder: Path) -> None:
        """As `save_pretrained`, into a folder that is there."""
        write(
            folder,
            self.state_dict(),
            parts=self.parts.as_dict(),
            words=self.vocabulary.words,
            backbone_weights=self.backbone_weights,
            backbone_stored=True,
        )
