"""Caption images with a trained model: one line per image, its path and its caption."""

import json
import sys
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser, Namespace

from benchmarks.cli.place import add_place, resolve_model, with_model
from zoo.decoding import Precision

_DECODING: dict[str, tuple[Any, str]] = {
    "num_beams": (
        int,
        "number of beams, 1 is greedy search; with a temperature, captions sampled, of which the best is returned",
    ),
    "max_length": (int, "maximum number of words of a caption"),
    "length_penalty": (float, "exponent of the length by which a caption's log-likelihood is divided"),
    "no_repeat_ngram_size": (
        int,
        "n-grams of this size occur only once in a caption, 3 for trigrams; 0 allows repetition",
    ),
    "num_beam_groups": (int, "groups of beams, for diverse beam search; needs --diversity_penalty"),
    "diversity_penalty": (
        float,
        "subtracted from a word's score for each beam of an earlier group with the same word at this step",
    ),
    "temperature": (float, "sampling temperature, 1 is the model's own distribution; 0 searches"),
    "top_k": (int, "sample among the k most probable words; 0 for all"),
    "top_p": (float, "nucleus sampling: among the most probable words whose probabilities add up to this"),
    "seed": (int, "random seed of sampling"),
    "precision": (Precision, "float32, or bfloat16 where that is safe"),
}


def add_arguments(parser: ArgumentParser, argv: list[str]) -> list[str]:
    """The model and the images."""
    parser.usage = f"{parser.prog} [MODEL] IMAGE [IMAGE ...] [options]"
    add_place(parser, default=True)
    parser.add_argument(
        "images",
        nargs="+",
        metavar="IMAGE",
        help="image files, folders, quoted globs ('**/*.jpg'), or - for paths on stdin, one per line",
    )
    parser.add_argument(
        "--ensemble",
        action="append",
        metavar="RUN",
        default=[],
        help="another run, which decodes together with RUN: each word has the mean of their probabilities; repeatable",
    )
    for name, (kind, text) in _DECODING.items():
        parser.add_argument(f"--{name}", type=kind, help=f"{text} (default: as in the run)")
    parser.add_argument("--batch_size", type=int, default=32, help="images captioned at once (default: 32)")
    parser.add_argument("--maps", metavar="DIR", help="write the attention maps of each word, a folder per image")
    parser.add_argument("--json", action="store_true", help="one JSON object per line")
    parser.add_argument("--plugin", action="append", metavar="FILE", default=[], help="Python file with components")
    return with_model(parser, argv)


def main(parser: ArgumentParser, options: Namespace) -> int:
    """Print the captions; an image that cannot be read is named on stderr and the exit code is 2."""
    from benchmarks.inference.caption_files import FileCaptioner, decoding_of
    from benchmarks.inference.image_files import listed
    from benchmarks.runtime.device import device
    from benchmarks.runtime.progress import write
    from benchmarks.runtime.text import plain
    from registry import load_plugin
    from zoo.pretrained import load, locate

    for plugin in options.plugin:
        load_plugin(plugin)
    files = listed(options.images)
    found = resolve_model(options.model or None, options.revision)
    decoding = decoding_of(found.folder, **{name: options[name] for name in _DECODING})
    model = load([found, *map(locate, options.ensemble)], device=device())
    captioner = FileCaptioner(model, decoding, options.batch_size)
    maps = None if options.maps is None else Path(options.maps)
    for batch in captioner.caption(files) if maps is None else captioner.explain(files, maps):
        for captioned in batch:
            fields = {key: value for key, value in captioned._asdict().items() if value is not None}
            write(json.dumps(fields) if options.json else f"{plain(captioned.image)}\t{plain(captioned.caption)}")
        sys.stdout.flush()
    return 2 if captioner.unreadable else 0
