"""Tar shards in webdataset's layout (https://github.com/webdataset/webdataset): local, or at a URL."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

from benchmarks.data import DATASETS, Dataset, Example, Prediction, UnreadableImage, photos
from benchmarks.data.formats.rows import Row
from benchmarks.data.formats.splits import assign, numbers
from benchmarks.data.shards.index import ShardIndex, read_indices
from benchmarks.data.shards.samples import Sample
from benchmarks.data.shards.storage import Shard, Storage
from benchmarks.data.shards.tar import BLOCK, parse
from zoo.pictures import open_picture

if TYPE_CHECKING:
    from PIL import Image

_REMEDY = (
    "add samples, or say which split they are in: patterns for validation and test, or a field split in their JSON"
)


@dataclass(frozen=True)
class ShardImage(Example):
    """An image inside of a shard."""

    shard: Shard
    sample: Sample


@DATASETS.register("webdataset")
class WebDataset(Dataset):
    """Images with captions in tar shards, as webdataset and img2dataset write them.

    A sample is an image and members of the same name with its captions: ``000.jpg`` with
    ``000.txt``, a caption in each line, or with ``000.json``, whose captions are a text or a
    list under caption, captions, caption1, ..., or text; if both are there, the JSON counts.
    Shards are indexed once, and images are read by their place, so any of them can be had at
    any time by any thread, process or node. An image's ID, and where nothing else says it, its
    split, are a hash of its name; a name that several shards have counts with the shard's.

    Options:
        root: folder that holds the shards, or any URL that fsspec reads, as s3://bucket/folder.
        train: pattern of the shards as seen from `root`, with wildcards, ``{000..099}`` and
            ``{one,other}``. Alone it names all shards: then the field ``split`` of each JSON
            says train, validation or test, or else about a tenth each are drawn.
        validation, test: patterns of their shards. Without `test` the validation images are the
            test split; without `validation` about a tenth of training chooses the epoch.
        allows_hflip: whether a mirrored image keeps its captions. False where they say left
            and right, or what is written.
    """

    name, synthetic = "webdataset", False
    location = ("root",)
    train: list[ShardImage]
    validation: list[ShardImage]
    test: list[ShardImage]

    def __init__(
        self,
        *,
        root: str,
        train: str = "*.tar",
        validation: str | None = None,
        test: str | None = None,
        allows_hflip: bool = True,
    ) -> None:
        self.allows_hflip, self._storage = allows_hflip, Storage(root)
        patterns = {"train": train, "validation": validation, "test": test}
        splits = _split_of_shards(self._storage, {split: pattern for split, pattern in patterns.items() if pattern})
        shards = list(splits)
        indexed = dict(zip(shards, read_indices(self._storage, shards), strict=True))
        repeated = _repeated(indexed.values())
        images: dict[str, ShardImage] = {}
        rows = list(_rows(indexed, splits if validation or test else {}, repeated, images))
        names, self.split = assign(rows, root, None, None, remedy=_REMEDY)
        self.train, self.validation, self.test = ([images[name] for name in part] for part in names.values())
        self.fingerprint = photos.fingerprint(self.train, self.validation, self.test)
        self.notes = tuple(_notes(indexed, repeated))

    def load(self, example: Example) -> "Image.Image":
        """The photograph, decoded in full."""
        assert isinstance(example, ShardImage)
        try:
            return open_picture(BytesIO(self._content(example.shard, example.sample)))
        except Exception as error:  # also of whichever package reads there
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
            why = why.replace(example.shard.path, example.shard.name)  # records repeat it, and no place
            raise UnreadableImage(f"{example.source}: {why}") from None

    def files(self) -> str:
        """The size of every image: a mended one has another."""
        sizes = [image.sample.size for split in (self.train, self.validation, self.test) for image in split]
        return hashlib.sha256(repr(sizes).encode()).hexdigest()[:16]

    def diagnostics(self, predictions: Mapping[int, Prediction]) -> dict[str, float]:
        """Nothing beyond the usual metrics."""
        return {}

    def _content(self, shard: Shard, sample: Sample) -> bytes:
        """An image's bytes; its header comes with them and tells whether it is still the member that was indexed."""
        content = self._storage.read(shard, sample.place - BLOCK, sample.place + sample.size)
        if len(content) != BLOCK + sample.size:
            raise ValueError(f"{len(content):,} bytes came, and not {BLOCK + sample.size:,}")
        if parse(content[:BLOCK], sample.place - BLOCK).chksum != sample.checksum:
            raise ValueError("the shard has changed since it was indexed: run again")
        return content[BLOCK:]


def _split_of_shards(storage: Storage, patterns: Mapping[str, str]) -> dict[Shard, str]:
    found: dict[Shard, str] = {}
    names: dict[str, str] = {}
    for split, pattern in patterns.items():
        for shard in storage.shards(pattern):
            if (other := names.setdefault(shard.name, split)) != split:
                why = "give train, validation and test patterns that share none"
                raise ValueError(f"shard {shard.name} in {storage.root} is in {other} and in {split}: {why}")
            found[shard] = split
    return found


def _repeated(indices: Iterable[ShardIndex]) -> set[str]:
    """The names of samples that several shards have."""
    counts = Counter(sample.key for index in indices for sample in index.samples)
    return {key for key, count in counts.items() if count > 1}


def _rows(
    indexed: Mapping[Shard, ShardIndex], splits: Mapping[Shard, str], repeated: set[str], images: dict[str, ShardImage]
) -> Iterator[Row]:
    """What each sample says of its image; the images are added to `images`, by names that are unique over all."""
    ids: dict[int, str] = {}
    for shard, index in indexed.items():
        for sample in index.samples:
            place = f"{shard.name}/{sample.key}"
            name = place if sample.key in repeated else sample.key
            image = ShardImage(numbers(name)[0], sample.captions, shard, sample, source=f"{shard.name}/{sample.name}")
            if (other := ids.setdefault(image.image_id, place)) != place:
                raise ValueError(f"{other!r} and {place!r} get one id: rename one of them")
            images[name] = image
            yield Row(place, name, sample.captions, splits.get(shard, sample.split))


def _notes(indexed: Mapping[Shard, ShardIndex], repeated: set[str]) -> Iterator[str]:
    """What was left out, of all shards together, and what else is not as usual."""
    if repeated:
        yield f"{len(repeated):,} names of samples in several shards, each for another image, such as {min(repeated)}"
    if undated := [shard.name for shard in indexed if not shard.version]:
        yield f"{len(undated):,} shards without time or entity tag, which each run indexes anew, such as {undated[0]}"
    found: dict[str, tuple[int, str]] = {}
    for shard, index in indexed.items():
        for kind, (count, example) in index.problems.items():
            earlier, first = found.get(kind, (0, f"{example} in {shard.name}"))
            found[kind] = (earlier + count, first)
    for kind, (count, example) in found.items():
        yield f"{count:,} {kind} left out, such as {example}"
