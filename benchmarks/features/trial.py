"""A graph of a backbone, made, compared with it and timed beside it."""

import hashlib
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.runtime.progress import alive
from zoo.backbones import Backbone
from zoo.backbones.onnx import OnnxBackbone, write_backbone
from zoo.partial import partial_path

_ROUNDS = 3
_TOLERANCE = 1e-3  # of the largest feature; float16, in which they are stored, rounds by up to half of it
_FASTER = 1.1  # below that it may be noise, and torch needs no graph


@dataclass(frozen=True)
class Trial:
    """What came out where a graph was tried: whether it is used, or why not."""

    sha256: str = ""
    speedup: float = 0.0
    deviation: float = 0.0
    unfit: str = ""


def try_graph(backbone: Backbone, graph: Path, probe: Tensor) -> Trial:
    """Make the graph, and keep it where it is worth it.

    Raises:
        OSError: it cannot be written.
    """
    alive("making a graph of the backbone")
    partial = partial_path(graph)
    try:
        write_backbone(backbone, probe[:2], partial)
        trial = _compared(backbone, OnnxBackbone(backbone, partial, threads=1), probe, digest(partial))
        if not trial.unfit:
            partial.replace(graph)
        return trial
    except (OSError, MemoryError):  # no fault of the graph's: another time it may work
        raise
    except Exception as error:  # whatever the exporter and the runtime raise
        return Trial(unfit=" ".join(str(error).split())[:300] or type(error).__name__)
    finally:
        with suppress(FileNotFoundError):
            partial.unlink()


@torch.inference_mode()
def _compared(backbone: Backbone, fast: Backbone, probe: Tensor, sha256: str) -> Trial:
    """How far apart they are, and how much quicker the second is, both taking turns."""
    ours, theirs = backbone(probe), fast(probe)
    if (ours.tokens.shape, ours.grid) != (theirs.tokens.shape, theirs.grid):
        return Trial(unfit=f"its features are {tuple(theirs.tokens.shape)}, torch's {tuple(ours.tokens.shape)}")
    deviation = float((ours.tokens - theirs.tokens).abs().max() / ours.tokens.abs().max().clamp(min=1e-9))
    if not deviation <= _TOLERANCE:  # nor NaN
        return Trial(unfit=f"its features deviate by {deviation:.2g} of the largest", deviation=deviation)
    times = [(_seconds(backbone, probe), _seconds(fast, probe)) for _ in range(_ROUNDS)]
    speedup = min(slow for slow, _ in times) / min(quick for _, quick in times)
    unfit = "" if speedup >= _FASTER else f"it is {speedup:.2f} times as fast as torch"
    return Trial(sha256, round(speedup, 2), deviation, unfit)


@torch.inference_mode()
def _seconds(encoder: Backbone, images: Tensor) -> float:
    """On one core, as the graph that is tried."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        started = time.perf_counter()
        encoder(images)
        return time.perf_counter() - started
    finally:
        torch.set_num_threads(threads)


def digest(file: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
