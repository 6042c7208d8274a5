"""The actors of a command on a cluster of Ray: where they are, and where others may be started."""

import sys
import time
from typing import Any, NamedTuple

from benchmarks.executors.ray_cluster import Demand, available, room
from benchmarks.executors.ray_runner import Place, Runner
from benchmarks.runtime.progress import write

_PAUSE = 0.5  # seconds until another actor is started after a start that came to nothing
_PATIENCE = 120.0  # seconds in which an actor should start; Ray takes half a minute to see that a node is gone


class _Start(NamedTuple):
    runner: Any
    since: float


class Actors:
    """Actors that are started where Ray has room, but on no node that one has found unfit.

    Args:
        workers: how many at once; 0 is as many as there is room for, which may change.
        given: what a `Runner` is made with.

    Attributes:
        places: of the actors that have started.
        starting: the others, by the answers that they are to give.
    """

    def __init__(self, ray: Any, demand: Demand, workers: int, given: tuple[Any, ...]) -> None:
        self._ray, self._demand, self._workers, self._given = ray, demand, workers, given
        self._actor = ray.remote(
            **demand.options, max_restarts=0, max_task_retries=0, max_concurrency=2, scheduling_strategy="SPREAD"
        )(Runner)
        self.places: dict[Any, Place] = {}
        self.starting: dict[Any, _Start] = {}
        self._unfit: dict[str, str] = {}  # why, by node
        self._failing_since: float | None = None
        self._start_at = 0.0
        self._told = False  # that actors wait
        self._failure = ""  # to start an actor, which was reported

    def fill(self, most: int) -> None:
        """Start as many as are lacking, but have no more than `most`.

        Raises:
            ValueError: no node is fit.
        """
        self._tell()
        found = room(self._ray, self._demand, self._unfit)
        if self._unfit and not found:
            if not self.places and not self.starting:
                raise ValueError(list(self._unfit.values())[-1])
        elif time.monotonic() >= self._start_at:
            wanted = min(self._workers or max(found, 1), most)
            for _ in range(wanted - len(self.places) - len(self.starting)):
                self._start()

    def begin(self, answer: Any) -> None:
        """Take what the start of an actor has come to.

        Raises:
            ValueError: none can be started.
        """
        runner = self.starting.pop(answer).runner
        errors = self._ray.exceptions
        try:
            place = self._ray.get(answer)
        except errors.RayError as error:
            self._ray.kill(runner)
            lasting = isinstance(error, errors.RayTaskError) or getattr(error, "actor_init_failed", False)
            self._fail(getattr(error, "cause", error), lasting)
            return
        if place.fault:
            self._ray.kill(runner)
            self._leave(place)
        else:
            self.places[runner] = place
            self._failing_since = None

    def lose(self, runner: Any) -> None:
        """Give up an actor that does not answer."""
        del self.places[runner]
        self._ray.kill(runner)  # where it was only out of reach

    def _start(self) -> None:
        elsewhere = {"ray.io/node-id": f"!in({','.join(self._unfit)})"} if self._unfit else {}
        runner = self._actor.options(label_selector=elsewhere).remote(*self._given)
        self.starting[runner.start.remote()] = _Start(runner, time.monotonic())

    def _fail(self, error: Exception, lasting: bool) -> None:
        """Wait before the next start; where no other actor is there or may come, not for ever."""
        text = str(error).strip()
        text = text.rpartition("\n")[2] if lasting else " ".join(text.split())  # the end of a traceback
        why = f"no worker can be started on the Ray cluster: {text}"
        now = time.monotonic()
        self._failing_since = self._failing_since or now
        alone = not self.places and not self.starting
        if alone and (lasting or now - self._failing_since > _PATIENCE):
            raise ValueError(why) from error
        self._start_at = now + (_PATIENCE if lasting else _PAUSE)
        if lasting and self.places and why != self._failure:
            self._failure = why
            write(f"caption-zoo: note: {why}; the others go on", sys.stderr)

    def _leave(self, place: Place) -> None:
        """Have no actor on a node any more."""
        known = place.node in self._unfit
        self._unfit[place.node] = f"{place.host}: {place.fault}"
        if not known and room(self._ray, self._demand, self._unfit):  # else it is why there is no other
            write(f"caption-zoo: note: no cell runs on {self._unfit[place.node]}", sys.stderr)

    def _tell(self) -> None:
        """Say it once where actors have waited for long."""
        since = min((start.since for start in self.starting.values()), default=None)
        waiting = since is not None and time.monotonic() - since > _PATIENCE
        if waiting and not self._told:
            write(
                f"caption-zoo: note: {len(self.starting)} workers have not started in {_PATIENCE:.0f} s: each needs "
                f"{self._demand} on one node, and free on all nodes together are {available(self._ray)}",
                sys.stderr,
            )
        self._told = waiting
