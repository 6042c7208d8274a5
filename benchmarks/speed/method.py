"""The prose of docs/speed.md."""

_MADE = "<!-- Made by make speed: change benchmarks/speed, not this page. -->"
HEAD = f"""{_MADE}

# Speed

How fast each stage is, beside yardsticks of the same minutes: the machine's own rate in matrix products, and what one
would install instead. The numbers are in [speed.json](speed.json), of which this page is made.

```console
make speed                  # all of it, some forty minutes on two cores: writes this page
make speed ONLY=decode      # one stage: prints its figures and writes nothing
make speed QUICK=1          # little of everything, to see that it works: writes nothing
```

Run it on a machine that does nothing else."""

METHOD = """## How it was measured

pytest-benchmark times ours; before each of its rounds, every yardstick is timed too. A ratio is taken within a
round, so a slow minute hits both sides, and the page shows the median of the rounds between the least and the most.
A round that does not count comes first, but for scoring, whose processes all start from nothing. The matrix, the
large cache and each point of growth are run once; of the points against beams the quickest of three searches counts.
Each stage is a process of its own: training, search, loading and caches on one thread, encoding and the matrix on all
cores, scoring with one thread for numpy, but with Java beside Python on both sides, and Java's own threads.

- Training: one call of `benchmarks.training.trainer.step`, optimizer included: `lstm` and `bahdanau` 512 wide, 49 x 512
  features, a vocabulary of 10,000, 32 images with 5 captions of 14 tokens, START among them, none of it padding.
- The share of the matrix-product rate: operations by torch's `FlopCounterMode` per second, over the rate of a
  product of two 2048 x 2048 matrices (1024 in bfloat16), the quickest of three, in the same type and on the same
  thread. A share above 100 % says that this product is slower than the step's own: no yardstick for that type here.
- Compiled: the same step with `compile=True`. Buckets: an epoch of 256 images whose captions are about ten and a half
  words long, give or take two and a half, with `bucket_batches=8` and without.
- Search: 32 images, 20 steps of the decoder; the end mark is made the last choice of all, so every step is taken. In
  bfloat16 it is `precision="bfloat16"`.
- transformers: `VisionEncoderDecoderModel` with a BERT decoder of 3 layers, 512 wide, 8 heads, 2048 in the
  feed-forward network and a vocabulary of 10,000, given the features in place of its encoder's output: exactly 20
  new tokens, 5 beams, its cache on. Ours is `transformer` with `multihead`, of the same sizes. In training its
  features are repeated for each caption, as it asks for.
- Scoring: Bleu, METEOR, ROUGE_L and CIDEr of 5,000 captions with five references each, drawn from a grammar, in a
  new process that finds an empty cache: the first set is "first", the third is "next"; "again" is the first set of
  another process that finds the cache. pycocoevalcap's tokenizer and scorers, on the same Java, are a new process each
  time. Scores that differ by more than 1e-9 fail the stage, and so does a cache in which nothing was kept.
- Encoding: `FeatureCache` from JPEG files to the cache on disk, against `forward_features` in batches of 32 over the
  same pixels, normalised in advance: float32, channels last, the same threads.
- Loading: `Dataset.load` and `Preprocess.to_tensor`, against Pillow's open, convert and resize.
- Cache: features at random in batches of 64, the files in the system's memory, against numpy's `take` from an
  array. All rows were read before, and a row's checksum is taken when it is first read, so none is in the rate. The
  large cache is made of synthetic values by `FeatureCache`, then `train` learns from it for an epoch in batches of
  256, with attention `mean`; peak memory is the process's VmHWM, which counts mapped files.
- The matrix: `caption-zoo run`, efficientnet_lite with six attentions on drawn scenes, each cell of the size of those
  in `configs/quickstart.yaml`. What it adds is the whole command's time less the encoding and the training, decoding
  and scoring of all cells, over the latter. The throughput suite that times each cell is counted as added; another
  row leaves it out.
- Start-up: whole processes, the median of ten; the same Python with nothing to do is `python -c pass`."""

NOTHING_YET = f"""{_MADE}

# Speed

There are no figures here yet. `make speed` measures each stage beside yardsticks and writes this page."""
