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
from benchmarks.executors.worker import Worker, give_up
from benchmarks.records.record import RunRecord
from benchmarks.runtime.extras import extra
from benchmarks.runtime.revision import differ, revision
from benchmarks.runtime.stopping import Stopped


class Place(NamedTuple):
    """The host and the node of Ray where an actor is, and why no cell can run there, if so."""

    host: str
    node: str
    fault: str | None = None


class Runner:
    """Runs one cell at a time, in processes of its own; `stop` and `close` are called meanwhile.

    Every record is published here, so nothing is lost with the command that has started it.

    Args:
        mark: a folder that the command has put into that of the runs, for lines of cells.
        revision: of the command's caption-zoo.
        folder: where that command works, to which paths are relative.
    """

    def __init__(
        self, setup: RunSetup, mark: Path, revision: tuple[str, str | None], folder: Path, cpus: int, gpus: float
    ) -> None:
        self._setup, self._mark, self._revision, self._folder = setup, mark, revision, folder
        self._cpus, self._gpus = cpus, gpus

    def start(self) -> Place:
        """Make ready, where cells can run."""
        place = Place(socket.gethostname(), extra("ray").get_runtime_context().get_node_id(), self._fault())
        if not place.fault:
            restrict_environment(self._setup.resources.launch, self._cpus, self._gpus)
            self._server = ForkServer()
            self._site = Site(self._server, self._setup)
        return place

    def _fault(self) -> str | None:
        """Why no cell can run here."""
        if differ(here := revision(), self._revision):
            ours, theirs = (f"{version}, commit {commit or 'unknown'}" for version, commit in (here, self._revision))
            return f"caption-zoo is {ours}, and where the command runs {theirs}: install the same on each node"
        try:
            os.chdir(self._folder)
            with tempfile.TemporaryFile(prefix=".", dir=self._setup.out):
                self._mark.stat()
            self._setup.cache.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            return (
                f"{error.filename}: {error.strerror}. Each node needs the folder {self._folder} and that of "
                "--out, on a file system that they share, and a place for --cache"
            )
        return None

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
