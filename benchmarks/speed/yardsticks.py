"""What this machine can do at best: its rate in matrix products."""

import torch

from benchmarks.speed.pairs import Rounds, Spread, Stopwatch, clocked

SIDE = 2048
_TRIES = 3


def gemm(dtype: torch.dtype, side: int = SIDE) -> Stopwatch:
    """The seconds of a product of two square matrices, the quickest of three, on the threads that torch has."""
    generator = torch.Generator().manual_seed(0)
    left, right = (torch.randn(side, side, generator=generator).to(dtype) for _ in range(2))
    out = torch.empty(side, side, dtype=dtype)
    return clocked(lambda: torch.mm(left, right, out=out), _TRIES)


def product_operations(side: int = SIDE) -> float:
    """Floating-point operations of one such product."""
    return 2.0 * side**3


def share(rounds: Rounds, operations: float, product: str, side: int = SIDE) -> Spread:
    """The rate of our work, which has so many operations, over the machine's own in matrix products."""
    return rounds.ratio(product).times(operations / product_operations(side))
