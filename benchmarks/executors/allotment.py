"""What a cell gets of a cluster: checked before anything starts, and made known to its processes."""

import os

from benchmarks.runtime.launch import Launch


def require_one_node(launch: Launch, gpus: float, executor: str) -> None:
    """Refuse cells that `executor` cannot place: it gives one machine, with `gpus`, to each.

    Raises:
        ValueError: the cell needs several machines, or more GPUs.
    """
    if launch.commands > 1 or launch.started:
        raise ValueError(
            f"{executor} runs each cell on one machine: leave out --nodes, or start the command on every node "
            "with the executor local"
        )
    if 0 < gpus < launch.local and launch.local > 1:
        raise ValueError(f"{executor}(gpus={gpus:g}) with --devices {launch.local}: each of the processes needs a GPU")


def restrict_environment(launch: Launch, cpus: int, gpus: float) -> None:
    """Have what this process starts use so many cores and GPUs, whatever the cluster shows beside."""
    os.environ["OMP_NUM_THREADS"] = str(max(1, cpus // launch.local))
    if not gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
