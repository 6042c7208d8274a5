"""What captions images, a captioner or an ensemble of several: all but its parts."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Int
from PIL import Image
from torch import Tensor, nn

from registry import Spec
from zoo.backbones import Backbone
from zoo.decoders import Decoder
from zoo.explain import Explanation, NoGrid
from zoo.generate import generate, n_best
from zoo.pictures import open_picture, upright
from zoo.types import DecoderOutput, Features, expand_state
from zoo.vocabulary import Vocabulary


class CaptionModel(nn.Module, ABC):
    """Captions images: its backbones see them, and its one decoder writes the words of its vocabulary."""

    decoder: Decoder
    vocabulary: Vocabulary

    @property
    @abstractmethod
    def backbones(self) -> tuple[Backbone, ...]:
        """Every backbone once, in the order of `Features.each`."""

    @backbones.setter
    @abstractmethod
    def backbones(self, backbones: Sequence[Backbone]) -> None:
        """Have others in their places, which see the same."""

    @property
    @abstractmethod
    def backbone_specs(self) -> tuple[Spec, ...]:
        """What each of them is called."""

    @property
    @abstractmethod
    def title(self) -> str:
        """What it is made of, in a line."""

    @property
    @abstractmethod
    def no_grid(self) -> str:
        """Why its maps cannot be drawn where its features lie on no grid."""

    def teacher_force(
        self, features: Features, tokens: Int[Tensor, "B K T"], *, need_weights: bool = False
    ) -> DecoderOutput:
        """What stands for the word after each token of K captions per image (teacher forcing)."""
        memory, state = self.decoder.init_state(features)
        state = expand_state(state, tokens.shape[1])
        output: DecoderOutput = self.decoder(tokens, memory, state, need_weights=need_weights)
        return output

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
            features = self.encode_images([_picture(image) for image in images])
            token_ids = n_best(self.decoder, features, count, **settings).tolist()
        return [[" ".join(self.vocabulary.decode(tokens)) for tokens in each] for each in token_ids]

    @torch.inference_mode()
    def explain(self, image: Image.Image | str | Path, **settings: Any) -> Explanation:
        """What the model says of a picture, or of the file it lies in, with the attention map of each word.

        The caption is that of `caption` for this picture alone, with the same settings; it is
        then read again for the maps.

        Raises:
            OSError: the file is not there or is no image.
            ValueError: a setting makes no sense.
            NoGrid: a ValueError; the features lie on no grid, or those of members on different ones, so there is
                nothing to draw.
        """
        picture = upright(_picture(image))
        with self._in_evaluation():
            features = self.encode_images([picture])
            if features.grid is None:
                raise NoGrid(self.no_grid)
            token_ids = generate(self.decoder, features, **settings)
            words = self.vocabulary.decode(token_ids[0].tolist())
            tokens = torch.tensor([[self.vocabulary.token_ids(words)]], device=token_ids.device)
            output = self.teacher_force(features, tokens, need_weights=True)
        return Explanation.of(picture, words, output, features.grid, self.decoder.non_visual_source)

    def encode_images(self, pictures: Sequence[Image.Image]) -> Features:
        """What the backbones see of pictures of any size: each its own pixels, and each once."""
        device = next(self.parameters()).device
        each = []
        for backbone in self.backbones:
            pixels = torch.stack([backbone.preprocess.to_tensor(picture) for picture in pictures]).to(device)
            each.append(backbone(backbone.preprocess.normalize(pixels)))
        return Features.joint(each)

    def resize(self, picture: Image.Image) -> Image.Image:
        """The picture at the size of the backbone, so that it takes less memory; where sizes differ, a copy."""
        first, *others = (backbone.preprocess for backbone in self.backbones)
        alike = all((other.size, other.interpolation) == (first.size, first.interpolation) for other in others)
        return first.resize(picture) if alike else picture.copy()

    @contextmanager
    def _in_evaluation(self) -> Iterator[None]:
        training = self.training
        self.eval()
        try:
            yield
        finally:
            self.train(training)


def _picture(image: Image.Image | str | Path) -> Image.Image:
    return image if isinstance(image, Image.Image) else open_picture(image)
