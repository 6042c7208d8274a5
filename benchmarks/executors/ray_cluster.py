"""A cluster of Ray: joined, or started on this machine, and what it has room for."""

import logging
import os
import signal
import socket
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.runtime.extras import extra

_UNITS = {"CPU": "cores", "GPU": "GPUs", "memory": "GB"}
_PATIENCE = 10.0  # seconds until an address answers
_STORE = 2**27  # bytes; records alone go through it


@dataclass(frozen=True)
class Demand:
    """What a cell takes: cores, GPUs or a part of one, and GB of memory, where 0 takes whatever there is."""

    cpus: int
    gpus: float
    memory: float

    @property
    def options(self) -> dict[str, Any]:
        """As Ray's actors take it."""
        return {"num_cpus": self.cpus, "num_gpus": self.gpus, "memory": int(self.memory * 1e9) or None}

    def fits(self, node: Mapping[str, float]) -> int:
        """How many cells fit on a node at once."""
        wanted = {"CPU": self.cpus, "GPU": self.gpus, "memory": int(self.memory * 1e9)}
        there = dict(node)
        if 0 < self.gpus < 1:  # all of a cell's part is of one GPU
            wanted["GPU"], there["GPU"] = 1, int(node.get("GPU", 0)) * int(1 / self.gpus + 1e-9)
        return int(min(there.get(name, 0) // amount for name, amount in wanted.items() if amount))

    def __str__(self) -> str:
        return _text({"CPU": self.cpus, "GPU": self.gpus, "memory": self.memory * 1e9})


def connect(address: str | None) -> Any:
    """Ray, which has joined the cluster at an address, or has started on this machine where there is none.

    Raises:
        ValueError: Ray is not installed, or there is no such cluster.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address is None:
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # on any system: nothing but loopback
    elif address != "auto":
        _require(address)
    ray = extra("ray")
    own: dict[str, Any] = {} if address else {"include_dashboard": False, "object_store_memory": _STORE}
    ours = {"worker_process_setup_hook": "caption_zoo.require"}  # workers have this one's folder in Python's path
    handler = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address or "local", runtime_env=ours, log_to_driver=False, logging_level=logging.ERROR, **own)
    except (OSError, RuntimeError, ValueError) as error:
        raise ValueError(f"ray(address={address!r}): {' '.join(str(error).split())}") from error
    finally:
        signal.signal(signal.SIGTERM, handler)  # ray.init puts in one of its own
    return ray


def _require(address: str) -> None:
    """Try the address, since Ray tries one that is wrong for minutes."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=_PATIENCE).close()
    except (OSError, ValueError) as error:
        raise ValueError(f"there is no Ray cluster at {address}: {error}; an address is host:port, or auto") from None


def room(ray: Any, demand: Demand, without: Collection[str] = ()) -> int:
    """How many cells fit on the cluster at once, `without` some nodes."""
    return sum(demand.fits(node["Resources"]) for node in _nodes(ray) if node["NodeID"] not in without)


def shortage(ray: Any, demand: Demand) -> str:
    """That no node has what a cell needs, and what there is."""
    there = "; ".join(sorted(_text(node["Resources"]) for node in _nodes(ray)))
    return f"no node of the Ray cluster has {demand}, as a cell needs them: there are nodes with {there}"


def available(ray: Any) -> str:
    """What nobody uses now, of all nodes together."""
    return _text(ray.available_resources())


def _nodes(ray: Any) -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"]]


def _text(resources: Mapping[str, float]) -> str:
    amounts = {name: resources.get(name, 0) / (1e9 if name == "memory" else 1) for name in _UNITS}
    return ", ".join(f"{amounts[name]:.3g} {unit}" for name, unit in _UNITS.items() if amounts[name] or name == "GPU")
