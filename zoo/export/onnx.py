"""A captioner as two ONNX graphs, `encoder.onnx` and `decoder.onnx`, with what else it takes to caption with them.

Pre-processing but for the resizing is inside of the encoder; the search is left to whoever
runs the decoder, as `caption.py` does, which is written beside them.
"""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.export import Dim

from zoo.captioner import Captioner
from zoo.export.graphs import DecoderStep, Encoder, flat
from zoo.tracing import require_onnx, write_graph
from zoo.types import State, expand_state
from zoo.vocabulary import SPECIAL

ENCODER, DECODER = "encoder.onnx", "decoder.onnx"
TOLERANCE = 1e-3  # of a log-probability
_RUNTIME = Path(__file__).with_name("caption.py")
_IMAGES, _HYPOTHESES, _WORDS = 2, 3, 5  # no two alike, so that the tracer takes no axis for another


def export(captioner: Captioner, folder: Path, *, decoding: Mapping[str, Any]) -> float:
    """Write the graphs, `config.json`, `vocabulary.json` and `caption.py` into `folder`.

    `decoding` holds `num_beams`, `max_length` and `length_penalty`, which `caption.py` takes.

    Returns:
        The largest difference between a log-probability of the graphs and the captioner's.

    Raises:
        ValueError: ONNX's packages are missing or broken, the parts cannot be exported, or the graphs say something
            else.
    """
    require_onnx()
    preprocess = captioner.backbone.preprocess._asdict()
    config = {"parts": captioner.parts.as_dict(), **preprocess, "decoding": dict(decoding)}
    _write_json(config, folder / "config.json")  # the check reads both of these
    _write_json(captioner.vocabulary.words, folder / "vocabulary.json")
    shutil.copy(_RUNTIME, folder)
    with _alike(captioner):
        with torch.no_grad():
            _write_graphs(captioner, folder)
        return check(captioner, folder)


def check(captioner: Captioner, folder: Path) -> float:
    """Run the graphs in `folder` and `captioner` side by side, on random pixels and words, for a few steps.

    Returns:
        The largest difference of a log-probability.

    Raises:
        ValueError: it is more than `TOLERANCE`.
    """
    difference = max(_difference(captioner, folder, images, beams) for images, beams in ((3, 2), (1, 1), (1, 4)))
    if not difference <= TOLERANCE:  # nor NaN
        raise ValueError(
            f"{captioner.parts} says something else in ONNX: log-probabilities differ by {difference:.2g}, "
            f"which should be {TOLERANCE} at most"
        )
    return difference


@contextmanager
def _alike(captioner: Captioner) -> Iterator[None]:
    """The captioner on the processor, in evaluation, and the same random numbers each time; then all is as before."""
    device, training = next(captioner.parameters()).device, captioner.training
    try:
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0)
            captioner.cpu().eval()
            yield
    finally:
        captioner.to(device).train(training)


def _write_graphs(captioner: Captioner, folder: Path) -> None:
    pixels = _pixels(captioner, _IMAGES)
    features = captioner.encode(captioner.backbone.preprocess.normalize(pixels))
    initial, state = captioner.decoder.init_state(features)
    step, memory = DecoderStep(captioner.decoder, initial, state), flat(initial)
    state, words = _widened(state, _HYPOTHESES), torch.full((_IMAGES, _HYPOTHESES), len(SPECIAL))
    for _ in range(_WORDS):
        earlier = (memory, state)
        _, state, grown = step(words, memory, state)
        memory = step.update_memory(memory, grown)
    images, hypotheses, past = Dim("images"), Dim("hypotheses"), Dim("past")
    memory_axes = _axes({0: images}, past, earlier[0], memory)
    state_axes = _axes({0: images, 1: hypotheses}, past, earlier[1], state)
    memories, states = (_names(name, tensors) for name, tensors in (("memory", memory), ("state", state)))
    outside = (["pixels"], [*memories, *states])
    write_graph(Encoder(captioner), {"pixels": pixels}, {"pixels": {0: images}}, outside, folder / ENCODER)
    later = [f"next_{name}" for name in (*states, *(memories[place] for place in step.grows))]
    write_graph(
        step,
        {"words": words, "memory": memory, "state": state},
        {"words": {0: images, 1: hypotheses}, "memory": memory_axes, "state": state_axes},
        (["words", *memories, *states], ["log_probabilities", *later]),
        folder / DECODER,
    )


@torch.inference_mode()
def _difference(captioner: Captioner, folder: Path, images: int, beams: int) -> float:
    """The largest between log-probabilities of both, over a few random words on random pixels."""
    from zoo.export.caption import Captioner as Runtime

    runtime, pixels = Runtime(folder), _pixels(captioner, images)
    initial, state = captioner.decoder.init_state(captioner.encode(captioner.backbone.preprocess.normalize(pixels)))
    step, memory = DecoderStep(captioner.decoder, initial, state), flat(initial)
    state = _widened(state, beams)
    read, runtime_state = runtime.encode(pixels.numpy())
    runtime_state = [np.repeat(value, beams, axis=1) for value in runtime_state]
    largest = 0.0
    for _ in range(_WORDS):
        words = torch.randint(len(captioner.vocabulary), (images, beams))
        ours, state, grown = step(words, memory, state)
        memory = step.update_memory(memory, grown)
        theirs, read, runtime_state = runtime.step(words.numpy(), read, runtime_state)
        largest = float(np.maximum(largest, np.abs(ours.numpy() - theirs).max()))
    return largest


def _axes(fixed: dict[int, Any], past: Any, earlier: Sequence[Tensor], later: Sequence[Tensor]) -> tuple[Any, ...]:
    """For each tensor its axes whose size is free: the `fixed` ones, and `past` where it grows with the words."""
    return tuple(
        fixed | {axis: past for axis, (old, new) in enumerate(zip(one.shape, other.shape, strict=True)) if old != new}
        for one, other in zip(earlier, later, strict=True)
    )


def _widened(state: State, beams: int) -> State:
    return tuple(tensor.contiguous() for tensor in expand_state(state, beams))


def _pixels(captioner: Captioner, images: int) -> Tensor:
    return torch.randint(256, (images, 3, *captioner.backbone.preprocess.size), dtype=torch.uint8)


def _names(kind: str, tensors: Sequence[Tensor]) -> list[str]:
    return [f"{kind}_{place}" for place in range(len(tensors))]


def _write_json(content: object, file: Path) -> None:
    file.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
