"""What the workers of one process have in common, and what cells share with each other."""

import hashlib
import time
from typing import NamedTuple

from benchmarks.executors import jobs
from benchmarks.executors.fork_call import ProcessDied
from benchmarks.executors.fork_server import ForkServer
from benchmarks.executors.planning import plugins_for
from benchmarks.executors.setup import RunSetup, leases_in
from benchmarks.plan.cell import Cell
from benchmarks.records.outcome import Outcome, outcome_of
from benchmarks.runtime.closing import Closing
from benchmarks.runtime.resources import Resources
from benchmarks.runtime.storage import StorageError, storage_fault

_AGAIN = 1.0  # seconds until it is asked again whether another runner has made something
ROOM = 64 * 2**20  # bytes that a small cell needs


class Failure(NamedTuple):
    """Why there is no record."""

    reason: str
    outcome: Outcome

    @classmethod
    def of(cls, error: Exception) -> "Failure":
        """By what was raised."""
        if isinstance(error, ProcessDied):
            return cls(str(error), error.outcome)
        return cls(f"{type(error).__name__}: {error}", outcome_of(error))


class Elsewhere(Exception):
    """Another runner works on what is needed: it will be there later."""


class Site(Closing):
    """What the workers of one process have in common: leases, what was prepared, how fast encoders are."""

    def __init__(self, server: ForkServer, setup: RunSetup) -> None:
        self.server, self.setup = server, setup
        self.cells, self.shared = leases_in(setup.out), leases_in(setup.cache)
        self._prepared: dict[tuple[object, ...], Failure | None] = {}
        self.timings: jobs.Timings = {}
        self.room = ROOM
        self._elsewhere: dict[tuple[object, ...], float] = {}  # when it was seen that another runner makes it

    def close(self) -> None:
        """Give back the leases."""
        for leases in (self.cells, self.shared):
            leases.close()

    def waits_for(self, cell: Cell) -> bool:
        """Whether another runner made a moment ago what `cell` shares: asking each time would be much ado."""
        return time.monotonic() - self._elsewhere.get(_shared(cell), -_AGAIN) < _AGAIN

    def prepare(self, cell: Cell, resources: Resources) -> Failure | None:
        """Why what `cell` shares with others cannot be made; None where it is there.

        Of an ensemble it is what each member shares, since features may depend on the seed.

        Raises:
            Elsewhere: another runner makes it now.
        """
        for each in cell.members or (cell,):
            if failure := self._prepare(each, resources):
                return failure
        return None

    def _prepare(self, cell: Cell, resources: Resources) -> Failure | None:
        shared, known = _shared(cell), self._prepared
        name = "shared-" + hashlib.sha256(repr(shared).encode()).hexdigest()[:16]
        for key in (shared, (*shared, cell.seed)):
            if key in known:
                return known[key]
        with self.shared.taken(name) as lease:
            if lease is None:
                self._elsewhere[shared] = time.monotonic()
                raise Elsewhere
            failure, seeded = None, False
            try:
                plugins = plugins_for(self.setup.plan, cell, jobs.SHARED)
                job = (jobs.prepared, cell, self.setup.cache, plugins, resources)
                limits = self.setup.limits.of_shared()
                (seeded,) = self.server.call(*job, limits=limits, environment=resources.environment())
            except Exception as error:  # whatever a data set or a backbone raises
                refuse_storage_fault(error, self.setup)
                failure = Failure.of(error)
            if failure is None or failure.outcome not in self.setup.retries.on:
                known[(*shared, cell.seed) if seeded else shared] = failure
        return failure


def _shared(cell: Cell) -> tuple[object, ...]:
    """What features and tokens are named by, but for a seed."""
    training = cell.training
    views = training.hflip, training.cached_crops, training.crop_scale
    return str(cell.located_dataset), str(cell.metrics), str(cell.backbone), *views


def refuse_storage_fault(error: Exception, setup: RunSetup) -> None:
    """Raise where it is the disk's fault, and none of the cell's.

    Raises:
        StorageError: the disk is full, or cannot be written to.
    """
    if fault := storage_fault(error, setup.out, setup.cache):
        raise StorageError(fault) from error
