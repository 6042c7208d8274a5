"""The value that was made last."""

from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


def _leave(_value: object) -> None:
    """Nothing has to be closed."""


class Latest(Generic[K, V]):
    """The value that was made last, for whoever asks for the same key again; `close` ends those before it.

    One is enough: cells run in an order in which those that share something follow each other.
    """

    def __init__(self, close: Callable[[V], None] = _leave) -> None:
        self._close = close
        self._held: tuple[K, V] | None = None

    def get(self, key: K, make: Callable[[], V]) -> V:
        """The value of `key`, made now unless it was the last one; the one before goes first, for its memory."""
        if self._held is None or self._held[0] != key:
            self.drop()
            self._held = (key, make())
        return self._held[1]

    def drop(self) -> None:
        """Close what is held, and hold nothing."""
        held, self._held = self._held, None
        if held is not None:
            self._close(held[1])
