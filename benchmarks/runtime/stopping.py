"""What ends a command, or a part of its work, on request."""

import threading
import time

_LEAVE = 30.0  # seconds


class Stopped(BaseException):
    """A stop was requested; no failure of what was called, so no `Exception`."""


class Stop:
    """A request to stop, made in any thread and polled by whoever can stop.

    Args:
        leave: seconds of grace, after which work is ended.
    """

    def __init__(self, leave: float = _LEAVE) -> None:
        self._leave = leave
        self._until: float | None = None
        self._made = threading.Event()

    def request(self) -> None:
        """Make it."""
        self._until = time.monotonic() + self._leave
        self._made.set()

    def wait(self, seconds: float) -> bool:
        """Wait for it, at most so long; whether it was made."""
        return self._made.wait(seconds)

    @property
    def requested(self) -> bool:
        """Whether it was made."""
        return self._until is not None

    @property
    def overdue(self) -> bool:
        """Whether the time to take leave is over."""
        return self._until is not None and time.monotonic() >= self._until
