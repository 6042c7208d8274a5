"""Batches with their rows, read while the ones before are worked on."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

from benchmarks.features.store import ImageStore
from benchmarks.training.batches import Batch

_AHEAD = 4  # batches
_THREADS = 4  # reading waits for a disk or a network, and lets go of the interpreter


def read_ahead(batches: Iterator[Batch], store: ImageStore, *, pin: bool) -> Iterator[Batch]:
    """Each of `batches` with its rows from `store`, in their order; up to four are read ahead.

    With `pin` they come to lie in memory from which a GPU copies while the processor goes on.

    Raises:
        DamagedStore: a row is not what was written.
    """

    def read(batch: Batch) -> Batch:
        batch = replace(batch, rows=store.batch(batch.images, batch.views), grid=store.grid)
        return batch.pinned() if pin else batch

    waiting: deque[Future[Batch]] = deque()
    pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="rows")
    try:
        for batch in batches:
            waiting.append(pool.submit(read, batch))
            if len(waiting) > _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
