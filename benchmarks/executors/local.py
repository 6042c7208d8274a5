"""The processes of one machine: as many cells at once as there are workers."""

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from queue import Empty, SimpleQueue

from benchmarks.executors import EXECUTORS, Executor
from benchmarks.executors.fork_server import ForkServer
from benchmarks.executors.meeting import Meeting
from benchmarks.executors.setup import RunSetup, Task
from benchmarks.executors.shares import shares
from benchmarks.executors.site import Site
from benchmarks.executors.worker import Worker
from benchmarks.plan.cell import Cell
from benchmarks.records.record import RunRecord
from benchmarks.runtime.stopping import Stopped

_TICK = 0.5  # seconds between looks at what other runners have


@EXECUTORS.register("local")
class Local(Executor):
    """Processes of this machine.

    Args:
        workers: cells at once, among which cores and GPUs are divided; 0 is one for each GPU that a cell can have, and
            one on a processor.
    """

    def __init__(self, server: ForkServer, setup: RunSetup, /, *, workers: int = 0) -> None:
        launch = setup.resources.launch
        if workers > 1 and launch.commands > 1:
            raise ValueError("several nodes train one cell after another: leave out workers, or the nodes")
        self._site = Site(server, setup)
        self._meeting = Meeting(launch) if launch.commands > 1 else None
        resources = shares(server, setup.resources, workers)
        self._workers = [Worker(self._site, each, self._meeting) for each in resources]
        self._waiting: deque[Task] = deque()
        self._found: SimpleQueue[tuple[Cell, RunRecord] | BaseException] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._stopping = threading.Event()

    def each(self, tasks: Sequence[Task]) -> Iterator[tuple[Cell, RunRecord]]:
        """Run the cells, as the interface says."""
        self._join()  # of an earlier call, whose last records have been yielded
        self._waiting.extend(tasks)
        for number, worker in enumerate(self._workers[: len(tasks)]):
            thread = threading.Thread(target=self._work, args=(worker,), name=f"worker {number}", daemon=True)
            self._threads.append(thread)
            thread.start()
        for _ in tasks:
            found = self._next()
            if isinstance(found, BaseException):
                self._stopping.set()
                self._site.server.stop()  # the others save their states
                self._join()
                raise found
            yield found

    def close(self, *, failed: bool) -> None:
        """End what runs; tell the commands of other nodes that this was all."""
        self._stopping.set()
        if failed:
            self._site.server.close()
        self._join()
        self._site.close()
        if self._meeting and self._site.setup.resources.launch.first == 0:
            self._meeting.close()

    def _next(self) -> tuple[Cell, RunRecord] | BaseException:
        while True:
            try:
                return self._found.get(timeout=_TICK)  # a signal's handler runs in between
            except Empty:
                continue

    def _join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _work(self, worker: Worker) -> None:
        """Take one task after another; those that other runners have go to the end, until all are of that kind."""
        passed = 0
        try:
            while not self._stopping.is_set():
                if self._site.server.stopping:  # also while others have all that is left
                    raise Stopped
                try:
                    task = self._waiting.popleft()
                except IndexError:
                    return
                record = worker.run(task)
                if record is not None:
                    self._found.put((task.cell, record))
                    passed = 0
                    continue
                self._waiting.append(task)
                passed += 1
                if passed >= len(self._waiting):
                    self._stopping.wait(_TICK)
                    passed = 0
        except BaseException as error:  # the command's to tell
            self._found.put(error)

    def assist(self, cells: Sequence[Cell]) -> Iterator[tuple[Cell, str | None]]:
        """Train what the first command announces of `cells`, and yield each with what went wrong here.

        Raises:
            FirstIsGone: that command has ended without a word.
        """
        assert self._meeting
        by_id = {cell.id: cell for cell in cells}
        for name in self._meeting.announced():
            failure = self._workers[0].assist(by_id[name], self._meeting)
            if failure:
                self._meeting.fail(name, failure.reason)
            yield by_id[name], failure and failure.reason
