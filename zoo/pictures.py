"""Pictures out of files, whatever the files hold: upright, in RGB, on white, or one kind of error."""

import os
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from io import BufferedReader, BytesIO
from math import prod
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "AVIF", "JPEG2000", "HEIF")  # none starts a program
_HEIF = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")  # of a file's first box
LIMIT = "CAPTION_ZOO_MAX_PIXELS"
_PIXELS = 89_478_485  # where Pillow warns of an attack on memory, unless a program has set another number
_WHITE = (255, 255, 255, 255)
_BAND = 2**20  # pixels that are laid on white at a time
_SCANS = 200  # of a JPEG, each of which may draw the whole picture again; encoders make a dozen
_COPIES = 4  # of an animation's canvas that its reader holds at a time
_BEFORE = 8 * 2**20  # bytes before its first scan, of which Pillow copies what it has for each segment of EXIF


def open_picture(file: str | Path | BytesIO) -> Image.Image:
    """The picture in a file or a stream, decoded in full, upright and in RGB; what is transparent is white.

    The environment variable ``CAPTION_ZOO_MAX_PIXELS`` allows larger pictures than usual.

    Raises:
        OSError: the file is not there, is damaged or too large, or is no image that can be converted to RGB.
    """
    if not isinstance(file, BytesIO) and Path(file).exists() and not Path(file).is_file():  # a pipe might never end
        raise OSError(f"cannot read {str(file)!r}: it is no file")
    if Image.MAX_IMAGE_PIXELS == _PIXELS or os.environ.get(LIMIT):
        Image.MAX_IMAGE_PIXELS = max(_limit(), 2 * _PIXELS)  # at fewer Pillow would warn, and not say what to do
    try:
        with _opened(file) as opened:
            _refuse_slow(opened, _name(file))
            opened.seek(0)
            with Image.open(opened, formats=_formats()) as image:
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
        image = _upper_bits(image)
    if "A" in image.getbands() or "transparency" in image.info:
        return _on_white(image)
    return image if image.mode == "RGB" else image.convert("RGB")


def _upper_bits(image: Image.Image) -> Image.Image:
    """The upper 8 bits of 16; white, where the picture says that a number is transparent."""
    values = np.asarray(image)
    upper = (values >> 8).astype(np.uint8)
    if isinstance(number := image.info.get("transparency"), int):
        upper[values == number] = 255
    return Image.fromarray(upper)


def _on_white(image: Image.Image) -> Image.Image:
    """The picture in RGB on white, in bands: altogether it would take 16 bytes for each pixel."""
    opaque, rows = Image.new("RGB", image.size), max(1, _BAND // image.width)
    for top in range(0, image.height, rows):
        place = (0, top, image.width, min(top + rows, image.height))
        band = image.crop(place).convert("RGBA")
        opaque.paste(Image.alpha_composite(Image.new("RGBA", band.size, _WHITE), band), place)
    return opaque


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


def _opened(file: str | Path | BytesIO) -> AbstractContextManager[BufferedReader | BytesIO]:
    return nullcontext(file) if isinstance(file, BytesIO) else Path(file).open("rb")


def _name(file: str | Path | BytesIO) -> str:
    return "the picture" if isinstance(file, BytesIO) else repr(str(file))


def _refuse_slow(opened: BufferedReader | BytesIO, name: str) -> None:
    """Refuse a small JPEG that would take hours, since it draws its picture again and again."""
    if opened.read(3) != b"\xff\xd8\xff":
        return
    content = opened.read()
    if (scans := content.count(b"\xff\xda")) > _SCANS:  # in what is compressed these two never stand together
        raise OSError(f"cannot read {name}: it has {scans:,} scans, more than {_SCANS}: save it anew")
    if content.find(b"\xff\xda") > _BEFORE:
        raise OSError(f"cannot read {name}: {_BEFORE >> 20} MiB and more come before the picture: save it anew")


def _refuse_large(image: Image.Image) -> None:
    """By what the reader takes memory for: the picture, a tile of it, or copies of a canvas that is drawn upon."""
    size, what, copies = image.size, "", 1
    if tile := _tile(image):
        size, what = max(size, tile, key=prod), " in a tile" * (prod(tile) > prod(size))
    elif image.format == "WEBP" and getattr(image, "is_animated", False):
        what, copies = " of an animation", _COPIES
    pixels = prod(size)
    if pixels * copies > _limit():
        most, remedy = _limit() // copies, f"set {LIMIT}={pixels * copies}, or make the picture smaller"
        raise OSError(f"{size[0]} x {size[1]} pixels{what} are more than {most:,}: {remedy}")


def _tile(image: Image.Image) -> tuple[int, int] | None:
    """The size of a TIFF's tiles, where it has some; each is read whole."""
    tags = getattr(image, "tag_v2", {})
    width, height = tags.get(ExifTags.Base.TileWidth), tags.get(ExifTags.Base.TileLength)
    return (width, height) if isinstance(width, int) and isinstance(height, int) else None


def _unidentified(file: str | Path | BytesIO) -> str:
    """Why Pillow knows no picture in `file`, as far as its first bytes tell."""
    with _opened(file) as opened:
        opened.seek(0)
        head = opened.read(64)
    name = _name(file)
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF:
        return f"cannot read {name}: HEIC and HEIF pictures need the package pillow-heif (pip install pillow-heif)"
    if head.startswith(b"version https://git-lfs"):
        return f"cannot read {name}: it is a Git LFS pointer: git lfs pull fetches the picture"
    return f"cannot identify image file {name}" if isinstance(file, str | Path) else "it is no image"
