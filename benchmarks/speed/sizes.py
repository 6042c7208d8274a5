"""How much each stage does: as the bars ask, or little, to see that all of it works."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """Of everything that is measured.

    rounds: of what takes seconds; few_rounds: of what takes a minute; starts: of a program.
    images, captions, tokens: of a batch to learn from; tokens count the START.
    words: of the vocabulary; dim, layers, heads: of the models.
    features: positions and channels of an image, small and large.
    steps: of a search, each of which asks the decoder once; beams: of the search.
    product: side of the matrices whose product is the yardstick.
    photographs: JPEG files; scored: images with captions to score; cached: images of the largest cache.
    warm_cache: images of a cache that memory holds.
    scenes: train, validation and test images of the matrix; epochs: of each of its cells; attentions: in it.
    grown: images in the first point of growth; cell_scenes: as scenes, where cells are counted.
    """

    rounds: int = 7
    few_rounds: int = 3
    starts: int = 10
    images: int = 32
    captions: int = 5
    tokens: int = 14
    words: int = 10_000
    dim: int = 512
    layers: int = 3
    heads: int = 8
    features: tuple[int, int] = (49, 512)
    large_features: tuple[int, int] = (196, 2048)
    steps: int = 20
    beams: int = 5
    product: int = 2048
    photographs: int = 384
    scored: int = 5000
    cached: int = 118_287
    warm_cache: int = 4096
    scenes: tuple[int, int, int] = (2600, 200, 400)
    epochs: int = 7
    attentions: int = 6
    grown: int = 250
    cell_scenes: tuple[int, int, int] = (300, 30, 50)


FULL = Size()
QUICK = Size(
    rounds=2,
    few_rounds=1,
    starts=2,
    images=4,
    words=200,
    dim=32,
    layers=1,
    heads=4,
    features=(9, 16),
    large_features=(16, 32),
    product=256,
    photographs=8,
    scored=20,
    cached=500,
    warm_cache=64,
    scenes=(24, 6, 6),
    epochs=1,
    attentions=2,
    grown=8,
    cell_scenes=(12, 4, 4),
)
