"""Images as nobody should send them, made of small sound ones: always the same, of a seed."""

import io
import random
import struct
import zlib

from PIL import Image

KINDS = {
    "jpg": ("JPEG", {}), "progressive.jpg": ("JPEG", {"progressive": True}), "png": ("PNG", {}), "webp": ("WEBP", {}),
    "gif": ("GIF", {}), "tif": ("TIFF", {}), "lzw.tif": ("TIFF", {"compression": "tiff_lzw"}), "jp2": ("JPEG2000", {}),
    "avif": ("AVIF", {}), "bmp": ("BMP", {}), "ppm": ("PPM", {}),
}  # fmt: skip
SIZES = (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\xff\xff\0\0")


def encoded(kind="JPEG", size=(64, 48), **options):
    """A picture of noise in a format."""
    buffer = io.BytesIO()
    Image.effect_noise(size, 80).convert("RGB").save(buffer, kind, **options)
    return buffer.getvalue()


def mutants(count):
    """Pairs of name and bytes: cut at every 64th byte, `count` with flipped bits, as many with huge numbers."""
    for name, (kind, options) in KINDS.items():
        whole, dice = encoded(kind, **options), random.Random(name)
        yield from ((f"cut {place}.{name}", whole[:place]) for place in range(0, len(whole), 64))
        for number in range(count):
            flipped, huge = bytearray(whole), bytearray(whole)
            end = len(whole) if number % 2 else min(len(whole), 200)
            for _ in range(dice.choice([1, 1, 2, 8])):
                flipped[dice.randrange(end)] ^= 1 << dice.randrange(8)
            place = dice.randrange(min(len(whole), 120))
            huge[place : place + 4] = dice.choice(SIZES)
            yield from ((f"flipped {number}.{name}", bytes(flipped)), (f"huge {number}.{name}", bytes(huge)))


def png(width, height, lines, *chunks, depth=8, colour=2):
    """A PNG of these `lines`, as they are before compression, with other chunks before them."""
    compressor = zlib.compressobj(9)
    data = b"".join([*map(compressor.compress, lines), compressor.flush()])
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = [(b"IHDR", head), *chunks, (b"IDAT", data), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in parts
    )


def attacks():
    """Pairs of name and bytes: small files that would take much memory or time, and what readers trip over."""
    jpeg, progressive = encoded(), encoded(progressive=True)
    last = progressive.rindex(b"\xff\xda")
    yield "scans.jpg", progressive[:last] + progressive[last:-2] * 300 + progressive[-2:]
    segment = b"\xff\xe1\xff\xffExif\0\0MM\0*" + b"\xff" * 65523
    yield "exif.jpg", jpeg[:2] + segment * 512 + jpeg[2:]
    yield "bomb.png", png(13_000, 13_000, [bytes(39_001)] * 13_000)
    yield "declared.png", png(2**31 - 1, 2**31 - 1, [bytes(25)])
    text = b"a" * 64 * 2**20
    line = [b"\0" + bytes(24)] * 8
    yield "text.png", png(8, 8, line, (b"zTXt", b"k\0\0" + zlib.compress(text)))
    yield "profile.png", png(8, 8, line, (b"iCCP", b"k\0\0" + zlib.compress(text)))
    gif = encoded("GIF", (8, 8))
    yield "frames.gif", gif[: gif.index(b",")] + gif[gif.index(b",") : -1] * 20_000 + b";"
    sizes = [
        (256, 8),
        (257, 8),
        (258, 8),
        (259, 1),
        (262, 1),
        (277, 1),
        (322, 30_000),
        (323, 30_000),
        (324, 8),
        (325, 64),
    ]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sizes)
    yield "tile.tif", b"II*\0" + struct.pack("<I", 72) + bytes(64) + struct.pack("<H", len(sizes)) + entries + bytes(4)
    canvas = bytearray(encoded("WEBP", (8, 8), save_all=True, append_images=[Image.new("RGB", (8, 8))]))
    place = canvas.index(b"VP8X") + 12
    canvas[place : place + 6] = (9_400).to_bytes(3, "little") * 2
    yield "canvas.webp", bytes(canvas)
    yield "digits.ppm", b"P6\n" + b"9" * 5000 + b" 8\n255\n"
    for kind in ("EPS", "PDF", "ICO", "PCX", "TGA", "SGI", "DDS"):  # of which some start programs
        yield f"{kind}.jpg", encoded(kind)
