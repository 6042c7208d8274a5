"""A Java program that stays and answers lines with lines; it neither hangs, nor lags behind, nor is left over."""

import os
import selectors
import subprocess
import tempfile
import threading
import weakref
from collections.abc import Iterable
from typing import IO

from benchmarks.metrics.java.process import FLAGS, JavaError, NoJava, find, inherited, last_words, unusable


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
                    [self._java, *FLAGS, *self._arguments],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=self._errors,
                    bufsize=0,
                    env=inherited(os.environ),
                )
            except OSError as error:
                self._errors.close()
                raise unusable(self._java, str(error), NoJava) from None
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
                    raise unusable(self._java, f"no answer for {self._timeout:.0f} s")
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
        raise unusable(self._java, "more lines than were requested")

    def _send(self, pipe: int, text: memoryview) -> int:
        try:
            return os.write(pipe, text)
        except BrokenPipeError:
            raise self._ended() from None

    def _ended(self) -> JavaError:
        self._errors.seek(0)
        return unusable(self._java, f"it ended, {last_words(self._errors.read())}")


def _end(process: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
    with errors, process:
        process.kill()
