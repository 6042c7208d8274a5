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
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Any

from benchmarks.executors.fork_call import Call
from benchmarks.executors.limits import NO_LIMITS, Limits
from benchmarks.runtime.closing import Closing
from benchmarks.runtime.stopping import Stop, Stopped

_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); import caption_zoo; caption_zoo.require(); "
    "from benchmarks.executors.fork_child import serve; serve(int(sys.argv[2]), sys.argv[3])"
)


class ForkServer(Closing):
    """The server, which starts at once: what it imports takes seconds. Used by `with`.

    Args:
        module: what it imports before the first call.
    """

    def __init__(self, module: str = "benchmarks.executors.preload") -> None:
        self._module, self._answered = module, False
        self._children: set[int] = set()
        self._lock = threading.Lock()
        self._stop = Stop()
        self._start()

    def close(self) -> None:
        """End the server, and whatever calls are still under way, which are stopped at once."""
        self._stop.request()
        with self._lock:
            self._end()

    def _end(self) -> None:
        self._control.close()
        if not self._answered:
            self._server.kill()  # in the middle of its imports it would not notice
        self._server.wait()

    def stop(self) -> None:
        """Have the calls that are under way end within half a minute, and all later ones at once."""
        self._stop.request()
        self.signal(signal.SIGTERM)

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stop.requested

    def wait_for_stop(self, seconds: float) -> bool:
        """Whether `stop` was called, or is within so many seconds."""
        return self._stop.wait(seconds)

    def signal(self, number: int) -> None:
        """Send a signal to the processes of the calls that are under way."""
        for child in set(self._children):
            with suppress(ProcessLookupError):
                os.kill(child, number)

    def call(
        self,
        function: Callable[..., Iterator[Any]],
        *arguments: Any,
        limits: Limits = NO_LIMITS,
        environment: Mapping[str, str] | None = None,
        cancelled: Stop | None = None,
    ) -> Any:
        """What `function` yields, one after another.

        Both ends see the same files, folder and environment, but for the variables of `environment`
        beside. Several threads may call; `cancelled` ends this call alone. What it prints is in a file that
        ends with the call, and of which the last line explains a death.

        Raises:
            ProcessDied: the process ended before the function, or was killed beyond one of the `limits`.
            Stopped: `stop` was called, or `cancelled` was requested.
            Exception: what the function raised.
        """
        if self._stop.requested:
            raise Stopped
        with tempfile.TemporaryFile() as output:
            answers, status = self._fork(output)
            with answers, status:  # the server ends a process that nobody waits for
                with suppress(OSError):  # it may have died; then there is no answer either
                    variables = {**os.environ, **(environment or {})}
                    answers.send((function, arguments, os.fspath(Path.cwd()), variables, sys.path))
                stops = [self._stop, *([cancelled] if cancelled else [])]
                call, child = Call(answers, status, output, limits, stops), None
                try:
                    child = call.pid()
                    if child is not None:
                        self._children.add(child)
                    if self._stop.requested:  # since before there was a child
                        self.signal(signal.SIGTERM)
                    while True:
                        kind, value = call.answer()
                        self._answered = True
                        if kind == "end":
                            return
                        if kind == "raised":
                            raise value
                        yield value
                finally:
                    self._children.discard(child)

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
        with self._lock:
            if self._stop.requested:  # the server may be closed, and is not to be started again
                raise Stopped
            return self._forked(output)

    def _forked(self, output: IO[bytes]) -> tuple[Connection, Connection]:
        ours, theirs = zip(*(socket.socketpair() for _ in range(2)), strict=True)
        descriptors = [*(each.fileno() for each in theirs), output.fileno()]
        try:
            socket.send_fds(self._control, [b"."], descriptors)
        except OSError:  # somebody killed the server
            self._end()
            self._answered = False
            self._start()
            socket.send_fds(self._control, [b"."], descriptors)
        for each in theirs:
            each.close()
        answers, status = (Connection(each.detach()) for each in ours)
        return answers, status
