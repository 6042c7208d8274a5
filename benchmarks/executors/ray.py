"""Actors of Ray: cells on the machines of a cluster, or on this one."""

import shutil
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from benchmarks.executors import EXECUTORS, Executor
from benchmarks.executors.allotment import require_one_node
from benchmarks.executors.fork_server import ForkServer
from benchmarks.executors.lines import PATTERN, Lines
from benchmarks.executors.ray_actors import Actors
from benchmarks.executors.ray_cluster import Demand, connect, room, shortage
from benchmarks.executors.setup import RunSetup, Task
from benchmarks.executors.site import Failure
from benchmarks.plan.cell import Cell
from benchmarks.records.record import RunRecord
from benchmarks.runtime.progress import write
from benchmarks.runtime.revision import revision
from benchmarks.runtime.stopping import Stopped
from registry import AtLeast, Size
from zoo.partial import partial_path

_TICK = 0.5  # seconds between looks at what other runners have
_LEAVE = 40.0  # seconds in which cells save their states
_CLOSING = 10.0  # seconds in which actors end what they have started


class _Call(NamedTuple):
    """What an actor does: it runs a task, or records why that is not to run any more."""

    runner: Any
    task: Task
    failure: Failure | None


class _Waiting(NamedTuple):
    """A task, the moment from which on it may be given to an actor, and why it is not to run any more, if so."""

    since: float
    task: Task
    failure: Failure | None = None


@EXECUTORS.register("ray")
class Ray(Executor):
    """Actors of Ray, each of which runs one cell after another.

    Args:
        address: of the cluster, or auto for the one that this machine is in; without one, Ray is started here, for
            this command alone.
        workers: cells at once; 0 is as many as the cluster has room for.
        cpus: cores for each cell.
        gpus: GPUs for each cell, or a part of one; by default one for each of its processes where there are GPUs.
        memory: GB for each cell, so that no more are placed on a node than it has memory for; 0 does not count it.
    """

    def __init__(
        self,
        server: ForkServer,
        setup: RunSetup,
        /,
        *,
        address: str | None = None,
        workers: Annotated[int, AtLeast(0)] = 0,
        cpus: Size = 1,
        gpus: Annotated[float, AtLeast(0)] | None = None,
        memory: Annotated[float, AtLeast(0)] = 0,
    ) -> None:
        require_one_node(setup.resources.launch, gpus or 0, "ray")
        self._server, self._setup = server, setup
        self._ray = connect(address)
        try:
            if gpus is None:
                gpus = setup.resources.launch.local if self._ray.cluster_resources().get("GPU") else 0
            demand = Demand(cpus, gpus, memory)
            if not room(self._ray, demand):
                why = shortage(self._ray, demand)
                if not (workers and address):
                    raise ValueError(why)
                write(f"caption-zoo: note: {why}; they are waited for", sys.stderr)  # the cluster may grow
            self._mark = partial_path(setup.out / "shared")
            watched = self._ray.put(replace(setup, lines=self._mark))
            given = (watched, self._mark, revision(), Path.cwd(), cpus, gpus)
            self._actors = Actors(self._ray, demand, workers, given)
        except BaseException:
            self._ray.shutdown()
            raise
        self._calls: dict[Any, _Call] = {}
        self._waiting: deque[_Waiting] = deque()
        self._lines = Lines()
        self._lost: Counter[str] = Counter()  # actors, by the cell that they had

    def each(self, tasks: Sequence[Task]) -> Iterator[tuple[Cell, RunRecord]]:
        """Run the cells, as the interface says."""
        self._waiting.extend(_Waiting(0.0, task) for task in tasks)
        left = len(tasks)
        while left:
            if self._server.stopping:
                self._stop()
                raise Stopped
            with suppress(OSError):  # which an actor will name
                self._mark.mkdir(exist_ok=True)
                self._mark.touch()  # after a week another command would remove it
            self._actors.fill(left)
            self._give()
            answers = self._answers()
            self._lines.forward(self._mark.glob(PATTERN))  # before the records
            for answer in answers:
                if answer in self._actors.starting:
                    self._actors.begin(answer)
                elif record := self._result(call := self._calls.pop(answer), answer):
                    left -= 1
                    yield call.task.cell, record

    def close(self, *, failed: bool) -> None:
        """End the actors, which give back their leases; cells are at their ends, unless the caller `failed`."""
        ending = [runner.close.remote() for runner in self._actors.places]
        if ending:
            self._ray.wait(ending, num_returns=len(ending), timeout=_CLOSING)
        self._ray.shutdown()
        shutil.rmtree(self._mark, ignore_errors=True)

    def _give(self) -> None:
        """Give tasks to actors that have none."""
        places, busy = self._actors.places, {call.runner for call in self._calls.values()}
        hosts = Counter(place.host for place in places.values())
        idle = [runner for runner in places if runner not in busy]
        while idle and self._waiting and self._waiting[0].since <= time.monotonic():
            runner, (_, task, failure) = idle.pop(), self._waiting.popleft()
            neighbours = hosts[places[runner].host]
            answer = runner.give_up.remote(task, failure) if failure else runner.run.remote(task, neighbours)
            self._calls[answer] = _Call(runner, task, failure)

    def _answers(self) -> list[Any]:
        """Those that have come; after a while none."""
        awaited = [*self._calls, *self._actors.starting]
        if not awaited:
            time.sleep(_TICK)
            return []
        found: list[Any] = self._ray.wait(awaited, timeout=_TICK)[0]
        return found

    def _result(self, call: _Call, answer: Any) -> RunRecord | None:
        """The record that a call has come to, if it has."""
        errors = self._ray.exceptions
        try:
            found: RunRecord | None = self._ray.get(answer)
        except errors.RayTaskError as error:
            self._stop()  # the others save their states
            raise error.cause from None
        except errors.RayError as error:  # its process, or its machine, is gone
            self._actors.lose(call.runner)
            self._again(call.task, error)
            return None
        if found is None:  # another runner has it
            self._waiting.append(_Waiting(time.monotonic() + _TICK, call.task, call.failure))
        return found

    def _again(self, task: Task, error: Exception) -> None:
        """Have a task run again whose actor was lost, or be given up where that was often."""
        self._lost[task.cell.id] += 1
        again = self._setup.retries.again("killed", self._lost[task.cell.id])
        failure = None if again else Failure(f"its worker was lost: {' '.join(str(error).split())}", "killed")
        self._waiting.appendleft(_Waiting(0.0, task, failure))

    def _stop(self) -> None:
        """Have the cells save their states, and wait for it."""
        for runner in self._actors.places:
            runner.stop.remote()
        if running := list(self._calls):
            self._ray.wait(running, num_returns=len(running), timeout=_LEAVE)
