"""Floating-point operations, counted."""

from collections.abc import Callable

from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode


def operations(work: Callable[[], object]) -> int:
    """Floating-point operations of `work`, in matrix products and convolutions.

    torch counts none in the attention kernels of a processor, so attention is made of plain products here.
    """
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counted:
        work()
    return int(counted.get_total_flops())
