"""Pictures out of files, whatever the files hold: upright, in RGB, on white, or one kind of error."""

import os
from contextlib import nullcontext, suppress
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "AVIF", "JPEG2000", "HEIF")  # none starts a program
_HEIF = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")  # of a file's first box
LIMIT = "CAPTION_ZOO_MAX_PIXELS"
_PILLOWS = 89_478_485  # where it warns, unless a program has set another number
_PIXELS = 2 * _PILLOWS  # where it takes a picture for an attack on memory
_WHITE = (255, 255, 255, 255)


def open_picture(file: str | Path | BytesIO) -> Image.Image:
    """The picture in a file or a stream, decoded in full, upright and in RGB; what is transparent is white.

    The environment variable ``CAPTION_ZOO_MAX_PIXELS`` allows larger pictures than usual.

    Raises:
        OSError: the file is not there, is damaged or too large, or is no image that can be converted to RGB.
    """
    if (
        isinstance(file, str | Path) and Path(file).exists() and not Path(file).is_file()
    ):  # reading a pipe might never end
        raise OSError(f"cannot read {str(file)!r}: it is no file")
    if Image.MAX_IMAGE_PIXELS == _PILLOWS or os.environ.get(LIMIT):
        Image.MAX_IMAGE_PIXELS = max(_limit(), _PIXELS)  # of fewer than this Pillow would warn, and not say what to do
    try:
        with Image.open(file, formats=_formats()) as image:
            _refuse_large(image)
            return upright(image)
    except Image.DecompressionBombError as error:
        raise OSError(f"{str(error).partition(',')[0]}: set {LIMIT} to more, or make the picture smaller") from None
    except UnidentifiedImageError:
        raise OSError(_unidentified(file)) from None
    except OSError:
        raise
    except Exception as error:  # a damaged file may break its reader in any way
        raise OSError(str(error) or type(error).__name__) from error


def upright(image: Image.Image) -> Image.Image:
    """The picture in RGB, rotated by its EXIF orientation, on a white ground; of 16 bits the upper 8 stay.

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
    if "A" in image.getbands() or "transparency" in image.info:
        opaque = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", opaque.size, _WHITE), opaque)
    return image if image.mode == "RGB" else image.convert("RGB")


@cache
def _formats() -> tuple[str, ...]:
    """Those that this Pillow has."""
    if find_spec("pillow_heif"):
        with suppress(Exception):  # it may lack its library, which is no reason to read nothing
            import_module("pillow_heif").register_heif_opener()
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def _limit() -> int:
    text = os.environ.get(LIMIT, "")
    return int(text) if text.isascii() and text.isdigit() else _PIXELS


def _refuse_large(image: Image.Image) -> None:
    pixels = image.size[0] * image.size[1]
    if pixels > _limit():
        size = f"{image.size[0]} x {image.size[1]} pixels"
        raise OSError(f"{size} are more than {_limit():,}: set {LIMIT}={pixels}, or make the picture smaller")


def _unidentified(file: str | Path | BytesIO) -> str:
    """Why Pillow knows no picture in `file`, as far as its first bytes tell."""
    with Path(file).open("rb") if isinstance(file, str | Path) else nullcontext(file) as opened:
        opened.seek(0)
        head = opened.read(64)
    name = repr(str(file)) if isinstance(file, str | Path) else "the picture"
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF:
        return f"cannot read {name}: HEIC and HEIF pictures need the package pillow-heif (pip install pillow-heif)"
    if head.startswith(b"version https://git-lfs"):
        return f"cannot read {name}: it is a Git LFS pointer: git lfs pull fetches the picture"
    return f"cannot identify image file {name}" if isinstance(file, str | Path) else "it is no image"
