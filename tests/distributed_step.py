"""One of several processes that take steps together: `python distributed_step.py FOLDER`, in torchrun's environment."""

import sys
from pathlib import Path

import torch
from test_step import RESNET, batch, model, pixels

from benchmarks.config import Training
from benchmarks.runtime.process_group import joined
from benchmarks.training.step import TrainStep
from zoo.registries import DECODERS

STEPS = 20
ATTENTIONS = ("bahdanau(hidden_dim=8)", "luong")
CASES = {f"{decoder} + {attention}": (decoder, attention) for decoder in sorted(DECODERS) for attention in ATTENTIONS}
CASES |= {"hard": ("lstm", "hard(score='luong', soft=1.0, entropy=0.1)")}
SETTINGS = Training(learning_rate=1e-3)


def train(case, group=None, *, images=(7, 1), of=batch):
    """The step after so many; every second batch has fewer images than some groups have processes."""
    step = TrainStep.of(model(*CASES[case]), SETTINGS, {}, group=group)
    for number in range(STEPS):
        whole = of(images[number % 2], seed=number)
        step(whole.part(*step.group.share(len(whole))))
    return step


if __name__ == "__main__":
    torch.set_num_threads(1)
    with joined("test") as group:
        CASES["resnet"] = ("lstm", "luong", RESNET)
        for case in CASES:
            objective = train(case, group, of=pixels if case == "resnet" else batch).objective
            torch.save(objective.state_dict(), Path(sys.argv[1]) / f"{case.partition('(')[0]}-{group.rank}.pt")
            assert group.any(group.rank == 1, False) == (True, False)
            assert group.gather(group.rank) == list(range(group.size))
            assert group.first(group.rank + 5) == 5
