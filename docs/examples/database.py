"""Images and captions in an SQLite database, as many programs that annotate images keep them."""

import hashlib
import sqlite3
from collections import defaultdict
from collections.abc import Mapping
from contextlib import closing
from io import BytesIO
from pathlib import Path

from PIL import Image

from benchmarks.data import DATASETS, Dataset, Example, Prediction, UnreadableImage
from zoo.pictures import open_picture


@DATASETS.register("database")
class Database(Dataset):
    """Images in the table `image (id, name, split, content)`, their captions in `caption (image_id, caption)`.

    Options:
        file: the database; its splits are called train, validation and test.
    """

    name, split, synthetic, allows_hflip, location = "database", "test", False, True, ("file",)

    def __init__(self, *, file: str) -> None:
        self.file = Path(file).expanduser()
        if not self.file.is_file():
            raise ValueError(f"no database {file!r}: give it with --dataset \"database(file='...')\"")
        captions = defaultdict(list)
        for image, caption in self._rows("SELECT image_id, caption FROM caption ORDER BY rowid"):
            captions[image].append(caption)
        listed = "SELECT id, name FROM image WHERE split = ? AND id IN (SELECT image_id FROM caption) ORDER BY id"
        self.train, self.validation, self.test = splits = [
            [Example(image, tuple(captions[image]), source=name) for image, name in self._rows(listed, split)]
            for split in ("train", "validation", "test")
        ]
        self.fingerprint = hashlib.sha256(repr(splits).encode()).hexdigest()[:16]

    def load(self, example: Example) -> Image.Image:
        """The photograph, decoded in full, upright and in RGB."""
        ((content,),) = self._rows("SELECT content FROM image WHERE id = ?", example.image_id)
        try:
            return open_picture(BytesIO(content))
        except OSError as error:
            raise UnreadableImage(f"{example.source}: {error}") from None

    def files(self) -> str:
        """The size of every image."""
        sizes = self._rows("SELECT id, length(content) FROM image ORDER BY id")
        return hashlib.sha256(repr(sizes).encode()).hexdigest()[:16]

    def diagnostics(self, described: Mapping[int, Prediction]) -> dict[str, float]:
        """Nothing beyond the usual metrics."""
        return {}

    def _rows(self, query: str, *values: object) -> list[tuple]:
        with closing(sqlite3.connect(self.file)) as connection:  # each time: threads share none
            return connection.execute(query, values).fetchall()
