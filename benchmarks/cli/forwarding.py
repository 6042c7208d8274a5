"""A scheduler's signals, passed on to what runs."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.executors.fork_server import ForkServer


@contextmanager
def forwarding(server: ForkServer) -> Iterator[None]:
    """Let the cell that runs save its state when a scheduler warns: by SIGTERM before the end, by SIGUSR1 meanwhile."""
    handlers = {signal.SIGTERM: lambda *_: server.stop(), signal.SIGUSR1: lambda *_: server.signal(signal.SIGUSR1)}
    earlier = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, before in earlier.items():
            signal.signal(number, before)
