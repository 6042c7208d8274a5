"""Flickr8k in its own files and splits (Hodosh et al., 2013, https://jair.org/index.php/jair/article/view/10833)."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from PIL import Image

from benchmarks.data import DATASETS, Dataset, Example, Prediction, UnreadableImage
from zoo.pictures import open_picture


@DATASETS.register("flickr8k")
class Flickr8k(Dataset):
    """8,000 photographs with five captions each: 6,000 for training, 1,000 for validation, 1,000 for testing.

    Options:
        root: folder of ``Flickr8k.token.txt``, the three lists ``Flickr_8k.*Images.txt`` and ``Flicker8k_Dataset``.
    """

    name, split, synthetic, allows_hflip, location = "flickr8k", "test", False, True, ("root",)

    def __init__(self, *, root: str = "data/flickr8k") -> None:
        folder = Path(root).expanduser()
        self.images = folder / "Flicker8k_Dataset"  # the archive spells it so
        captions = defaultdict(list)
        for line in _lines(folder / "Flickr8k.token.txt"):
            name, _, caption = line.partition("\t")  # 1000268201_693b08cb0e.jpg#0
            captions[name.partition("#")[0]].append(caption.strip())
        names = [_lines(folder / f"Flickr_8k.{split}Images.txt") for split in ("train", "dev", "test")]
        number = {name: place for place, name in enumerate(name for split in names for name in split)}
        self.train, self.validation, self.test = splits = [
            [Example(number[name], tuple(captions[name]), source=name) for name in split] for split in names
        ]
        self.fingerprint = hashlib.sha256(repr(splits).encode()).hexdigest()[:16]

    def load(self, example: Example) -> Image.Image:
        """The photograph, decoded in full, upright and in RGB."""
        try:
            return open_picture(self.images / example.source)
        except OSError as error:
            why = error.strerror or str(error).replace(f"{self.images}/", "")  # records repeat it
            raise UnreadableImage(f"{example.source}: {why}") from None

    def files(self) -> str:
        """The size of every file."""
        sizes = sorted((file.name, file.stat().st_size) for file in self.images.glob("*.jpg"))
        return hashlib.sha256(repr(sizes).encode()).hexdigest()[:16]

    def diagnostics(self, described: Mapping[int, Prediction]) -> dict[str, float]:
        """Nothing beyond the usual metrics."""
        return {}


def _lines(file: Path) -> list[str]:
    if not file.is_file():
        raise ValueError(f"no {file}: give the folder with --dataset \"flickr8k(root='...')\"")
    return [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
