"""What becomes of a cell whose job of SLURM has ended without a record."""

from collections import Counter
from pathlib import Path

from benchmarks.executors import slurm_queue as queue
from benchmarks.executors.limits import Retries
from benchmarks.executors.site import Failure
from benchmarks.runtime.storage import StorageError


class Losses:
    """Counts the jobs that each cell has lost: by a fault of its own, or because SLURM took its node.

    Args:
        home: folder of the jobs' logs and notes.
        retries: how often a cell that may be at fault has another job.
        requeues: how often one that is not.
    """

    def __init__(self, home: Path, retries: Retries, requeues: int) -> None:
        self._home, self._retries, self._requeues = home, retries, requeues
        self._failed: Counter[str] = Counter()
        self._interrupted: Counter[str] = Counter()

    def failure(self, cell: str, job: str, state: str) -> Failure | None:
        """Why the cell, whose job has ended in `state`, is to have no other job; None where it is.

        Raises:
            StorageError: the job has met a fault of the disk, which is no cell's.
        """
        why, note = queue.outcome(state), queue.noted_end(self._home, job)
        if note:
            raise StorageError(note)
        if queue.taken_away(state) or note is not None:  # with its state saved
            self._interrupted[cell] += 1
            again = self._interrupted[cell] <= self._requeues
        else:
            self._failed[cell] += 1
            again = self._retries.again(why, self._failed[cell])
        if again and state != "CANCELLED":
            return None
        log = f"; the last line of its log: {last}" if (last := queue.last_words(self._home, job)) else ""
        return Failure(f"its job {job} ended without a record: {state}{log}", why)
