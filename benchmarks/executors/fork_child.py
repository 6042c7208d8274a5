"""The server of `benchmarks.executors.fork_server`: imports, forks a process for each call, ends with its parent."""

import ctypes
import gc
import os
import pickle
import selectors
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

from benchmarks.runtime import progress

_PDEATHSIG = 1  # of Linux' prctl
_OVER = object()  # the parent is gone


def serve(control: int, module: str) -> NoReturn:
    """Fork a process for each call that comes by the socket `control`, until that is closed."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):  # schedulers send them to all
        signal.signal(number, signal.SIG_IGN)
    gc.disable()  # imports leave hardly any garbage, and looking for it takes a fifth of their time
    import_module(module)
    gc.freeze()
    gc.enable()
    _Server(socket.socket(fileno=control)).run()
    os._exit(0)


class _Server:
    """Waits for calls, for the ends of their processes, and for callers that no longer want them."""

    def __init__(self, control: socket.socket) -> None:
        self._control, self._selector = control, selectors.DefaultSelector()
        self._children: dict[int, Connection] = {}  # where each one's exit code goes
        self._woken, wake = os.pipe()
        for end in (self._woken, wake):
            os.set_blocking(end, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake)
        self._selector.register(control, selectors.EVENT_READ, self._fork)
        self._selector.register(self._woken, selectors.EVENT_READ, self._reap)

    def run(self) -> None:
        """Serve until the parent is gone; then end every child."""
        while True:
            for key, _ in self._selector.select():
                if key.data() is _OVER:
                    for child in self._children:
                        _kill(child)
                        os.waitpid(child, 0)
                    return

    def _fork(self) -> object:
        word, descriptors, *_ = socket.recv_fds(self._control, 1, 3)
        if not word:
            return _OVER
        try:
            answers, status, output = descriptors
            server, child = os.getpid(), os.fork()
        except (OSError, ValueError):  # no process can be had, or no descriptor: the caller sees the end of its pipe
            for descriptor in descriptors:
                os.close(descriptor)
            return None
        if not child:
            self._begin(server, Connection(answers), status, output)
        os.close(answers)
        os.close(output)
        self._children[child] = Connection(status)
        with suppress(OSError):
            self._children[child].send(child)
        self._selector.register(status, selectors.EVENT_READ, lambda: self._abandon(child))
        return None

    def _abandon(self, child: int) -> None:
        """Its caller is gone; or it has just ended, and the event is of before."""
        if child in self._children:
            with suppress(KeyError):
                self._selector.unregister(self._children[child].fileno())
            _kill(child)

    def _reap(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._woken, 4096)
        for child in list(self._children):
            if not _ended(child):
                continue
            _kill(child)  # what it had started and left behind, while its number is still its own
            _, code = os.waitpid(child, 0)
            status = self._children.pop(child)
            with suppress(KeyError):
                self._selector.unregister(status.fileno())
            with status, suppress(OSError):
                status.send(os.waitstatus_to_exitcode(code))

    def _begin(self, server: int, answers: Connection, status: int, output: int) -> NoReturn:
        """In a child: let go of all that is the server's, and never come back."""
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            os.setsid()
            _end_with_parent(server)
            self._selector.close()
            self._control.close()
            for other in self._children.values():
                other.close()
            os.close(status)
            _work(answers, output)
        except SystemExit as end:
            _flush()
            os._exit(end.code if isinstance(end.code, int) else int(end.code is not None))
        except BaseException:  # whatever a part makes of an interrupt
            traceback.print_exc()
        finally:
            _flush()
            os._exit(1)


def _ended(child: int) -> bool:
    """Whether it has ended, which it stays until it is waited for."""
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _work(answers: Connection, output: int) -> NoReturn:
    """Answer the call that comes, and end: without waiting for threads that it has left running."""
    with suppress(OSError):  # where memory runs out, this goes before who waits for it
        Path("/proc/self/oom_score_adj").write_text("500")
    progress.stream_to(os.dup(2))
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    function, arguments, folder, environment, path = answers.recv()
    send = _sender(answers)
    progress.report_to(lambda doing: send(("alive", doing)))
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:] = path
    try:
        for value in function(*arguments):
            send(("value", value))
        send(("end", None))
    except Exception as error:
        send(("raised", _portable(error)))
    _flush()
    os._exit(0)


def _sender(answers: Connection) -> Callable[[tuple[str, Any]], None]:
    """What sends answers, one at a time, from any thread."""
    lock = threading.Lock()

    def send(answer: tuple[str, Any]) -> None:
        with lock:
            answers.send(answer)

    return send


def _portable(error: Exception) -> Exception:
    """`error`, or one in its place where it cannot go through a pipe or is of a plug-in's own kind."""
    if isinstance(error, BrokenPipeError):  # which would pass for a reader of our output who has had enough
        return RuntimeError(f"BrokenPipeError: {error}")
    with suppress(Exception):
        if type(error).__module__.partition(".")[0] in ("builtins", "benchmarks", "registry", "zoo"):
            pickle.loads(pickle.dumps(error))
            error.add_note(traceback.format_exc())
            return error
    if isinstance(error, ValueError):  # the user's mistake, of a class that takes more than a message
        return ValueError(str(error))
    return RuntimeError(f"{type(error).__name__}: {error}")


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()


def _end_with_parent(parent: int) -> None:
    """Be killed with it, also while stopped, where the system can do that."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it has ended before
        os._exit(1)


def _kill(leader: int) -> None:
    """End a child that is not reaped yet, and its group, which it leads from its first moment but one."""
    for kill in (os.kill, os.killpg):
        with suppress(ProcessLookupError, PermissionError):
            kill(leader, signal.SIGKILL)
