"""Every figure of the speed page: its key in docs/speed.json, what it is, its unit, and the bar it should clear."""

from typing import NamedTuple

NO_BREAK = "\N{NO-BREAK SPACE}"  # a number stays with its unit
BEAMS = (1, 3, 5, 10)
TIMES = CELLS = (1, 4, 16)


class Bar(NamedTuple):
    """What a figure should reach, or stay below; a share is shown in per cent."""

    limit: float
    below: bool = False

    def met(self, value: float) -> bool:
        """Whether `value` clears it."""
        return value < self.limit if self.below else value >= self.limit


class Figure(NamedTuple):
    """One row of the page; `unit` "%" is of a share between 0 and 1, "x" of a ratio."""

    key: str
    what: str
    unit: str
    bar: Bar | None = None


BARS = (
    Figure("train.fp32.gemm_share", "training step in float32: share of the matrix-product rate", "%", Bar(0.6)),
    Figure("train.fp32.captions_per_sec", "the same in captions; a widely used peer has 51", "captions/s"),
    Figure("train.bf16.over_fp32", "training step in bfloat16, against float32", "x", Bar(2)),
    Figure("beam5.fp32.images_per_sec", "beam search, 49 x 512 features, float32", "images/s", Bar(30)),
    Figure("beam5.bf16.over_fp32", "beam search in bfloat16, against float32", "x", Bar(1.6)),
    Figure("beam5.196x2048.images_per_sec", "beam search, 196 x 2048 features, float32", "images/s", Bar(20)),
    Figure("beam5.transformer.over_hf", "Transformer, beam search, against transformers' generate", "x", Bar(2)),
    Figure("score.first.over_pycocoevalcap", "scoring for the first time, against pycocoevalcap", "x", Bar(2)),
    Figure("score.next.over_pycocoevalcap", "scoring from the second time on, against pycocoevalcap", "x", Bar(5)),
    Figure("encode.over_timm", "encoding JPEG files, against timm's bare forward", "%", Bar(3)),
    Figure("encode.resnet50.over_timm", "encoding with resnet50, against timm's bare forward", "%", Bar(0.95)),
    Figure("encode.vit.over_timm", "encoding with vit_small, against timm's bare forward", "%", Bar(0.95)),
    Figure(
        "matrix.overhead", "what the harness adds to its cells' own work, timing them included", "%", Bar(0.03, True)
    ),
    Figure("cache.peak_gb", "peak memory of an epoch over 118,287 images", "GB", Bar(2, True)),
    Figure("start.list_s", "`caption-zoo list`", "s", Bar(0.4, True)),
    Figure("start.help_s", "`caption-zoo --help`", "s", Bar(0.4, True)),
    Figure("start.caption_s", "`caption-zoo caption photo.jpg`, no model named", "s", Bar(10, True)),
)
OTHERS = (
    Figure("machine.fp32.gflops", "this machine's matrix products in float32, one thread", "GFLOP/s"),
    Figure("machine.bf16.gflops", "the same in bfloat16", "GFLOP/s"),
    Figure("train.fp32.gflop_per_step", "operations of a training step", "GFLOP"),
    Figure("train.bf16.captions_per_sec", "training step in bfloat16", "captions/s"),
    Figure("train.bf16.gemm_share", "the same: share of the matrix-product rate in bfloat16", "%"),
    Figure("train.transformer.captions_per_sec", "training step of the Transformer", "captions/s"),
    Figure("train.transformer.over_hf", "the same, against transformers", "x"),
    Figure("train.compile.over_eager", "training step compiled, against eager", "x"),
    Figure("train.compile.first_s", "the first compiled step", "s"),
    Figure("train.buckets.over_drawn", "an epoch in buckets of 8 batches, against batches as drawn", "x"),
    Figure("greedy.fp32.images_per_sec", "greedy search, 49 x 512 features", "images/s"),
    Figure("greedy.fp32.gemm_share", "the same: share of the matrix-product rate", "%"),
    Figure("beam5.fp32.gemm_share", "beam search: share of the matrix-product rate", "%"),
    Figure("beam5.196x2048.gemm_share", "the same with 196 x 2048 features", "%"),
    Figure("beam5.bf16.images_per_sec", "beam search in bfloat16", "images/s"),
    Figure("beam5.transformer.images_per_sec", "Transformer, beam search", "images/s"),
    Figure("beam5.hf.images_per_sec", "transformers' generate", "images/s"),
    Figure("encode.images_per_sec", "encoding JPEG files, efficientnet_lite", "images/s"),
    Figure("encode.resnet50.images_per_sec", "encoding JPEG files, resnet50", "images/s"),
    Figure("encode.vit.images_per_sec", "encoding JPEG files, vit_small", "images/s"),
    Figure("load.images_per_sec", "JPEG files to pixels, one core", "images/s"),
    Figure("load.over_pillow", "the same, against Pillow alone", "%"),
    Figure("score.first_s", "scoring for the first time", "s"),
    Figure("score.next_s", "scoring from the second time on", "s"),
    Figure("score.again.over_pycocoevalcap", "first time of a second process, against pycocoevalcap", "x"),
    Figure("cache.rows_per_sec", "reading the cache at random, in memory", "images/s"),
    Figure("cache.gb_per_sec", "the same in bytes", "GB/s"),
    Figure("cache.over_memory", "the same, against an array in memory", "%"),
    Figure("cache.size_gb", "the cache of 118,287 images", "GB"),
    Figure("cache.write_s", "writing it", "s"),
    Figure("cache.epoch_s", "an epoch over it", "s"),
    Figure("matrix.encodings", "encoding passes of the matrix", "", Bar(2, True)),
    Figure("matrix.overhead_less_measuring", "what the harness adds without timing the cells", "%"),
    Figure("matrix.cell_s", "training, decoding and scoring of a cell", "s"),
    Figure("matrix.encode_s", "the encoding", "s"),
    Figure("matrix.measure_s", "timing the six cells", "s"),
    Figure("matrix.wall_s", "the whole command", "s"),
    Figure("start.version_s", "`caption-zoo --version`", "s"),
    Figure("start.python_s", "the same Python with nothing to do", "s"),
)
GROWTH = (
    *(f"growth.images.{n}.{name}" for n in TIMES for name in ("encode_s", "train_s", "decode_s", "peak_gb")),
    *(f"growth.beams.{n}.{name}" for n in BEAMS for name in ("seconds", "peak_gb")),
    *(f"growth.cells.{n}.{name}" for n in CELLS for name in ("seconds", "peak_gb")),
)
KEYS = (*(figure.key for figure in (*BARS, *OTHERS)), *GROWTH)


def shown(value: float, unit: str) -> str:
    """A figure to three digits, with its unit."""
    if unit == "%":
        return f"{100 * value:.1f}{NO_BREAK}%"
    digits = f"{value:,.0f}" if value >= 99.95 else f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"
    return (f"{value:.0f}" if not unit else f"{digits}{NO_BREAK}{unit}").replace(",", "\u202f")


def shown_bar(figure: Figure) -> str:
    """The bar of a figure in words, a dash where it has none."""
    if figure.bar is None:
        return "–"
    share = figure.unit == "%"
    limit = f"{figure.bar.limit * (100 if share else 1):g}{NO_BREAK}{figure.unit}".rstrip()
    return f"{'below' if figure.bar.below else 'at least'} {limit}"
