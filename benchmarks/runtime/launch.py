"""The processes that train a cell together, by the environment that `torchrun` gives and schedulers can."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

_PORT = 29500  # torch's own choice


class LostProcess(RuntimeError):
    """Another process of a cell cannot be reached any more; why it ended, itself has to say."""


@dataclass(frozen=True)
class Launch:
    """The processes that a command starts for a cell: `local` of them, from rank `first` on, of `world` in all.

    master: host and port where they meet; no port is one that is free.
    started: whether `torchrun` has started this one, so that its environment is there already.
    """

    first: int = 0
    local: int = 1
    world: int = 1
    master: tuple[str, int | None] = ("127.0.0.1", None)
    started: bool = False

    @classmethod
    def of(cls, devices: int = 1, nodes: int = 1, environment: Mapping[str, str] = os.environ) -> "Launch":
        """`devices` on each of `nodes`, where a command runs on every node; or what `torchrun` has started already.

        Which node this is, NODE_RANK or SLURM_NODEID says, and MASTER_ADDR where the first one is.

        Raises:
            ValueError: the environment lacks one of them, or the numbers make no sense.
        """
        if min(devices, nodes) < 1:
            raise ValueError(f"--devices {devices} --nodes {nodes}: both are at least 1")
        if (world := _number(environment, "WORLD_SIZE", 1)) > 1:
            if devices * nodes > 1:
                raise ValueError("WORLD_SIZE is set, as torchrun does it: leave out --devices and --nodes")
            return cls(_number(environment, "RANK"), 1, world, _master(environment), started=True)
        if nodes == 1:
            return cls(local=devices, world=devices)
        name = "NODE_RANK" if "NODE_RANK" in environment else "SLURM_NODEID"
        node = _number(environment, name)
        if node >= nodes:
            raise ValueError(f"{name}={node} with --nodes {nodes}: nodes are counted from 0")
        return cls(node * devices, devices, devices * nodes, _master(environment))

    @property
    def commands(self) -> int:
        """How many commands work on a cell."""
        return self.world // self.local

    def environments(self, port: int | None = None) -> list[dict[str, str]]:
        """What each process gets beside its parent's, by rank; nothing where it is alone or `torchrun` has given it."""
        if self.started or self.world == 1:
            return [{}]
        host, given = self.master
        shared = {"WORLD_SIZE": self.world, "LOCAL_WORLD_SIZE": self.local, "MASTER_PORT": port or given}
        return [
            {name: str(value) for name, value in {**shared, "RANK": self.first + at, "LOCAL_RANK": at}.items()}
            | {"MASTER_ADDR": host}
            for at in range(self.local)
        ]


def rank() -> int:
    """This process's number among those that train a cell."""
    return _number(os.environ, "RANK", 0)


def local_rank() -> int:
    """Its number on its machine, which is that of its GPU; 0 where it is alone."""
    return _number(os.environ, "LOCAL_RANK", 0) if world_size() > 1 else 0


def local_world_size() -> int:
    """How many of them are on its machine."""
    return _number(os.environ, "LOCAL_WORLD_SIZE", 1)


def world_size() -> int:
    """How many there are."""
    return _number(os.environ, "WORLD_SIZE", 1)


def _number(environment: Mapping[str, str], name: str, default: int | None = None) -> int:
    text = environment.get(name)
    if text is None and default is not None:
        return default
    if text is None or not text.isdecimal():
        raise ValueError(f"the environment variable {name} should be a whole number, and is {text!r}")
    return int(text)


def _master(environment: Mapping[str, str]) -> tuple[str, int]:
    if not environment.get("MASTER_ADDR"):
        raise ValueError("several nodes need the environment variable MASTER_ADDR: the host of the first one")
    return environment["MASTER_ADDR"], _number(environment, "MASTER_PORT", _PORT)
