"""The state of a training: what a checkpoint holds, and how it resumes from there."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.training.random_state import random_state, seed_epoch, set_random_state

if TYPE_CHECKING:
    from benchmarks.training.trainer import Trainer

_PLAIN = ("epoch", "position", "seconds", "epoch_seconds", "resumed")


def state_of(trainer: "Trainer") -> dict[str, Any]:
    """All that decides what training gives from here on, in tensors and plain values."""
    return {
        "weights": trainer.trained.state_dict(),
        "optimizer": trainer.step.optimizer.state_dict(),
        "ema": {"steps": trainer.ema.steps, "values": trainer.ema.values},
        "best": trainer.best,
        "curve": trainer.curve,
        "figures": list(trainer.figures),
        "micro_batch": trainer.step.micro_batch,
        "random": trainer.group.gather(random_state(trainer.device)),
        **{name: getattr(trainer, name) for name in _PLAIN},
    }


def restore(trainer: "Trainer", state: Mapping[str, Any], folder: Path | None) -> None:
    """Go on from a state of the same training, which lies in a folder, or came from another process.

    Raises:
        ValueError: it is of another training.
    """
    try:
        _restore(trainer, state)
    except Exception as error:  # whatever torch makes of other tensors than its own
        why = " ".join(str(error).split())[:200]
        raise ValueError(f"the checkpoint in {folder or 'use'} does not fit: remove it ({why})") from error


def _restore(trainer: "Trainer", state: Mapping[str, Any]) -> None:
    trainer.trained.load_state_dict(state["weights"])
    trainer.step.load_optimizer(state["optimizer"])
    trainer.step.micro_batch = min(filter(None, (state["micro_batch"], trainer.step.micro_batch)), default=0)
    trainer.ema.load(state["ema"]["steps"], state["ema"]["values"])
    trainer.best = {name: tensor.to(trainer.device) for name, tensor in state["best"].items()}
    trainer.curve, trainer.figures = list(state["curve"]), [each.to(trainer.device) for each in state["figures"]]
    for name in _PLAIN:
        setattr(trainer, name, state[name])
    trainer.resumed += 1
    if not set_random_state(state["random"], trainer.device, trainer.group):  # another result anyway
        seed_epoch((trainer.seed, trainer.epoch, trainer.position), trainer.group.rank)
