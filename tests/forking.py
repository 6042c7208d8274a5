"""Commands in processes of their own, forked from one that has imported everything: their start takes no seconds.

Such a process is as good as `python -m benchmarks.cli.main` wherever it is killed, fails or is
interrupted. What a command imports, and when, only a real start shows.
"""

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.cli.main import entry_point
from benchmarks.executors.fork_child import serve
from benchmarks.executors.fork_server import ForkServer

_FORKS = get_context("forkserver")
_IMPORTED = ("benchmarks.executors.preload", "benchmarks.executors.schedule", "benchmarks.leaderboard")
_FORKS.set_forkserver_preload(["forking", *_IMPORTED])


class Ended(NamedTuple):
    """What a command printed, and how it ended: negative for the signal that killed it."""

    returncode: int
    stdout: str
    stderr: str


class Forked:
    """A process that calls `function`; what it prints goes to files in `folder`, which is its working folder."""

    def __init__(
        self, function: Callable[..., Any], *arguments: Any, folder: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self._streams = [folder / f"{name}-{os.urandom(4).hex()}" for name in ("stdout", "stderr")]
        self._process = _FORKS.Process(
            target=_begin, args=(self._streams, os.fspath(folder), dict(environment or os.environ), function, arguments)
        )
        self._process.start()

    @property
    def pid(self) -> int:
        """Of the process, which leads a session of its own."""
        assert self._process.pid is not None
        return self._process.pid

    def runs(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.is_alive()

    def end(self, timeout: float = 300) -> Ended:
        """Wait for it."""
        self._process.join(timeout)
        assert self._process.exitcode is not None, f"no end after {timeout} s"
        texts = [path.read_text(encoding="utf-8") if path.exists() else "" for path in self._streams]
        for path in self._streams:
            path.unlink(missing_ok=True)
        return Ended(self._process.exitcode, *texts)


def caption_zoo(*words: str, folder: Path, **options: Any) -> Forked:
    """Start the command `caption-zoo` with these words."""
    return Forked(_command, *map(str, words), folder=folder, **options)


def until(condition: Callable[[], Any], running: Forked | None = None, seconds: float = 120) -> Any:
    """What `condition` gives once that is something; fails where `running` has ended before."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert running is None or running.runs(), running.end()
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
    return found


def _command(*words: str) -> None:
    sys.argv = ["caption-zoo", *words]
    ForkServer._start = _fork_server
    entry_point()


class _Server:
    def __init__(self, process: int) -> None:
        self._process = process

    def kill(self) -> None:
        os.kill(self._process, signal.SIGKILL)

    def wait(self) -> None:
        with suppress(ChildProcessError):  # a second time
            os.waitpid(self._process, 0)


def _fork_server(self: ForkServer) -> None:
    """Start the server as a fork of this process, which has its imports too."""
    self._control, theirs = socket.socketpair()
    process = os.fork()
    if not process:
        self._control.close()
        os.setsid()
        serve(theirs.fileno(), self._module)
    theirs.close()
    self._server = _Server(process)


def _begin(
    streams: list[Path], folder: str, environment: dict[str, str], function: Callable[..., Any], arguments: tuple[Any]
) -> None:
    os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:0] = [place for place in environment.get("PYTHONPATH", "").split(os.pathsep) if place]
    for number, path in enumerate(streams, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    function(*arguments)
