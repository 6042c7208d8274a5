"""Which runtime encodes on a processor: torch, or ONNX Runtime where that is faster and gives the same features.

A graph is made of a backbone once, compared with it on a batch of noise, timed beside it, and
kept in the cache together with what came out; another machine or version makes its own.
"""

import hashlib
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.features.trial import Trial, digest, try_graph
from benchmarks.features.weights import add_weights
from benchmarks.runtime.cache_folder import optional_cache_folder
from benchmarks.runtime.environment import processor
from benchmarks.runtime.locks import locked
from benchmarks.runtime.operations import operations
from benchmarks.runtime.progress import write
from zoo.atomic import make_folder, write_atomically
from zoo.backbones import Backbone
from zoo.backbones.onnx import OnnxBackbone
from zoo.caption_model import CaptionModel
from zoo.partial import remove_abandoned
from zoo.tracing import require_onnx

_FORMAT = 1
GRAPHS = "graphs"  # in the folder of the cache
TORCH, ONNX = "torch", "onnxruntime"
_FEW = 64  # images, for which nothing is tried
_MUCH = 2e12  # operations from which on one is: a minute of EfficientNet-Lite0; making its graph takes eight seconds
_PROBE = 4  # images on which both are compared
_PACKAGES = ("torch", "timm", "onnx", "onnxscript", "onnxruntime")


def fast_encoder(
    backbone: Backbone, folder: Path, *, named: str, images: float, threads: int | None = None
) -> Backbone:
    """The backbone, or what encodes the same faster, for so many images.

    Whatever goes wrong with a graph, torch encodes as well.

    Args:
        backbone: on the processor, in evaluation.
        folder: of graphs.
        named: tells its code and options from those of another with the same weights.
        images: how many there are to encode; for few of them no graph is made, and for a handful none is read.
        threads: cores for each call, all that torch has by default.
    """
    if images < _FEW:
        return backbone
    with suppress(Exception):  # no room for a graph, or nothing here that reads it
        graph = folder / f"{_key(backbone, named)}.onnx"
        trial = _read(graph)
        if trial is None and images * _operations(backbone) >= _MUCH:
            trial = _make(backbone, graph, named)
        if trial and not trial.unfit:
            return OnnxBackbone(backbone, graph, threads=threads or torch.get_num_threads())
    return backbone


def encoders_of(model: CaptionModel, images: float) -> tuple[Backbone, ...]:
    """What encodes so many images for a model that is not trained any more, with graphs in the user's cache."""
    folder, backbones = optional_cache_folder(), tuple(backbone.eval() for backbone in model.backbones)
    if folder is None or next(model.parameters()).device.type != "cpu":
        return backbones
    named = zip(backbones, model.backbone_specs, strict=True)
    return tuple(fast_encoder(each, folder / GRAPHS, named=str(spec), images=images) for each, spec in named)


@contextmanager
def encoding_fast(model: CaptionModel, images: float) -> Iterator[None]:
    """Inside, the model's backbones are what encodes so many images fastest; it can be neither trained nor saved."""
    backbones = model.backbones
    model.backbones = encoders_of(model, images)
    try:
        yield
    finally:
        model.backbones = backbones


def runtime_of(encoder: Backbone) -> str:
    """The name and version of what runs it, as records have it."""
    runtime = ONNX if isinstance(encoder, OnnxBackbone) else TORCH
    return f"{runtime} {version(runtime)}"


def _make(backbone: Backbone, graph: Path, named: str) -> Trial:
    """Make and try the graph, unless another process has in the meantime."""
    make_folder(graph.parent)
    remove_abandoned(graph.parent)
    with locked(graph.with_suffix(".lock"), "that makes a graph of the backbone"):
        if trial := _read(graph):
            return trial
        require_onnx()
        write(f"{named.strip()}: ONNX Runtime is tried for it, once on this machine", sys.stderr)
        trial = try_graph(backbone, graph, _probe(backbone))
        outcome = f"torch stays: {trial.unfit}" if trial.unfit else f"{trial.speedup} times as fast as torch"
        write(f"{named.strip()}: {outcome}", sys.stderr)
        write_atomically(graph.with_suffix(".json"), json.dumps(asdict(trial), indent=1) + "\n")
    return trial


def _read(graph: Path) -> Trial | None:
    """What was found out earlier; None where there is nothing, or the graph is not the one that was tried."""
    try:
        trial = Trial(**json.loads(graph.with_suffix(".json").read_text(encoding="utf-8")))
        return trial if trial.unfit or trial.sha256 == digest(graph) else None
    except (OSError, ValueError, TypeError):
        return None


@torch.no_grad()
def _operations(backbone: Backbone) -> int:
    """Of one image; counted and not timed, so that the choice is the same at each time."""
    image = _probe(backbone)[:1]
    return operations(lambda: backbone(image))


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
