"""Say what images show, with a captioner that `caption-zoo export --format onnx` wrote.

Needs numpy, pillow and onnxruntime: `python caption.py photo.jpg other.png --num_beams 1`.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

PAD, START, END, UNKNOWN = range(4)  # the first four words of the vocabulary are marks
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "AVIF", "JPEG2000")  # none starts a program
Memory = dict[str, np.ndarray]
State = list[np.ndarray]


class Captioner:
    """The two graphs in `folder`, its words, and how an image becomes pixels."""

    def __init__(self, folder: Path) -> None:
        self.config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self.words = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
        self.encoder, self.decoder = (
            onnxruntime.InferenceSession(folder / name, providers=["CPUExecutionProvider"])
            for name in ("encoder.onnx", "decoder.onnx")
        )

    def caption(self, image: Image.Image, *, num_beams: int) -> str:
        """What `image` shows; one beam is greedy search."""
        memory, state = self.encode(self.pixels(image)[None])
        return " ".join(self.words[number] for number in self.search(memory, state, num_beams))

    def pixels(self, image: Image.Image) -> np.ndarray:
        """(3, H, W) bytes: the whole picture, upright, on white, in the encoder's size; of 16 bits the upper 8."""
        if image.mode in ("I", "F"):
            raise ValueError(f"mode {image.mode} has no agreed white: scale it to 8 bits a channel first")
        image.load()
        with suppress(Exception):  # damaged EXIF
            image = ImageOps.exif_transpose(image)
        if image.mode.startswith("I;16"):
            numbers = np.asarray(image)
            clear = numbers == image.info.get("transparency")
            image = Image.fromarray(np.where(clear, 255, numbers >> 8).astype(np.uint8))
        if "A" in image.getbands() or "transparency" in image.info:
            opaque = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", opaque.size, (255, 255, 255, 255)), opaque)
        kind = Image.Resampling[self.config["interpolation"].upper()]
        return np.asarray(image.convert("RGB").resize(self.config["size"][::-1], kind)).transpose(2, 0, 1)

    def encode(self, pixels: np.ndarray) -> tuple[Memory, State]:
        """Of images (B, 3, H, W), what the decoder keeps of them, and the state (B, 1, ...) before any word."""
        names = [output.name for output in self.encoder.get_outputs()]
        found = dict(zip(names, self.encoder.run(names, {"pixels": pixels}), strict=True))
        state = [found.pop(name) for name in names if name.startswith("state_")]
        return found, state

    def step(self, words: np.ndarray, memory: Memory, state: State) -> tuple[np.ndarray, Memory, State]:
        """Log-probabilities (B, K, V) of what follows the last words (B, K), and what to go on with."""
        given = {"words": words} | memory | {f"state_{place}": value for place, value in enumerate(state)}
        used = [entry.name for entry in self.decoder.get_inputs()]
        names = [entry.name.removeprefix("next_") for entry in self.decoder.get_outputs()]
        scores, *later = self.decoder.run(None, {name: given[name] for name in used})
        found = dict(zip(names[1:], later, strict=True))
        state = [found.pop(f"state_{place}") for place in range(len(state))]
        return scores, memory | found, state

    def search(self, memory: Memory, state: State, beams: int) -> list[int]:
        """The words of the best caption: log-likelihood over length to the `length_penalty`."""
        max_length, power = (self.config["decoding"][name] for name in ("max_length", "length_penalty"))
        state = [np.repeat(value, beams, axis=1) for value in state]
        captions, totals = np.full((beams, 1), START), np.full(beams, -np.inf)
        totals[0] = 0  # all beams start alike: let one of them live
        best, best_score, ended = [], -np.inf, 0
        for length in range(1, max_length + 2):
            (scores,), memory, state = self.step(captions[None, :, -1], memory, state)
            allowed = np.arange(scores.shape[1]) == END if length > max_length else np.ones(scores.shape[1], dtype=bool)
            allowed[[PAD, START, UNKNOWN]] = False
            totals = (totals[:, None] + np.where(allowed, scores, -np.inf)).ravel()
            likeliest = np.argsort(-totals, kind="stable")[:beams]
            parents, words = np.divmod(likeliest, scores.shape[1])
            captions = np.concatenate([captions[parents], words[:, None]], axis=1)
            state = [value[:, parents] for value in state]
            totals = totals[likeliest]
            totals[beams - ended :] = -np.inf  # an ended caption gives up its beam
            for row in np.flatnonzero((words == END) & np.isfinite(totals)):
                if totals[row] * length**-power > best_score:
                    best, best_score = captions[row, 1:-1].tolist(), totals[row] * length**-power
                ended, totals[row] = ended + 1, -np.inf
            if totals.max() * (max_length + 1) ** -power <= best_score:
                break  # no open caption can still win
        return best


def plain(text: object) -> str:
    """In one line that any terminal can show: what cannot be printed is escaped."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in str(text))


def main(arguments: Sequence[str] | None = None) -> int:
    """One line per image, its path and its caption; returns 1 where one cannot be read, which stderr names."""
    parser = argparse.ArgumentParser(description="Say what images show.")
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    parser.add_argument(
        "--num_beams", type=int, help="width of the beam search; 1 is greedy (default: as in config.json)"
    )
    options = parser.parse_args(arguments)
    captioner = Captioner(Path(__file__).parent)
    beams = captioner.config["decoding"]["num_beams"] if options.num_beams is None else options.num_beams
    if beams < 1:
        parser.error("--num_beams should be at least 1")
    unread = 0
    for file in options.images:
        try:
            with Image.open(file, formats=FORMATS) as image:
                print(f"{plain(file)}\t{plain(captioner.caption(image, num_beams=beams))}")
        except Exception as error:  # a damaged file may break its reader in any way
            print(f"cannot read {plain(file)}: {plain(error)}", file=sys.stderr)
            unread = 1
    return unread


if __name__ == "__main__":
    sys.exit(main())
