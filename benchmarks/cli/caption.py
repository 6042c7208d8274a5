"""Caption images with the model of a run: one line per image, its path and its caption."""

import json
import sys
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser, Namespace

from zoo.decoding import Precision

_DECODING: dict[str, tuple[Any, str]] = {
    "num_beams": (
        int,
        "width of the beam search, 1 is greedy; with a temperature, captions drawn to keep the best",
    ),
    "max_length": (int, "most words of a caption"),
    "length_penalty": (float, "a caption's log-likelihood is divided by its length to this power"),
    "no_repeat_ngram_size": (int, "length of runs of words that may not come twice, 3 for trigrams; 0 allows them"),
    "num_beam_groups": (int, "parts of the beams that are kept from saying the same; needs --diversity_penalty"),
    "diversity_penalty": (float, "what a word loses for each beam of an earlier group that takes it in the same step"),
    "temperature": (float, "draw words, 1 by the model's own probabilities; 0 searches"),
    "top_k": (int, "draw among so many likeliest words; 0 for all"),
    "top_p": (float, "draw among the fewest likeliest words that have this probability together"),
    "seed": (int, "of what is drawn"),
    "precision": (Precision, "float32, or bfloat16 where that is safe"),
}


def add_arguments(parser: ArgumentParser, argv: list[str]) -> list[str]:
    """The run and the images."""
    parser.add_argument("run", metavar="RUN", help="folder of a run, runs/ID")
    parser.add_argument(
        "images",
        nargs="+",
        metavar="IMAGE",
        help="image files, folders, quoted globs ('**/*.jpg'), or - for paths on stdin, one per line",
    )
    for name, (kind, text) in _DECODING.items():
        parser.add_argument(f"--{name}", type=kind, help=f"{text} (default: as in the run)")
    parser.add_argument("--batch", type=int, default=32, help="images captioned at once (default: 32)")
    parser.add_argument("--maps", metavar="DIR", help="write where the model looked for each word, a folder per image")
    parser.add_argument("--json", action="store_true", help="one JSON object per line")
    parser.add_argument("--plugin", action="append", metavar="FILE", default=[], help="Python file with components")
    return argv


def main(parser: ArgumentParser, options: Namespace) -> int:
    """Print the captions; an image that cannot be read is named on stderr and the exit code is 2."""
    from benchmarks.inference.caption_files import Describer, decoding_of
    from benchmarks.inference.image_files import listed
    from benchmarks.runtime.device import device
    from benchmarks.runtime.progress import write
    from benchmarks.runtime.text import plain
    from registry import load_plugin
    from zoo import checkpoint

    for plugin in options.plugin:
        load_plugin(plugin)
    files = listed(options.images)
    decoding = decoding_of(Path(options.run), **{name: options[name] for name in _DECODING})
    describer = Describer(checkpoint.load(options.run, device=device()), decoding, options.batch)
    maps = None if options.maps is None else Path(options.maps)
    for batch in describer.describe(files) if maps is None else describer.explain(files, maps):
        for said in batch:
            told = {key: value for key, value in said._asdict().items() if value is not None}
            write(json.dumps(told) if options.json else f"{plain(said.image)}\t{plain(said.caption)}")
        sys.stdout.flush()
    return 2 if describer.unreadable else 0
