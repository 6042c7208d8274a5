"""Pictures out of files: no program is started, whatever is damaged is one kind of error, and none tells a place."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from benchmarks.cell.samples import _picture
from benchmarks.data import UnreadableImage, photos
from benchmarks.data.photos import Photo
from zoo import backbones, create_model
from zoo.pictures import open_picture, upright

NOISE = Image.effect_noise((30, 20), 90).convert("RGB")
DRAWING = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n"  # Pillow would start Ghostscript for it
RAMP = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
DAMAGED = b"Exif\0\0no TIFF"


def numbers(kind):
    return Image.fromarray(np.ones((4, 4), dtype=kind))


def test_a_picture_is_upright_and_in_rgb(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    NOISE.rotate(90, expand=True).save(tmp_path / "turned.png", exif=exif)
    assert open_picture(tmp_path / "turned.png").tobytes() == NOISE.tobytes()
    NOISE.convert("L").save(tmp_path / "grey.png")
    assert open_picture(str(tmp_path / "grey.png")).mode == "RGB"
    assert backbones.upright is upright


def test_damaged_exif_harms_no_picture(tmp_path):
    NOISE.save(file := tmp_path / "photo.png", exif=DAMAGED)
    assert open_picture(file).tobytes() == NOISE.tobytes()
    with Image.open(file) as picture:
        data = SimpleNamespace(load=lambda example: picture, synthetic=True)
        assert _picture(data, None).startswith("data:image/png;base64,")


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_are_scaled_to_eight(tmp_path, suffix):
    Image.fromarray(RAMP).save(tmp_path / f"wide.{suffix}")
    for picture in (open_picture(tmp_path / f"wide.{suffix}"), upright(Image.fromarray(RAMP.astype(">u2")))):
        assert picture.mode == "RGB"
        assert np.array_equal(np.asarray(picture)[..., 0], RAMP // 256)


def test_of_sixteen_bits_too_what_is_transparent_is_white(tmp_path):
    Image.fromarray(RAMP).save(tmp_path / "wide.png", transparency=int(RAMP[3, 3]))
    expected = RAMP // 256
    expected[3, 3] = 255
    assert np.array_equal(np.asarray(open_picture(tmp_path / "wide.png"))[..., 0], expected)


@pytest.mark.parametrize("kind", [np.float32, np.int32])
def test_numbers_without_an_agreed_white_are_refused(tmp_path, kind):
    with pytest.raises(ValueError, match="scale it to 8 bits"):
        upright(numbers(kind))
    numbers(kind).save(tmp_path / "numbers.tif")
    with pytest.raises(OSError, match="scale it to 8 bits"):
        open_picture(tmp_path / "numbers.tif")


def test_whatever_a_reader_raises_is_an_oserror(tmp_path, monkeypatch):
    (tmp_path / "drawing.jpg").write_bytes(DRAWING)
    model = create_model("patches(dim=8)", "mean", "lstm(dim=8)", vocabulary=["a"])
    for read in (open_picture, lambda file: model.caption([file]), model.explain):
        with pytest.raises(OSError, match="cannot identify"):
            read(tmp_path / "drawing.jpg")
    NOISE.save(tmp_path / "large.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(OSError, match="exceeds limit of 20 pixels: set CAPTION_ZOO_MAX_PIXELS"):
        open_picture(tmp_path / "large.png")


def test_why_a_photograph_cannot_be_read_tells_no_place(tmp_path):
    folder = tmp_path / "it's\\here"
    folder.mkdir()
    (folder / "junk.jpg").write_bytes(b"no picture")
    numbers(np.float32).save(folder / "numbers.tif")
    for name, why in (("junk.jpg", "cannot identify"), ("numbers.tif", "8 bits"), ("none.jpg", "No such file")):
        with pytest.raises(UnreadableImage, match=f"^{name}: .*{why}") as error:
            photos.read(Photo(1, ("a",), file=folder / name), folder)
        assert "here" not in str(error.value)
