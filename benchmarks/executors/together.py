"""A call in several processes at once, which work on one thing."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from benchmarks.executors.fork_server import ForkServer
from benchmarks.executors.limits import NO_LIMITS, Limits
from benchmarks.runtime.launch import LostProcess
from benchmarks.runtime.stopping import Stop, Stopped

_LEAVE = 10.0  # seconds in which the others end once the first one has
_TICK = 1.0  # seconds


def call_together(
    server: ForkServer,
    environments: Sequence[Mapping[str, str]],
    first: tuple[Any, ...],
    other: tuple[Any, ...],
    elsewhere: Callable[[], Exception | None] = lambda: None,
    limits: Limits = NO_LIMITS,
) -> Any:
    """What the first process yields; there is one for each of the environments.

    `first` is the function that it calls, and its arguments; `other` is what each other one calls.
    `elsewhere` is polled for a failure of another command's processes. The first process has the `limits`; of the
    others, which may rightly wait for it, only the memory is limited.

    Raises:
        Exception: what `first` raised; or why another one, or one elsewhere, has failed before it.
    """
    failed, done = Stop(leave=_LEAVE), Stop(leave=_LEAVE)
    own = Limits(memory=limits.memory)
    others: list[_Beside] = [_Other(server, other, own, variables, failed, done) for variables in environments[1:]]
    others += [_Elsewhere(elsewhere, failed, done)]
    for each in others:
        each.start()
    found = None
    try:
        (found,) = server.call(*first, limits=limits, environment=environments[0], cancelled=failed)
    except Stopped:
        if server.stopping:
            raise
    finally:
        done.request()
        for each in others:
            each.join()
    if errors := [each.error for each in others if each.error]:
        raise errors[0]
    return found


class _Beside(threading.Thread):
    """Something beside the first process; where it fails, that one is stopped."""

    def __init__(self, failed: Stop, done: Stop) -> None:
        super().__init__(daemon=True)
        self.failed, self.done = failed, done
        self.error: Exception | None = None

    def fail(self, error: Exception) -> None:
        """Unless all is over."""
        if not self.done.requested:
            self.error = error
            self.failed.request()


class _Other(_Beside):
    """A process."""

    def __init__(
        self,
        server: ForkServer,
        call: tuple[Any, ...],
        limits: Limits,
        environment: Mapping[str, str],
        failed: Stop,
        done: Stop,
    ) -> None:
        super().__init__(failed, done)
        self._calls: Callable[[], Iterator[Any]] = lambda: server.call(
            *call, limits=limits, environment=environment, cancelled=done
        )

    def run(self) -> None:
        """Wait for its end."""
        try:
            with suppress(Stopped, LostProcess):  # who has only lost the first one has no reason of its own
                for _ in self._calls():
                    pass
        except Exception as error:
            self.fail(error)


class _Elsewhere(_Beside):
    """Other commands' processes."""

    def __init__(self, ask: Callable[[], Exception | None], failed: Stop, done: Stop) -> None:
        super().__init__(failed, done)
        self._ask = ask

    def run(self) -> None:
        """Ask until the end."""
        try:
            while not self.done.wait(_TICK):
                if error := self._ask():
                    raise error
        except Exception as error:
            self.fail(error)
