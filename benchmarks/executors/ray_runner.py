"""The actor that runs cells where Ray has placed it."""

import os
import socket
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from benchmarks.executors.allotment import restrict_environment
from benchmarks.executors.fork_server import ForkServer
from benchmarks.executors.setup import RunSetup, Task
from benchmarks.executors.site import Failure, Site
from benchmarks.executors.stopping import Stopped
from benchmarks.executors.worker import Worker, give_up
from benchmarks.records.record import RunRecord


class Place(NamedTuple):
    """Where an actor is, and an empty file that it has put into the folder of runs."""

    host: str
    mark: str


class Runner:
    """Runs one cell at a time, in processes of its own; `stop` and `close` are called meanwhile.

    Every record is published here, so nothing is lost with the command that has started it.

    Args:
        folder: where that command works, to which paths are relative.
    """

    def __init__(self, setup: RunSetup, folder: Path, cpus: int, gpus: float) -> None:
        self._setup, self._folder, self._cpus, self._gpus = setup, folder, cpus, gpus

    def start(self) -> Place:
        """Make ready.

        Raises:
            ValueError: a folder of the command is not there.
        """
        host = socket.gethostname()
        try:
            os.chdir(self._folder)
            handle, mark = tempfile.mkstemp(prefix=".shared-", dir=self._setup.out)
            os.close(handle)
            self._setup.cache.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ValueError(
                f"{host}: {error.filename}: {error.strerror}. Each node needs the folder {self._folder} and that of "
                "--out, on a file system that they share, and a place for --cache"
            ) from None
        restrict_environment(self._setup.resources.launch, self._cpus, self._gpus)
        self._server = ForkServer()
        self._site = Site(self._server, self._setup)
        return Place(host, Path(mark).name)

    def run(self, task: Task, neighbours: int) -> RunRecord | None:
        """As `Worker.run`, on a machine that runs so many cells at once; None where it was stopped, too."""
        resources = replace(self._setup.resources, workers=neighbours)
        try:
            return Worker(self._site, resources).run(task)
        except Stopped:
            return None

    def give_up(self, task: Task, failure: Failure) -> RunRecord | None:
        """Record the cell as failed, as `worker.give_up` does."""
        return give_up(task, failure, self._setup, self._site.cells)

    def stop(self) -> None:
        """Have the cell save its state and end."""
        self._server.stop()

    def close(self) -> None:
        """End the cell, and all that was started."""
        self._server.close()
        self._site.close()
