"""Pictures with a map laid over them, and sheets of such pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFont

# From dark violet to light yellow in even steps of OKLab; between them sRGB is straight enough.
_COLOURS = (
    (47, 23, 88), (91, 29, 115), (135, 39, 125), (179, 52, 110), (217, 73, 92),
    (237, 113, 71), (250, 156, 63), (254, 200, 80), (252, 244, 126),
)  # fmt: skip
_COLOUR = 0.5  # its share where the weight is highest
_GREY, _DIM = 0.7, 0.38  # what is left of the picture where not: share of grey, and of the light
_LIGHT = [round(255 * (level / 255) ** 0.6) for level in range(256)]  # so that half a peak is well visible

TILE, _GAP, _MARGIN = 220, 20, 32  # pixels
_INK, _FAINT, _LINE, _PAPER = (26, 26, 30), (104, 104, 112), (226, 226, 230), (255, 255, 255)
_LONGEST = 200  # characters of a text that are drawn at all


@dataclass(frozen=True)
class Tile:
    """A picture of a sheet, what stands below it, and a share with its name as a small bar."""

    picture: Image.Image
    label: str = ""
    share: float | None = None
    share_name: str = ""


def overlay(picture: Image.Image, shares: Float[np.ndarray, "h w"], peak: float) -> Image.Image:
    """The picture, lit and tinted where the map is high, grey and dim where it is 0; `peak` is fully lit."""
    level = Image.fromarray((shares * (255 / peak)).astype(np.float32)).resize(picture.size, Image.Resampling.BICUBIC)
    level = level.convert("L")  # cuts off what lies outside of 0 to 255
    tint = Image.merge("RGB", [level.point(channel) for channel in _channels()])
    lit = Image.blend(picture, tint, _COLOUR)
    dim = Image.blend(picture, picture.convert("L").convert("RGB"), _GREY).point(lambda value: value * _DIM)
    return Image.composite(lit, dim, level.point(_LIGHT))


def fitted(picture: Image.Image, side: int) -> Image.Image:
    """The picture as large as fits into a square of `side` pixels."""
    scale = side / max(picture.size)
    width, height = (max(1, round(length * scale)) for length in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def sheet(title: str, tiles: Sequence[Tile], *, columns: int, peak: float) -> Image.Image:
    """The tiles row by row under a title, and a scale that ends at `peak`; all pictures are of one size."""
    width = 2 * _MARGIN + columns * TILE + (columns - 1) * _GAP
    lines = _wrapped(title, _font(24), width - 2 * _MARGIN)
    top = _MARGIN + 34 * len(lines) + 12
    tall = max(tile.picture.height for tile in tiles)
    below = (34 if any(tile.label for tile in tiles) else 0) + (30 if any(tile.share_name for tile in tiles) else 0)
    step = tall + below + _GAP
    rows = -(-len(tiles) // columns)
    page = Image.new("RGB", (width, top + rows * step + 30 + _MARGIN), _PAPER)
    draw = ImageDraw.Draw(page)
    for number, line in enumerate(lines):
        draw.text((_MARGIN, _MARGIN + 34 * number), line, _INK, _font(24))
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        _draw_tile(page, draw, tile, (_MARGIN + column * (TILE + _GAP), top + row * step), tall)
    _draw_scale(page, draw, (_MARGIN, top + rows * step + 6), peak)
    return page


def scale_text(peak: float) -> str:
    """What is fully lit."""
    return f"{100 * peak:.2g}% of attention in one cell"


def _draw_tile(page: Image.Image, draw: ImageDraw.ImageDraw, tile: Tile, at: tuple[int, int], tall: int) -> None:
    left, top = at
    page.paste(tile.picture, (left + (TILE - tile.picture.width) // 2, top + (tall - tile.picture.height) // 2))
    middle, below = left + TILE // 2, top + tall + 8
    if tile.label:
        draw.text((middle, below), _cut(tile.label, _font(19), TILE), _INK, _font(19), anchor="ma")
        below += 30
    if tile.share is not None:
        draw.text((left, below), f"{tile.share_name} {tile.share:.0%}", _FAINT, _font(13))
        bar = (left + 130, below + 4, left + TILE, below + 11)
        draw.rounded_rectangle(bar, 3, _LINE)
        filled = round(min(max(tile.share, 0.0), 1.0) * (bar[2] - bar[0]))
        if filled:
            draw.rounded_rectangle((bar[0], bar[1], bar[0] + filled, bar[3]), 3, _FAINT)


def _draw_scale(page: Image.Image, draw: ImageDraw.ImageDraw, at: tuple[int, int], peak: float) -> None:
    """What the colours mean: from 0 to `peak`, the attention weight of one cell of the grid."""
    left, top = at
    ramp = Image.linear_gradient("L").rotate(90).resize((120, 10))
    draw.text((left, top - 3), "0", _FAINT, _font(13))
    page.paste(Image.merge("RGB", [ramp.point(channel) for channel in _channels()]), (left + 14, top + 1))
    draw.text((left + 142, top - 3), scale_text(peak), _FAINT, _font(13))


def _channels() -> list[list[int]]:
    """Red, green and blue of each of 256 levels."""
    levels = np.linspace(0, len(_COLOURS) - 1, 256)
    return [
        np.rint(np.interp(levels, range(len(_COLOURS)), channel)).astype(int).tolist()
        for channel in zip(*_COLOURS, strict=True)
    ]


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _plain(text: str) -> str:
    """The start of `text` in one line; a word may hold anything."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:_LONGEST])


def _cut(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """As much of `text` as fits."""
    whole = text = _plain(text)
    while text and font.getlength(text if text == whole else text + "...") > width:
        text = text[:-1]
    return text if text == whole else text + "..."


def _wrapped(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> list[str]:
    """Lines no longer than `width`."""
    lines: list[str] = []
    for word in _plain(text).split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(_cut(word, font, width))
    return lines
