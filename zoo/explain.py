"""Attention maps for each word of a caption: as arrays, pictures and files."""

import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from zoo import drawing
from zoo.gallery import gallery
from zoo.types import DecoderOutput

_SAVED = 1280  # pixels of the longer side of what is saved, at most
_COLUMNS = 5
_INLINE = 160  # pixels of the longer side of what a notebook shows


class NoGrid(ValueError):
    """A backbone's features lie on no grid, so its maps cannot be drawn; the message names it."""


@dataclass(frozen=True, eq=False)
class Explanation:
    """A caption, and the attention map of each of its T words.

    maps: attention weights on the grid; they sum to 1, or to less where something else than
        the image was read.
    heads: those of each layer and head, whose mean the maps are; None where there are none.
    non_visual: the share that went to `non_visual_source`, a sentinel or memory slots; None where
        there is no such thing.
    picture: what was captioned, upright and in RGB.
    """

    caption: str
    words: tuple[str, ...]
    maps: Float[np.ndarray, "T h w"]
    heads: Float[np.ndarray, "T L H h w"] | None
    non_visual: Float[np.ndarray, " T"] | None
    non_visual_source: str
    picture: Image.Image

    @classmethod
    def of(
        cls,
        picture: Image.Image,
        words: Sequence[str],
        output: DecoderOutput,
        grid: tuple[int, int],
        non_visual_source: str,
    ) -> "Explanation":
        """The maps of `output`, the output for one caption of one image; `non_visual_source` is the decoder's."""
        assert output.weights is not None
        maps = _on_grid(output.weights, len(words), grid)
        heads = None if output.heads is None else _on_grid(output.heads, len(words), grid)
        non_visual = np.clip(1 - maps.sum(axis=(1, 2)), 0, 1) if non_visual_source else None
        return cls(" ".join(words), tuple(words), maps, heads, non_visual, non_visual_source, picture)

    def overlay(self, word: int, layer: int | None = None, head: int | None = None) -> Image.Image:
        """The picture, in its own size, lit where the model attended for a word, and dim elsewhere.

        The word, the layer and the head are counted from 0. Without a layer it is the mean over
        the layers, without a head that over the heads. One scale holds for all words, layers
        and heads, so that pictures can be compared.

        Raises:
            ValueError: there is no such word, layer or head.
        """
        return drawing.overlay(self.picture, *self._map(word, layer, head))

    def fitted(self, side: int) -> "Explanation":
        """The same, with the picture as large as fits into a square of `side` pixels."""
        return replace(self, picture=drawing.fitted(self.picture, side))

    def sheet(self) -> Image.Image:
        """The picture and a tile for each word, with what else was read as a small bar."""
        tiles = self._tiles(drawing.TILE)
        return drawing.sheet(self.caption, tiles, columns=min(_COLUMNS, len(tiles)), peak=_peak(self.maps))

    def _repr_html_(self) -> str:
        """What a notebook shows: as `sheet`."""
        return gallery(self.caption, self._tiles(_INLINE), peak=_peak(self.maps))

    def _tiles(self, side: int) -> list[drawing.Tile]:
        """The picture, and lit for each word."""
        small = self.fitted(side)
        tiles = [drawing.Tile(small.picture)]
        for number, word in enumerate(self.words):
            share = None if self.non_visual is None else float(self.non_visual[number])
            tiles.append(drawing.Tile(small.overlay(number), word, share, self.non_visual_source))
        return tiles

    def head_sheet(self, word: int) -> Image.Image:
        """A tile for each layer and head of a word, a row for each layer; labels count from 1.

        Raises:
            ValueError: there is no such word, or there are no heads.
        """
        heads = self._heads()
        small = self.fitted(drawing.TILE)
        layers, each = heads.shape[1:3]
        tiles = [
            drawing.Tile(small.overlay(word, layer, head), f"layer {layer + 1}, head {head + 1}")
            for layer in range(layers)
            for head in range(each)
        ]
        return drawing.sheet(self.words[word], tiles, columns=each, peak=_peak(heads))

    def save(self, folder: str | Path) -> list[Path]:
        """Write `sheet.png`, an overlay per word, `heads/` where there are any, and `maps.json`; returns the paths.

        Overlays are at most 1280 pixels wide or high: `overlay` has them as large as the picture.
        Those saved there before are deleted.

        Raises:
            OSError: the folder cannot be written.
        """
        folder = Path(folder)
        (folder if self.heads is None else folder / "heads").mkdir(parents=True, exist_ok=True)
        if (folder / "maps.json").is_file():
            for old in [*folder.glob("[0-9][0-9]-*.png"), *folder.glob("heads/[0-9][0-9]-*.png")]:
                old.unlink()
        written = []
        for name, picture in self.fitted(min(_SAVED, max(self.picture.size)))._pictures():
            picture.save(folder / name)
            written.append(folder / name)
        (folder / "maps.json").write_text(json.dumps(self._numbers()) + "\n", encoding="utf-8")
        return [*written, folder / "maps.json"]

    def _pictures(self) -> Iterator[tuple[str, Image.Image]]:
        """Every picture to save, one after another, and its name."""
        yield "sheet.png", self.sheet()
        names = [f"{number:02}-{_slug(word)}.png" for number, word in enumerate(self.words, 1)]
        for number, name in enumerate(names):
            yield name, self.overlay(number)
            if self.heads is not None:
                yield f"heads/{name}", self.head_sheet(number)

    def _numbers(self) -> dict[str, object]:
        return {
            "caption": self.caption,
            "words": self.words,
            "grid": self.maps.shape[1:],
            "maps": _rounded(self.maps),
            "heads": None if self.heads is None else _rounded(self.heads),
            "non_visual": None if self.non_visual is None else _rounded(self.non_visual),
            "non_visual_source": self.non_visual_source,
        }

    def _map(self, word: int, layer: int | None, head: int | None) -> tuple[Float[np.ndarray, "h w"], float]:
        """One map, and the peak of all that it is compared with."""
        _check_index("word", word, len(self.words))
        if layer is None and head is None:
            return self.maps[word], _peak(self.maps)
        heads = self._heads()
        if layer is None:
            heads, layer = heads.mean(axis=1, keepdims=True), 0
        if head is None:
            heads, head = heads.mean(axis=2, keepdims=True), 0
        _check_index("layer", layer, heads.shape[1])
        _check_index("head", head, heads.shape[2])
        return heads[word, layer, head], _peak(heads)

    def _heads(self) -> Float[np.ndarray, "T L H h w"]:
        if self.heads is None:
            raise ValueError(
                "this model has one attention map per word, without layers or heads: leave layer and head out"
            )
        return self.heads


def _on_grid(weights: Tensor, words: int, grid: tuple[int, int]) -> np.ndarray:
    """The weights behind each word of the one caption: those at the token before it, START for the first."""
    each = weights[0, 0, :words].float().cpu().numpy()
    return each.reshape(*each.shape[:-1], *grid)


def _peak(maps: np.ndarray) -> float:
    """What is fully lit: the highest weight, or twice a uniform one, so that uniform attention is half lit."""
    return max(float(maps.max(initial=0)), 2 / (maps.shape[-2] * maps.shape[-1]))


def _rounded(numbers: np.ndarray) -> list[object]:
    return np.round(numbers.astype(float), 6).tolist()


def _slug(word: str) -> str:
    """The word as part of a file name, whatever it holds: letters, digits and hyphens."""
    safe = re.sub(r"[\W_]+", "-", unicodedata.normalize("NFKC", word.lower()))[:30].strip("-")
    return safe or "word"


def _check_index(what: str, index: int, count: int) -> None:
    if not 0 <= index < count:
        raise ValueError(f"no {what} {index}: there are {count}, counted from 0")
