"""The caller's end of a process that the fork server has made."""

import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import IO, Any

from benchmarks.executors.stopping import Stop, Stopped

_TICK = 0.5  # seconds between looks at the clock
_ENDING = 5.0  # seconds in which a process ends that has closed its pipe
_TAIL = 300  # characters of its last output that a reason quotes


class ProcessDied(RuntimeError):
    """A called function's process ended without an answer; the message says how."""


class Call:
    """Waits for the answers of a process, each for `timeout` seconds, as long as none of `stops` is overdue.

    `status` has the process's number first, and its exit code at last; `output` what it printed.
    """

    def __init__(
        self,
        answers: Connection,
        status: Connection,
        output: IO[bytes],
        timeout: float | None,
        stops: Sequence[Stop],
    ) -> None:
        self._answers, self._status, self._output = answers, status, output
        self._timeout, self._stops = timeout, stops

    def pid(self) -> int | None:
        """The number of the process; None where none could be had."""
        self._wait([self._status])
        try:
            number: int = self._status.recv()
        except (EOFError, OSError):
            return None
        return number

    def answer(self) -> tuple[str, Any]:
        """The next answer; a helper that outlives its process may hold the pipe open, so its end counts too.

        Raises:
            ProcessDied: it ended, or was silent too long.
            Stopped: a stop was requested, and it ended or is overdue.
        """
        ready = self._wait([self._answers, self._status])
        if self._answers in ready or self._answers.poll():
            with suppress(EOFError, OSError):
                found: tuple[str, Any] = self._answers.recv()
                return found
        if any(stop.requested for stop in self._stops):
            raise Stopped
        raise ProcessDied(self._death())

    def _wait(self, connections: list[Connection]) -> list[Any]:
        """Those that have something to read, once one has."""
        end = None if self._timeout is None else time.monotonic() + self._timeout
        while not (ready := wait(connections, _TICK)):
            if end is not None and time.monotonic() >= end:
                raise ProcessDied(f"no answer for {self._timeout:.0f} s")
            if any(stop.overdue for stop in self._stops):
                raise Stopped
        return ready

    def _death(self) -> str:
        try:
            code = self._status.recv() if self._status.poll(_ENDING) else None
        except (EOFError, OSError):
            return "its process was killed, with the server that had started it"
        self._output.seek(max(0, self._output.seek(0, os.SEEK_END) - _TAIL))
        last = " ".join(self._output.read().decode(errors="replace").split())
        output_text = f"; its last output: {last}" if last else ""
        if code is None:
            return f"it closed its pipes and went on{output_text}"
        if code < 0:
            why = f"its process was ended by {signal.Signals(-code).name}: it was killed, or the memory was not enough"
            return why + output_text
        return f"its process ended by itself with exit code {code}{output_text}"
