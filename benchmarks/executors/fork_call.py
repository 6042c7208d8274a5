"""The caller's end of a process that the fork server has made."""

import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import IO, Any

from benchmarks.executors.limits import Limits, memory_of
from benchmarks.records.outcome import Outcome
from benchmarks.runtime.stopping import Stop, Stopped

_TICK = 0.5  # seconds between looks at the clock
_SUSPENDED = 10.0  # seconds between looks that should be half a second apart
_ENDING = 5.0  # seconds in which a process ends that has closed its pipe
_TAIL = 300  # characters of its last output that a reason quotes
_FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class ProcessDied(RuntimeError):
    """A called function's process ended without an answer, or was ended; message and `outcome` say how."""

    def __init__(self, message: str, outcome: Outcome = "crashed") -> None:
        super().__init__(message)
        self.outcome = outcome

    def __reduce__(self) -> tuple[type["ProcessDied"], tuple[str, Outcome]]:
        return type(self), (str(self), self.outcome)


class Call:
    """Waits for the answers of a process, within its limits, and as long as none of `stops` is overdue.

    `status` has the process's number first, and its exit code at last; `output` what it printed.
    """

    def __init__(
        self,
        answers: Connection,
        status: Connection,
        output: IO[bytes],
        limits: Limits,
        stops: Sequence[Stop],
    ) -> None:
        self._answers, self._status, self._output = answers, status, output
        self._limits, self._stops = limits, stops
        self._started = self._heard = time.monotonic()
        self._number: int | None = None
        self._doing = ""

    def pid(self) -> int | None:
        """The number of the process; None where none could be had."""
        self._wait([self._status])
        with suppress(EOFError, OSError):
            self._number = self._status.recv()
        return self._number

    def answer(self) -> tuple[str, Any]:
        """The next answer; a helper that outlives its process may hold the pipe open, so its end counts too.

        Raises:
            ProcessDied: it ended, or came to a limit.
            Stopped: a stop was requested, and it ended or is overdue.
        """
        while self._answers in self._wait([self._answers, self._status]) or self._answers.poll():
            try:
                found: tuple[str, Any] = self._answers.recv()
            except (EOFError, OSError):
                break
            self._heard = time.monotonic()
            if found[0] != "alive":
                return found
            self._doing = found[1]
        died = self._death()
        if any(stop.requested for stop in self._stops):  # a signal to all may have come here first
            raise Stopped
        raise died

    def _wait(self, connections: list[Connection]) -> list[Any]:
        """Those that have something to read, once one has."""
        ready: list[Any] = []
        last_tick = time.monotonic()
        while not ready:
            ready = wait(connections, _TICK)
            last_tick, gap = time.monotonic(), time.monotonic() - last_tick
            if gap > _SUSPENDED:  # this process was stopped too, so the other one has had no time
                self._started, self._heard = self._started + gap, self._heard + gap
            self._end_beyond_limits(silent=not ready)
            if not ready and any(stop.overdue for stop in self._stops):
                raise Stopped
        return ready

    def _end_beyond_limits(self, *, silent: bool) -> None:
        limits, now = self._limits, time.monotonic()
        doing = f", the last of it {self._doing}" if self._doing else ""
        if limits.time is not None and now - self._started >= limits.time:
            raise ProcessDied(f"not at its end after {limits.time:g} s{doing}", "time_limit")
        if silent and limits.silence is not None and now - self._heard >= limits.silence:
            raise ProcessDied(f"no sign of life for {limits.silence:g} s{doing}", "silent")
        if limits.memory is not None and self._number and (held := memory_of(self._number)) > limits.memory:
            why = f"it held {held / 1e9:.1f} GB, and may hold {limits.memory / 1e9:g}{doing}"
            raise ProcessDied(why, "out_of_memory")

    def _death(self) -> ProcessDied:
        try:
            code = self._status.recv() if self._status.poll(_ENDING) else None
        except (EOFError, OSError):
            return ProcessDied("its process was killed, with the server that had started it", "killed")
        self._output.seek(max(0, self._output.seek(0, os.SEEK_END) - _TAIL))
        last = " ".join(self._output.read().decode(errors="replace").split())
        output_text = f"; its last output: {last}" if last else ""
        if code is None:
            return ProcessDied(f"it closed its pipes and went on{output_text}")
        if code < 0:
            why = f"its process was ended by {signal.Signals(-code).name}: it was killed, or the memory was not enough"
            return ProcessDied(why + output_text, "killed" if -code in _FROM_OUTSIDE else "crashed")
        return ProcessDied(f"its process ended by itself with exit code {code}{output_text}")
