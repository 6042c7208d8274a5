"""A saved captioner in half the room: its weights in float16, which are float32 again when they are loaded."""

from pathlib import Path

from zoo.checkpoint import read, read_tensors
from zoo.folder import write


def halve(saved: Path, folder: Path) -> None:
    """Write the captioner in the folder `saved` into `folder`, with its weights in float16.

    What it leaves to another source, such as a frozen backbone's published weights, stays out.

    Raises:
        ValueError: there is no captioner in `saved`, or one of its weights is beyond float16.
    """
    config, tensors = read(saved, str(saved)), read_tensors(saved, str(saved))
    halves = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    if beyond := [name for name in halves if tensors[name].isfinite().all() and not halves[name].isfinite().all()]:
        raise ValueError(f"{beyond[0]} of {str(saved)!r} has numbers above 65,504, which float16 cannot hold")
    write(
        folder,
        halves,
        parts=config.parts.as_dict(),
        words=config.vocabulary.words,
        backbone_weights=config.backbone_weights,
        backbone_stored=config.stored,
    )
