"""Data sets of Hugging Face's `datasets` library (https://huggingface.co/docs/datasets): the Hub's, or in a folder."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from benchmarks.data import DATASETS, Dataset, Example, Prediction, UnreadableImage, photos
from benchmarks.data.formats.splits import assign
from benchmarks.data.huggingface.columns import Columns, find_columns
from benchmarks.data.huggingface.listing import Listing, TableImage, list_images
from benchmarks.data.huggingface.pictures import Pictures
from benchmarks.data.huggingface.source import Source, open_source
from benchmarks.data.huggingface.splits import choose
from zoo.pictures import open_picture

if TYPE_CHECKING:
    from PIL import Image

_REMEDY = "add images, or name splits, as in train='train[:80%]', validation='train[80%:90%]', test='train[90%:]'"


@DATASETS.register("hf")
class HuggingFace(Dataset):
    """Images with captions in a data set of the Hugging Face Hub, in parquet files or an image folder.

    The library `datasets` reads it, ``pip install 'caption-zoo[hf]'``: a repository of the Hub, or
    a folder with parquet, arrow or JSON files, with images beside a metadata.csv, metadata.jsonl or
    metadata.parquet, or of `save_to_disk`. It is converted once, into the library's own cache; no
    script is run. Captions may be texts, lists of texts, or lists of objects that hold a text. The
    data set's own splits count, by name; where there is only one, its column ``split`` does, or else
    about a tenth each are drawn by a hash.

    Options:
        path: ``owner/name`` on the Hub, or a folder.
        config: name of the configuration, where there are several.
        revision: commit, tag or branch on the Hub; the newest commit by default. Records say which.
        train, validation, test: splits by name, with slices: ``train[:5000]``, ``train+extra``,
            ``test[50%:]``; by default those called so. Without `test` the validation images are
            the test split; without `validation` about a tenth of training chooses the epoch.
        image: column of the images; by default the only one there is, or that called image.
        captions: column of the captions, or a tuple of several; by default those called caption,
            captions, caption_0 and so on, or else sentences, text, answer or description.
        image_id: column of the images' IDs or names, by which several rows are one image; by
            default one called cocoid, image_id, img_id or filename. With ``''`` each row is an image.
        allows_hflip: whether a mirrored image keeps its captions. False where they say left
            and right, or what is written.
    """

    synthetic = False
    location: tuple[str, ...] = ("path",)
    public = ("path",)
    train: list[TableImage]
    validation: list[TableImage]
    test: list[TableImage]

    def __init__(
        self,
        *,
        path: str,
        config: str | None = None,
        revision: str | None = None,
        train: str | None = None,
        validation: str | None = None,
        test: str | None = None,
        image: str | None = None,
        captions: str | tuple[str, ...] | None = None,
        image_id: str | None = None,
        allows_hflip: bool = True,
    ) -> None:
        self.allows_hflip = allows_hflip
        source = open_source(path, config, revision)
        self.name = f"{path}@{source.commit}" if source.commit else "hf"
        if source.commit:
            self.location = ()
        spoken = (captions,) if isinstance(captions, str) else captions or ()
        try:
            columns = find_columns(next(iter(source.parts.values())).features, image, spoken, image_id)
            chosen, left = choose(
                {part: len(rows) for part, rows in source.parts.items()},
                {"train": train, "validation": validation, "test": test},
            )
            self._roots, self._pictures = source.roots, _pictures(source, columns)
            listing = list_images(source.parts, self._pictures, columns, chosen)
            if not listing.rows:
                raise ValueError(f"no row has an image and a caption: {next(listing.notes, 'there are no rows')}")
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
        names, self.split = assign(listing.rows, path, None, None, remedy=_REMEDY)
        images = listing.images()
        self.train, self.validation, self.test = ([images[name] for name in part] for part in names.values())
        self.fingerprint = photos.fingerprint(self.train, self.validation, self.test)
        self.notes = tuple(_notes(source, listing, left))

    def load(self, example: Example) -> "Image.Image":
        """The photograph, decoded in full."""
        assert isinstance(example, TableImage)
        try:
            return open_picture(self._pictures[example.part].stored(example.row))
        except Exception as error:  # also of whichever package reads there
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
            for root in self._roots:  # records repeat it, and no place
                why = why.replace(f"{root}/", "")
            raise UnreadableImage(f"{example.source}: {why}") from None

    def files(self) -> str:
        """The size of every image: a mended one has another."""
        images = (image for split in (self.train, self.validation, self.test) for image in split)
        sizes = [self._pictures[image.part].size(image.row) for image in images]
        return hashlib.sha256(repr(sizes).encode()).hexdigest()[:16]

    def diagnostics(self, predictions: Mapping[int, Prediction]) -> dict[str, float]:
        """Nothing beyond the usual metrics."""
        return {}


def _pictures(source: Source, columns: Columns) -> dict[str, Pictures]:
    tables = ((part, rows.with_format("arrow")) for part, rows in source.parts.items())
    return {part: Pictures(rows[:].column(columns.image), source.roots) for part, rows in tables}


def _notes(source: Source, listing: Listing, left: list[str]) -> Iterator[str]:
    """What was left out, and what else is not as usual."""
    yield from source.notes
    yield from listing.notes
    if left:
        yield f"the data set's splits {', '.join(map(repr, left))} are not used"
