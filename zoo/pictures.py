"""Pictures out of files, whatever the files hold: upright, in RGB, or one kind of error."""

from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps

_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "AVIF")  # none that a program is started for


def open_picture(file: str | Path) -> Image.Image:
    """The picture in `file`, decoded in full, upright and in RGB.

    Raises:
        OSError: the file is not there, is damaged, or is no image that can be converted to RGB.
    """
    try:
        with Image.open(file, formats=_formats()) as image:
            return upright(image)
    except OSError:
        raise
    except Exception as error:  # a damaged file may break its reader in any way
        raise OSError(str(error) or type(error).__name__) from error


def upright(image: Image.Image) -> Image.Image:
    """The picture in RGB, rotated by its EXIF orientation; of 16 bits the upper 8 stay.

    It is not copied where it is upright and in RGB already.

    Raises:
        ValueError: its mode is "I" or "F", whose numbers have no agreed white.
    """
    if image.mode in ("I", "F"):
        raise ValueError(f"a picture of mode {image.mode} has no agreed white: scale it to 8 bits a channel first")
    image.load()
    with suppress(Exception):  # damaged EXIF may break its reader in any way, and the picture is as good without
        if image.getexif().get(ExifTags.Base.Orientation, 1) != 1:
            image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    return image if image.mode == "RGB" else image.convert("RGB")


@cache
def _formats() -> tuple[str, ...]:
    """Those that this Pillow has."""
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)
