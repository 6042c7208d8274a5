"""Which runtime encodes on a processor: torch, or ONNX Runtime where that is faster and gives the same features.

A graph is made of a backbone once, compared with it on a batch of noise, timed beside it, and
kept in the cache together with what came out; another machine or version makes its own.
"""

import hashlib
import json
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.features.weights import add_weights
from benchmarks.runtime.cache_folder import optional_cache_folder
from benchmarks.runtime.environment import processor
from benchmarks.runtime.locks import locked
from benchmarks.runtime.progress import alive, write
from zoo.atomic import make_folder, write_atomically
from zoo.backbones import Backbone
from zoo.backbones.onnx import OnnxBackbone, write_backbone
from zoo.captioner import Captioner
from zoo.partial import partial_path, remove_abandoned

_FORMAT = 1
GRAPHS = "graphs"  # in the folder of the cache
TORCH, ONNX = "torch", "onnxruntime"
_FEW = 64  # images, for which nothing is tried
_LONG = 60.0  # seconds of torch from which on a graph is made: making it takes some eight
_PROBE = 4  # images on which both are compared
_ROUNDS = 3
_TOLERANCE = 1e-3  # of the largest feature; float16, in which they are stored, rounds by up to half of it
_FASTER = 1.1  # below that it may be noise, and torch needs no graph
_PACKAGES = ("torch", "timm", "onnx", "onnxscript", "onnxruntime")


@dataclass(frozen=True)
class _Trial:
    """What came out where a graph was tried: whether it is used, or why not."""

    sha256: str = ""
    speedup: float = 0.0
    deviation: float = 0.0
    unfit: str = ""


def fast_encoder(
    backbone: Backbone, folder: Path, *, named: str, images: float, threads: int | None = None
) -> Backbone:
    """The backbone, or what encodes the same faster, for so many images.

    Args:
        backbone: in evaluation.
        folder: of graphs.
        named: tells its code and options from those of another with the same weights.
        images: how many there are to encode; for few of them no graph is made, nor read.
        threads: cores for each call, all that torch has by default.
    """
    device = next(iter(backbone.state_dict().values()), torch.empty(0)).device
    if device.type != "cpu" or images < _FEW:
        return backbone
    threads = threads or torch.get_num_threads()
    probe = _probe(backbone)
    if images * _seconds(backbone, probe) / len(probe) < _LONG:
        return backbone
    with suppress(OSError, ValueError):  # no room for a graph, or nothing that reads it: torch does as well
        graph = _graph(backbone, folder, probe, named)
        return OnnxBackbone(backbone, graph, threads=threads) if graph else backbone
    return backbone


def encoder_of(captioner: Captioner, images: float) -> Backbone:
    """What encodes so many images for a captioner that is not trained any more, with a graph in the user's cache."""
    folder, backbone = optional_cache_folder(), captioner.backbone.eval()
    if folder is None:
        return backbone
    return fast_encoder(backbone, folder / GRAPHS, named=str(captioner.parts.backbone), images=images)


def runtime_of(encoder: Backbone) -> str:
    """The name and version of what runs it, as records have it."""
    runtime = ONNX if isinstance(encoder, OnnxBackbone) else TORCH
    return f"{runtime} {version(runtime)}"


def _graph(backbone: Backbone, folder: Path, probe: Tensor, named: str) -> Path | None:
    """The file with its graph, made now where there is none; None where torch is as good."""
    make_folder(folder)
    remove_abandoned(folder)
    graph = folder / f"{_key(backbone, named)}.onnx"
    with locked(graph.with_suffix(".lock"), "that makes a graph of the backbone"):
        trial = _read(graph)
        if trial is None:
            write(f"{named.strip()}: ONNX Runtime is tried for it, once on this machine", sys.stderr)
            trial = _try(backbone, graph, probe)
            write_atomically(graph.with_suffix(".json"), json.dumps(asdict(trial), indent=1) + "\n")
    return None if trial.unfit else graph


def _read(graph: Path) -> _Trial | None:
    """What was found out earlier; None where there is nothing, or the graph is not the one that was tried."""
    try:
        trial = _Trial(**json.loads(graph.with_suffix(".json").read_text(encoding="utf-8")))
        return trial if trial.unfit or trial.sha256 == _digest(graph) else None
    except (OSError, ValueError, TypeError):
        return None


def _try(backbone: Backbone, graph: Path, probe: Tensor) -> _Trial:
    """Make the graph, and keep it where it is worth it."""
    alive("making a graph of the backbone")
    partial = partial_path(graph)
    try:
        write_backbone(backbone, probe[:2], partial)
        fast = OnnxBackbone(backbone, partial, threads=torch.get_num_threads())
        trial = _compared(backbone, fast, probe, _digest(partial))
        if not trial.unfit:
            partial.replace(graph)
        return trial
    except ValueError as error:
        return _Trial(unfit=str(error))
    finally:
        with suppress(FileNotFoundError):
            partial.unlink()


@torch.inference_mode()
def _compared(backbone: Backbone, fast: Backbone, probe: Tensor, sha256: str) -> _Trial:
    """How far apart they are, and how much quicker the second is, both taking turns."""
    ours, theirs = backbone(probe), fast(probe)
    if (ours.tokens.shape, ours.grid) != (theirs.tokens.shape, theirs.grid):
        return _Trial(unfit=f"its features are {tuple(theirs.tokens.shape)}, torch's {tuple(ours.tokens.shape)}")
    deviation = float((ours.tokens - theirs.tokens).abs().max() / ours.tokens.abs().max().clamp(min=1e-9))
    if not deviation <= _TOLERANCE:  # nor NaN
        return _Trial(unfit=f"its features deviate by {deviation:.2g} of the largest", deviation=deviation)
    times = [(_seconds(backbone, probe), _seconds(fast, probe)) for _ in range(_ROUNDS)]
    speedup = min(slow for slow, _ in times) / min(quick for _, quick in times)
    unfit = "" if speedup >= _FASTER else f"it is {speedup:.2f} times as fast as torch"
    return _Trial(sha256, round(speedup, 2), deviation, unfit)


@torch.inference_mode()
def _seconds(encoder: Backbone, images: Tensor) -> float:
    started = time.perf_counter()
    encoder(images)
    return time.perf_counter() - started


def _probe(backbone: Backbone) -> Tensor:
    """A batch of noise from coarse to fine, (4, 3, H, W), as the backbone takes it."""
    generator, size = torch.Generator().manual_seed(0), backbone.preprocess.size
    noise = [torch.rand((1, 3, 4**scale, 4**scale), generator=generator) for scale in range(1, _PROBE + 1)]
    images = torch.cat([nn.functional.interpolate(each, size, mode="bilinear") for each in noise])
    return backbone.preprocess.normalize((images * 255).byte())


def _key(backbone: Backbone, named: str) -> str:
    content = (_FORMAT, named.strip(), processor(), [version(name) for name in _PACKAGES], backbone.preprocess)
    digest = hashlib.sha256(repr(content).encode())
    add_weights(digest, backbone)
    return digest.hexdigest()[:24]


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
