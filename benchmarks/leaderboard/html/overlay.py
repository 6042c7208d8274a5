"""A map of weights as a veil over the picture: none where the model looked most, thick where it did not look.

The PNG is written here and not compressed, since compressors differ between machines, and a
card has the same bytes everywhere. Sixteen levels in half a byte each keep it small.
"""

import struct
from base64 import b64encode
from zlib import adler32, crc32

import numpy as np

_THICK = 220  # of 255: how much the veil hides where the model did not look
_COLOUR = bytes((46, 52, 64))  # seen on black and on white
_LEVELS = 16


def veil(shares: np.ndarray) -> str:
    """`shares` (h, w) as a data URL; a veil is scaled to its own highest share, so a flat map hides nothing."""
    height, width = shares.shape
    levels = np.rint((_LEVELS - 1) * (1 - shares / (shares.max() or 1.0))).astype(np.uint8)
    rows = np.zeros((height, 1 + (width + 1) // 2), dtype=np.uint8)  # the first byte of each: not filtered
    rows[:, 1:] = levels[:, ::2] << 4
    rows[:, 1 : 1 + width // 2] |= levels[:, 1::2]
    header = _chunk(b"IHDR", struct.pack(">2I5B", width, height, 4, 3, 0, 0, 0))
    png = b"\x89PNG\r\n\x1a\n" + header + _PALETTE + _chunk(b"IDAT", _stored(rows.tobytes())) + _chunk(b"IEND", b"")
    return f"data:image/png;base64,{b64encode(png).decode()}"


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", crc32(kind + content))


def _stored(content: bytes) -> bytes:
    """A zlib stream that holds `content`, of less than 64 kB, as it is."""
    size = struct.pack("<2H", len(content), 0xFFFF - len(content))
    return b"\x78\x01\x01" + size + content + struct.pack(">I", adler32(content))


_THICKNESS = bytes(round(level * _THICK / (_LEVELS - 1)) for level in range(_LEVELS))
_PALETTE = _chunk(b"PLTE", _LEVELS * _COLOUR) + _chunk(b"tRNS", _THICKNESS)
