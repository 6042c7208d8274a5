"""Modules as ONNX graphs."""

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn


def require_onnx() -> None:
    """Load what writes and runs graphs.

    Raises:
        ValueError: it is not installed, or broken.
    """
    try:
        import onnxruntime
        import onnxscript  # noqa: F401  only to see whether it is there
    except ImportError as error:  # missing or broken
        why = " ".join(str(error).split())
        raise ValueError(
            f"ONNX needs onnxscript and onnxruntime ({why}): pip install onnx onnxscript onnxruntime"
        ) from None
    onnxruntime.set_default_logger_severity(3)  # errors


def write_graph(
    module: nn.Module,
    example: Mapping[str, Any],
    dynamic: Mapping[str, Any],
    names: tuple[Sequence[str], Sequence[str]],
    file: Path,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Trace `module` and write it to `file`.

    Args:
        module: what is called with `example`, its arguments by name, in evaluation.
        example: no two axes that are alike by chance should be as long, or the tracer takes one for the other.
        dynamic: per argument the axes whose size is free, as `torch.export.export` takes them.
        names: those of the graph's inputs and outputs.
        file: where it goes.
        metadata: what the graph says of itself.

    Raises:
        ValueError: it cannot be traced, or is no graph.
        OSError: the file cannot be written.
    """
    try:
        with _quiet():
            traced = torch.export.export(module.eval(), (), dict(example), dynamic_shapes=dict(dynamic))
            program = torch.onnx.export(traced, input_names=names[0], output_names=names[1], verbose=False)
        assert program is not None
        for node in program.model.graph.all_nodes():
            node.metadata_props.clear()  # where in the sources it came from, as places on this machine
        program.model.metadata_props.update(metadata or {})
    except MemoryError:
        raise
    except Exception as error:  # whatever a part or the tracer raises
        reason = " ".join(str(error.__cause__ or error).split()) or type(error).__name__
        raise ValueError(f"{file.name} cannot be made of these parts: {reason[:300]}") from error
    program.save(file)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what torch says of its own tracing."""
    disabled = logging.root.manager.disable
    logging.disable(max(disabled, logging.WARNING))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
