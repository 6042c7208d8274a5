"""Captions of image files, one batch after another."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from benchmarks.config import Decoding
from benchmarks.features.runtime import encoding_fast
from benchmarks.inference.image_files import Listed, Prepare, batches, folders
from benchmarks.records.record import REQUEST
from benchmarks.records.request import read_decoding
from benchmarks.runtime.progress import bar, write
from benchmarks.runtime.text import plain
from zoo.caption_model import CaptionModel


class CaptionedFile(NamedTuple):
    """A file, its caption, and the folder of its maps where there are some."""

    image: str
    caption: str
    maps: str | None = None


@dataclass
class FileCaptioner:
    """Captions files; one that cannot be read is named on stderr and counted in `unreadable`."""

    model: CaptionModel
    decoding: Decoding
    batch_size: int = 32
    unreadable: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ValueError(f"batch_size={self.batch_size} should be at least 1")

    def caption(self, listed: Listed) -> Iterator[list[CaptionedFile]]:
        """The captions of each batch."""
        batches = self._read(listed, self.model.resize, self.batch_size)
        for number, readable in enumerate(batches):
            pictures = [picture for _, picture in readable]
            captions = self.model.caption(pictures, **vars(self.decoding.of_batch(number)))
            yield [CaptionedFile(file, text) for (file, _), text in zip(readable, captions, strict=True)]

    def explain(self, listed: Listed, maps: Path) -> Iterator[list[CaptionedFile]]:
        """As `caption` in batches of one; each one's maps go to a folder of its name below `maps`."""
        folder = folders(maps)
        for number, readable in enumerate(self._read(listed, Image.Image.copy, 1)):
            for file, picture in readable:
                explanation = self.model.explain(picture, **vars(self.decoding.of_batch(number)))
                explanation.save(place := folder(file))
                yield [CaptionedFile(file, explanation.caption, str(place))]

    def _read(self, listed: Listed, prepare: Prepare, size: int) -> Iterator[list[tuple[str, Image.Image]]]:
        with encoding_fast(self.model, listed.count or 0), bar(listed.count, "captioning", "img") as progress:
            for batch in batches(listed, prepare, size):
                for file, why in batch:
                    if isinstance(why, str):
                        self.unreadable += 1
                        write(f"caption-zoo: cannot read image {plain(file)}: {plain(why)}", sys.stderr)
                readable = [(file, picture) for file, picture in batch if not isinstance(picture, str)]
                if readable:
                    yield readable
                progress.update(len(batch))


def decoding_of(run: Path, **options: Any) -> Decoding:
    """How the captions of a run were written, with those `options` in its place that are not None.

    Raises:
        ValueError: its request cannot be read, or an option makes no sense.
    """
    file = run / REQUEST
    decoding = read_decoding(file) if file.is_file() else Decoding()
    return replace(decoding, **{name: value for name, value in options.items() if value is not None})
