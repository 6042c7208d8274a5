"""Actors of Ray: cells on the machines of a cluster, or on this one."""

import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from benchmarks.executors import EXECUTORS, Executor
from benchmarks.executors.allotment import require_one_node
from benchmarks.executors.fork_server import ForkServer
from benchmarks.executors.ray_cluster import Demand, connect, room
from benchmarks.executors.ray_runner import Place, Runner
from benchmarks.executors.setup import RunSetup, Task
from benchmarks.executors.site import Failure
from benchmarks.plan.cell import Cell
from benchmarks.records.record import RunRecord
from benchmarks.runtime.stopping import Stopped
from registry import AtLeast, Size

_TICK = 0.5  # seconds between looks at what other runners have
_LEAVE = 40.0  # seconds in which cells save their states
_CLOSING = 10.0  # seconds in which actors end what they have started
_PATIENCE = 120.0  # seconds in which an actor should start; Ray takes half a minute to see that a node is gone


class _Call(NamedTuple):
    """A call under way: a task's, or where there is none the start of the actor."""

    runner: Any
    task: Task | None


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
            self._count = workers or room(self._ray, demand)
            room(self._ray, demand)
            self._actor = self._ray.remote(
                **demand.options, max_restarts=0, max_task_retries=0, max_concurrency=2, scheduling_strategy="SPREAD"
            )(Runner)
        except BaseException:
            self._ray.shutdown()
            raise
        self._given = (self._ray.put(setup), Path.cwd(), cpus, gpus)
        self._places: dict[Any, Place] = {}  # of the actors that have started
        self._idle: list[Any] = []
        self._calls: dict[Any, _Call] = {}
        self._waiting: deque[_Waiting] = deque()
        self._lost: Counter[str] = Counter()  # actors, by the cell that they had
        self._lost_at_start: float | None = None  # since when

    def each(self, tasks: Sequence[Task]) -> Iterator[tuple[Cell, RunRecord]]:
        """Run the cells, as the interface says."""
        self._waiting.extend(_Waiting(0.0, task) for task in tasks)
        for _ in range(min(self._count, len(tasks))):
            self._start()
        left = len(tasks)
        while left:
            if self._server.stopping:
                self._stop()
                raise Stopped
            self._give()
            for answer in self._answers():
                call = self._calls.pop(answer)
                record = self._result(call, answer)
                if call.task and record:
                    left -= 1
                    yield call.task.cell, record

    def close(self, *, failed: bool) -> None:
        """End the actors, which give back their leases; cells are at their ends, unless the caller `failed`."""
        ending = [runner.close.remote() for runner in self._places]
        if ending:
            self._ray.wait(ending, num_returns=len(ending), timeout=_CLOSING)
        self._ray.shutdown()

    def _start(self) -> None:
        runner = self._actor.remote(*self._given)
        self._calls[runner.start.remote()] = _Call(runner, None)

    def _give(self) -> None:
        """Give tasks to actors that have none."""
        hosts = Counter(place.host for place in self._places.values())
        while self._idle and self._waiting and self._waiting[0].since <= time.monotonic():
            runner, (_, task, failure) = self._idle.pop(), self._waiting.popleft()
            neighbours = hosts[self._places[runner].host]
            answer = runner.give_up.remote(task, failure) if failure else runner.run.remote(task, neighbours)
            self._calls[answer] = _Call(runner, task)

    def _answers(self) -> list[Any]:
        """Those that have come; after a while none."""
        if not self._calls:
            time.sleep(_TICK)
            return []
        found: list[Any] = self._ray.wait(list(self._calls), timeout=_TICK)[0]
        return found

    def _result(self, call: _Call, answer: Any) -> RunRecord | None:
        """The record that a call has come to, if it has."""
        errors = self._ray.exceptions
        try:
            found = self._ray.get(answer)
        except errors.RayTaskError as error:
            self._stop()  # the others save their states
            raise error.cause from None
        except errors.RayError as error:  # its process, or its machine, is gone
            self._replace(call, error)
            return None
        self._idle.append(call.runner)
        if call.task is None:
            self._begin(call.runner, found)
        elif found is None:  # another runner has it
            self._waiting.append(_Waiting(time.monotonic() + _TICK, call.task))
        return found if call.task else None

    def _begin(self, runner: Any, place: Place) -> None:
        self._lost_at_start = None
        self._places[runner] = place
        try:
            (self._setup.out / place.mark).unlink()
        except FileNotFoundError:
            why = f"{self._setup.out} is another folder on {place.host}: the nodes have to share it"
            raise ValueError(why) from None

    def _replace(self, call: _Call, error: Exception) -> None:
        """Put another actor in the place of a lost one; its cell runs again, or is given up where that was often."""
        self._places.pop(call.runner, None)
        self._ray.kill(call.runner)  # where it was only out of reach
        why = " ".join(str(error).split())
        if call.task is None:
            self._lost_at_start = self._lost_at_start or time.monotonic()
            if getattr(error, "actor_init_failed", False) or time.monotonic() - self._lost_at_start > _PATIENCE:
                raise ValueError(f"no worker can be started on the Ray cluster: {why}") from error
            time.sleep(_TICK)
        else:
            self._lost[call.task.cell.id] += 1
            again = self._setup.retries.again("killed", self._lost[call.task.cell.id])
            failure = None if again else Failure(f"its worker was lost: {why}", "killed")
            self._waiting.appendleft(_Waiting(0.0, call.task, failure))
        self._start()

    def _stop(self) -> None:
        """Have the cells save their states, and wait for it."""
        for runner in self._places:
            runner.stop.remote()
        running = [answer for answer, call in self._calls.items() if call.task]
        if running:
            self._ray.wait(running, num_returns=len(running), timeout=_LEAVE)
