"""What training gives, and what its curve says of an epoch, from the figures of its steps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor

from benchmarks.runtime.device import peak_memory

NOT_REPEATABLE = ("words_per_second", "memory")  # of the machine and the moment, and not of the request


@dataclass(frozen=True)
class TrainResult:
    """The training curve, the epoch whose weights the model now has, and the time it took.

    reward: the signature of the objective's reward, where it has one.
    resumed: how often training was cut off and resumed from a checkpoint.
    micro_batch: images of a part of a step, 0 where it had no parts.
    """

    curve: tuple[Mapping[str, float], ...]
    best_epoch: int
    seconds: float
    reward: str = ""
    resumed: int = 0
    micro_batch: int = 0


def best_epoch(curve: Sequence[Mapping[str, float]]) -> int:
    """The one with the highest validation, the later of equals; 0 where there is none."""
    best = max(curve, key=lambda entry: (entry["validation"], entry["epoch"]), default={"epoch": 0})
    return int(best["epoch"])


def refuse_divergence(figures: Sequence[Tensor], epoch: int, allowed: int) -> None:
    """Raise where more than `allowed` steps in a row were skipped; their last figure says whether they were not.

    Raises:
        FloatingPointError: so many steps had a loss or a gradient that was not finite.
    """
    finite = torch.stack([step[-1] for step in figures]).tolist()
    longest = max(len(list(run)) if not taken else 0 for taken, run in groupby(finite))
    if longest > allowed:
        raise FloatingPointError(
            f"the loss or its gradient was no finite number in epoch {epoch}, {longest} times in a row: "
            "lower learning_rate or max_grad_norm"
        )


def epoch_entry(
    names: Sequence[str], figures: Sequence[Tensor], seconds: float, learning_rate: float, device: torch.device
) -> dict[str, float]:
    """Means over the steps that were not skipped, and how fast and at which memory they were.

    The gradient's norm is that before it is clipped, the learning rate the decoder's in the last
    step. Memory is the most so far, in bytes: on a GPU of tensors, else of the process.
    """
    steps = _steps(names, figures)
    entry = step_means(names, figures) | {"learning_rate": learning_rate}
    if skipped := sum(not step["finite"] for step in steps):
        entry |= {"skipped": skipped}
    words = sum(step["words"] for step in steps)
    return entry | {"words_per_second": round(words / seconds, 1), "memory": peak_memory(device)}


def step_means(names: Sequence[str], figures: Sequence[Tensor]) -> dict[str, float]:
    """Means over the steps that were not skipped; nothing where all were."""
    taken = [step for step in _steps(names, figures) if step["finite"]]
    shown = [name for name in names if name not in ("words", "finite")]
    return {name: sum(step[name] for step in taken) / len(taken) for name in shown} if taken else {}


def _steps(names: Sequence[str], figures: Sequence[Tensor]) -> list[dict[str, float]]:
    return [dict(zip(names, values, strict=True)) for values in torch.stack(list(figures)).tolist()]
