"""The one template: image -> backbone -> features -> attention and decoder -> words."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor, nn

from zoo.atomic import atomic_directory
from zoo.backbones import RANDOM, Backbone
from zoo.backbones.build import build_backbone
from zoo.decoders import Decoder
from zoo.explain import Explanation, NoGrid
from zoo.folder import write
from zoo.generate import generate, n_best
from zoo.hub.push import push
from zoo.parts import Parts
from zoo.pictures import open_picture, upright
from zoo.registries import DECODERS
from zoo.types import DecoderOutput, Features, expand_state
from zoo.vocabulary import Vocabulary


class Captioner(nn.Module):
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

    def teacher_force(
        self, features: Features, tokens: Int[Tensor, "B K T"], *, need_weights: bool = False
    ) -> DecoderOutput:
        """What stands for the word after each token of K captions per image (teacher forcing)."""
        memory, state = self.decoder.init_state(features)
        state = expand_state(state, tokens.shape[1])
        output: DecoderOutput = self.decoder(tokens, memory, state, need_weights=need_weights)
        return output

    def forward(self, images: Float[Tensor, "B 3 H W"], tokens: Int[Tensor, "B K T"]) -> Float[Tensor, "B K T V"]:
        """Logits of the word after each token."""
        return self.decoder.logits(self.teacher_force(self.encode(images), tokens).hidden)

    def caption(self, images: Sequence[Image.Image | str | Path], **settings: Any) -> list[str]:
        """A caption of each picture, whatever its size; a picture, or the file it lies in.

        All are one batch, on which the samples of each depend. `settings` are those of
        `zoo.decoding.Decoding`: ``num_beams=3``, ``temperature=1``.

        Raises:
            OSError: a file is not there or is no image.
            ValueError: `images` is no list of them, or a setting makes no sense.
        """
        return [best for (best,) in self.caption_n_best(images, 1, **settings)]

    @torch.inference_mode()
    def caption_n_best(
        self, images: Sequence[Image.Image | str | Path], count: int, **settings: Any
    ) -> list[list[str]]:
        """As `caption`, but of each picture the `count` best that the beams find, the best first.

        There have to be as many beams. Two of diverse or sampled beams may say the same; where not so
        many can be found, the last are empty.
        """
        if isinstance(images, str | Path | Image.Image):
            raise ValueError(f"images should be a list, [{str(images)!r}] for one of them")
        if not images:
            return []
        with self._in_evaluation():
            features = self._encode_images([_picture(image) for image in images])
            token_ids = n_best(self.decoder, features, count, **settings).tolist()
        return [[" ".join(self.vocabulary.decode(tokens)) for tokens in each] for each in token_ids]

    @torch.inference_mode()
    def explain(self, image: Image.Image | str | Path, **settings: Any) -> Explanation:
        """What the model says of a picture, or of the file it lies in, and where it looked for each word.

        The caption is that of `caption` for this picture alone, with the same settings; it is
        then read again for the maps.

        Raises:
            OSError: the file is not there or is no image.
            ValueError: a setting makes no sense.
            NoGrid: a ValueError; the backbone's features lie on no grid, so there is nothing to draw.
        """
        picture = upright(_picture(image))
        with self._in_evaluation():
            features = self._encode_images([picture])
            if features.grid is None:
                raise NoGrid(f"{self.parts.backbone} sees no grid of places, so its maps cannot be drawn")
            token_ids = generate(self.decoder, features, **settings)
            words = self.vocabulary.decode(token_ids[0].tolist())
            tokens = torch.tensor([[self.vocabulary.token_ids(words)]], device=token_ids.device)
            output = self.teacher_force(features, tokens, need_weights=True)
        return Explanation.of(picture, words, output, features.grid, self.decoder.non_visual_source)

    def _encode_images(self, pictures: Sequence[Image.Image]) -> Features:
        preprocess, device = self.backbone.preprocess, next(self.parameters()).device
        pixels = torch.stack([preprocess.to_tensor(picture) for picture in pictures]).to(device)
        return self.encode(preprocess.normalize(pixels))

    @contextmanager
    def _in_evaluation(self) -> Iterator[None]:
        training = self.training
        self.eval()
        try:
            yield
        finally:
            self.train(training)

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


def _picture(image: Image.Image | str | Path) -> Image.Image:
    return image if isinstance(image, Image.Image) else open_picture(image)
