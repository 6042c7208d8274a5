"""A call in several processes at once, which work on one thing."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from benchmarks.executors.fork_server import ForkServer
from benchmarks.executors.stopping import Stop, Stopped

_LEAVE = 10.0  # seconds in which the others end once the first one has


def call_together(
    server: ForkServer,
    environments: Sequence[Mapping[str, str]],
    first: tuple[Any, ...],
    other: tuple[Any, ...],
) -> Any:
    """What the first process yields; there is one for each of the environments.

    `first` is the function that it calls, and its arguments; `other` is what each other one calls.

    Raises:
        Exception: what `first` raised; or what another raised that had ended before it.
    """
    failed, done = Stop(leave=_LEAVE), Stop(leave=_LEAVE)
    others = [_Other(server, other, variables, failed, done) for variables in environments[1:]]
    for each in others:
        each.start()
    try:
        (found,) = server.call(*first, environment=environments[0], cancelled=failed)
    except Stopped:
        errors = [each.error for each in others if each.error]
        if errors and not server.stopping:  # else they have only lost the first one
            raise errors[0] from None
        raise
    finally:
        done.request()
        for each in others:
            each.join()
    return found


class _Other(threading.Thread):
    """A process beside the first one; where it fails, so does the first."""

    def __init__(
        self, server: ForkServer, call: tuple[Any, ...], environment: Mapping[str, str], failed: Stop, done: Stop
    ) -> None:
        super().__init__(daemon=True)
        self._calls: Callable[[], Iterator[Any]] = lambda: server.call(*call, environment=environment, cancelled=done)
        self._failed, self._done = failed, done
        self.error: Exception | None = None

    def run(self) -> None:
        """Wait for its end."""
        try:
            with suppress(Stopped):
                for _ in self._calls():
                    pass
        except Exception as error:
            if not self._done.requested:
                self.error = error
                self._failed.request()
