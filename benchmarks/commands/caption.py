"""Caption images with the model of a run: one line per image, its path and its caption."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser, Namespace

if TYPE_CHECKING:
    from PIL import Image

    from benchmarks.config import Decoding

_BATCH = 32


def add_arguments(parser: ArgumentParser, argv: list[str]) -> list[str]:
    """The run and the images."""
    parser.add_argument("run", metavar="RUN", help="folder of a run, runs/ID")
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="image files")
    parser.add_argument("--beams", type=int, help="width of the beam search; 1 is greedy (default: as in the run)")
    parser.add_argument("--max_length", type=int, help="most words of a caption (default: as in the run)")
    parser.add_argument("--json", action="store_true", help="one JSON object per line")
    parser.add_argument("--plugin", action="append", metavar="FILE", default=[], help="Python file with components")
    return argv


def main(parser: ArgumentParser, options: Namespace) -> int:
    """Print the captions; an image that cannot be read is named on stderr and the exit code is 2."""
    from PIL import Image

    from benchmarks.hardware import device
    from registry import load_plugin
    from zoo import checkpoint

    for plugin in options.plugin:
        load_plugin(plugin)
    decoding = _decoding(options)
    captioner = checkpoint.load(options.run, device=device())
    code = 0
    for start in range(0, len(options.images), _BATCH):
        readable = {}
        for file in options.images[start : start + _BATCH]:
            try:
                readable[file] = _read(file)
            except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
                print(f"caption-zoo: cannot read image {file}: {error}", file=sys.stderr)
                code = 2
        if readable:
            said = captioner.caption(list(readable.values()), **vars(decoding))
            for file, text in zip(readable, said, strict=True):
                print(json.dumps({"image": file, "caption": text}) if options.json else f"{file}\t{text}")
    return code


def _decoding(options: Namespace) -> "Decoding":
    """How the run's captions were written, where nothing else is asked for."""
    from benchmarks.export import decoding_of

    given = {key: options[key] for key in ("beams", "max_length") if options[key] is not None}
    return replace(decoding_of(Path(options.run)), **given)


def _read(file: str) -> "Image.Image":
    from PIL import Image

    with Image.open(file) as image:
        return image.convert("RGB")
