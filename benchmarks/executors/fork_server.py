"""Functions called in processes of their own, forked from a server whose imports are done.

What a call does to its process ends with it, and a start takes milliseconds. multiprocessing's
fork server would import the user's main module again: a notebook and standard input have none,
and a script would have to guard it.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from benchmarks.executors.stopping import Stopped

_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from benchmarks.executors.fork_child import serve; serve(int(sys.argv[2]), sys.argv[3])"
)
_TICK = 0.5  # seconds between looks at the clock
_LEAVE = 30.0  # seconds
_ENDING = 5.0  # seconds in which a process ends that has closed its pipe
_TAIL = 300  # characters of its last output that a reason quotes


class ProcessDied(RuntimeError):
    """A called function's process ended without an answer; the message says how."""


class ForkServer:
    """The server, which starts at once: what it imports takes seconds. Used by `with`.

    Args:
        module: what it imports before the first call.
    """

    def __init__(self, module: str = "benchmarks.executors.preload") -> None:
        self._module, self._answered = module, False
        self._child: int | None = None
        self._stopping: float | None = None  # until when a child may take leave
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the server, and whatever calls are still under way."""
        self._control.close()
        if not self._answered:
            self._server.kill()  # in the middle of its imports it would not notice
        self._server.wait()

    def stop(self) -> None:
        """Have the call that is under way end within half a minute, and all later ones at once."""
        self._stopping = time.monotonic() + _LEAVE
        self.signal(signal.SIGTERM)

    def signal(self, number: int) -> None:
        """Send a signal to the process of the call that is under way."""
        if self._child is not None:
            with suppress(ProcessLookupError):
                os.kill(self._child, number)

    def call(self, function: Callable[..., Iterator[Any]], *arguments: Any, timeout: float | None = None) -> Any:
        """What `function` yields, one after another, each within `timeout` seconds.

        Both ends see the same files, folder and environment. What it prints is in a file that
        ends with the call, and of which the last line explains a death.

        Raises:
            ProcessDied: the process ended before the function, or was silent too long and was killed.
            Stopped: `stop` was called.
            Exception: what the function raised.
        """
        if self._stopping is not None:
            raise Stopped
        with tempfile.TemporaryFile() as output:
            answers, status = self._fork(output)
            with answers, status:  # the server ends a process that nobody waits for
                with suppress(OSError):  # it may have died; then there is no answer either
                    answers.send((function, arguments, os.fspath(Path.cwd()), dict(os.environ), sys.path))
                try:
                    self._child = self._pid(status, timeout)
                    if self._stopping is not None:  # since before there was a child
                        self.signal(signal.SIGTERM)
                    while True:
                        kind, value = self._answer(answers, status, output, timeout)
                        self._answered = True
                        if kind == "end":
                            return
                        if kind == "raised":
                            raise value
                        yield value
                finally:
                    self._child = None

    def _answer(
        self, answers: Connection, status: Connection, output: IO[bytes], timeout: float | None
    ) -> tuple[str, Any]:
        """The next answer; a helper that outlives its process may hold the pipe open, so its end counts too."""
        ready = self._wait([answers, status], timeout)
        if answers in ready or answers.poll():
            with suppress(EOFError, OSError):
                found: tuple[str, Any] = answers.recv()
                return found
        if self._stopping is not None:
            raise Stopped
        raise ProcessDied(_death(status, output))

    def _pid(self, status: Connection, timeout: float | None) -> int | None:
        """The number of the child's process, which is the first that the server says of it."""
        self._wait([status], timeout)
        try:
            number: int = status.recv()
        except (EOFError, OSError):
            return None
        return number

    def _wait(self, connections: list[Connection], timeout: float | None) -> list[Any]:
        """Those that have something to read, once one has."""
        end = None if timeout is None else time.monotonic() + timeout
        while not (ready := wait(connections, _TICK)):
            now = time.monotonic()
            if end is not None and now >= end:
                raise ProcessDied(f"no answer for {timeout:.0f} s")
            if self._stopping is not None and now >= self._stopping:
                raise Stopped
        return ready

    def _start(self) -> None:
        self._control, theirs = socket.socketpair()
        words = [json.dumps(list(map(str, sys.path))), str(theirs.fileno()), self._module]
        with theirs:
            self._server = subprocess.Popen(
                [sys.executable, "-P", "-c", _START, *words],  # -P: no module of the working folder
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # who is interrupted is this process
            )

    def _fork(self, output: IO[bytes]) -> tuple[Connection, Connection]:
        ours, theirs = zip(*(socket.socketpair() for _ in range(2)), strict=True)
        descriptors = [*(each.fileno() for each in theirs), output.fileno()]
        try:
            socket.send_fds(self._control, [b"."], descriptors)
        except OSError:  # somebody killed the server
            self.close()
            self._answered = False
            self._start()
            socket.send_fds(self._control, [b"."], descriptors)
        for each in theirs:
            each.close()
        answers, status = (Connection(each.detach()) for each in ours)
        return answers, status


def _death(status: Connection, output: IO[bytes]) -> str:
    try:
        code = status.recv() if status.poll(_ENDING) else None
    except (EOFError, OSError):
        return "its process was killed, with the server that had started it"
    output.seek(max(0, output.seek(0, os.SEEK_END) - _TAIL))
    last = " ".join(output.read().decode(errors="replace").split())
    output_text = f"; its last output: {last}" if last else ""
    if code is None:
        return f"it closed its pipes and went on{output_text}"
    if code < 0:
        why = f"its process was ended by {signal.Signals(-code).name}: it was killed, or the memory was not enough"
        return why + output_text
    return f"its process ended by itself with exit code {code}{output_text}"
