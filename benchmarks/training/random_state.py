"""The random numbers of training: where they begin, and where they are."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from benchmarks.runtime.process_group import ProcessGroup

State = dict[str, Tensor]


def seed_epoch(of: Sequence[int], rank: int) -> None:
    """Seed torch by a training's seed, the epoch, and the position in it where that is not its start.

    Each process has other numbers: what one drops, the next one may keep.
    """
    seed, *places = of
    if rank or len(places) > 1:
        number = int(np.random.SeedSequence((*of, rank)).generate_state(1, np.uint64)[0]) >> 1
    else:
        number = seed * 1000 + places[0]
    torch.manual_seed(number)


def random_state(device: torch.device) -> State:
    """Where this process is in its random numbers."""
    states = {"cpu": torch.get_rng_state()}
    return states | ({"cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else {})


def set_random_state(states: Sequence[State], device: torch.device, group: ProcessGroup) -> bool:
    """Go on where the process of this rank was; False where there were others, or they had another kind of device."""
    if len(states) != group.size or device.type not in states[group.rank]:
        return False
    torch.set_rng_state(states[group.rank]["cpu"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(states[group.rank]["cuda"], device)
    return True
