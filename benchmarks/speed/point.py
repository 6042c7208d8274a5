"""One measurement in a process of its own, whose peak memory is therefore its own.

python -m benchmarks.speed.point WHAT NUMBER [--quick]     prints its seconds and "peak_gb" as JSON
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.speed.sizes import FULL, QUICK, Size

Seconds = dict[str, float]
_PATIENCE = 1200.0  # seconds


def measure(what: str, number: int, size: Size) -> Seconds:
    """What such a process measured."""
    command = [sys.executable, "-m", "benchmarks.speed.point", what, str(number)]
    command += ["--quick"] if size == QUICK else []
    done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    if done.returncode:
        raise RuntimeError(f"{what} {number} failed: {done.stderr[-500:]}")
    return json.loads(done.stdout.splitlines()[-1])


def peak_gb() -> float:
    """The most memory that this process has held, in 10^9 bytes, mapped files included."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:  # no Linux
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / 1e9


def images(number: int, size: Size) -> Seconds:
    """Encode, learn for an epoch and caption so many drawn scenes."""
    import torch

    from benchmarks.data.scenes import Scenes
    from benchmarks.features.cache import compute_features
    from benchmarks.speed.learning import epoch, stored
    from benchmarks.throughput.no_eos import NoEosDecoder
    from zoo.generate import generate

    with tempfile.TemporaryDirectory() as folder:
        seconds: Seconds = {}
        dataset = Scenes(train=number, validation=1, test=1)
        with _clock(seconds, "encode_s"):
            captioner, store = stored(
                dataset, Path(folder), "patches(trainable=False)", "bahdanau", f"lstm(dim={size.dim // 4})"
            )
        with _clock(seconds, "train_s"):
            epoch(captioner, dataset, store, batch=32, captions=5)
        decoder = NoEosDecoder(captioner.decoder)  # what it has learned would end captions here and there
        ids = [example.image_id for example in dataset.train]
        with _clock(seconds, "decode_s"), torch.inference_mode():
            for start in range(0, number, 64):
                features = compute_features(captioner.backbone, store.batch(ids[start : start + 64]), store.grid)
                generate(decoder, features, num_beams=size.beams, max_length=size.steps - 1)
    return seconds


def beams(number: int, size: Size) -> Seconds:
    """Search a batch with so many beams."""
    from benchmarks.speed import models
    from benchmarks.speed.pairs import clocked
    from benchmarks.throughput.no_eos import NoEosDecoder
    from zoo.generate import generate

    decoder, features = NoEosDecoder(models.recurrent(size, size.features[1]).decoder), models.seen(size, size.features)
    search = clocked(lambda: generate(decoder, features, num_beams=number, max_length=size.steps - 1), size.few_rounds)
    return {"seconds": search()}


def cache(number: int, size: Size) -> Seconds:
    """Write a cache of so many images, 49 x 512 each, and learn from it for an epoch."""
    from benchmarks.speed.learning import epoch, stored
    from benchmarks.speed.stills import PATCH, SIDE, Stills

    backbone = f"patches(dim=512, patch={PATCH}, image_size={SIDE}, trainable=False)"
    with tempfile.TemporaryDirectory() as folder:
        seconds: Seconds = {}
        dataset = Stills(number)
        with _clock(seconds, "write_s"):
            captioner, store = stored(dataset, Path(folder), backbone, "mean", "lstm(dim=32)")
        with _clock(seconds, "epoch_s"):
            epoch(captioner, dataset, store, batch=256, captions=1)
    return seconds


@contextmanager
def _clock(seconds: Seconds, name: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - started


POINTS: dict[str, Callable[[int, Size], Seconds]] = {"images": images, "beams": beams, "cache": cache}


if __name__ == "__main__":
    measured = POINTS[sys.argv[1]](int(sys.argv[2]), QUICK if "--quick" in sys.argv else FULL)
    sys.stdout.write(json.dumps({**measured, "peak_gb": peak_gb()}) + "\n")
