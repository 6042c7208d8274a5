"""What runs in a job of SLURM: one cell, which saves its state when the job is about to end."""

import io
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, is_dataclass, replace
from pathlib import Path, PurePath
from typing import Any

from caption_zoo import create

from benchmarks.executors import slurm_queue as queue
from benchmarks.executors.allotment import restrict_environment
from benchmarks.executors.fork_server import ForkServer
from benchmarks.executors.setup import RunSetup, Task
from benchmarks.executors.site import Failure, Site
from benchmarks.executors.worker import Worker, give_up
from benchmarks.runtime.extras import extra
from benchmarks.runtime.progress import write
from benchmarks.runtime.stopping import Stopped
from benchmarks.runtime.storage import storage_fault
from registry import Spec
from zoo.atomic import write_atomically

_MODULES = ("benchmarks", "registry", "zoo", "pathlib", "builtins")
_VALUES = (tuple, frozenset, set, PurePath, Spec)
GPUS = ("SLURM_JOB_GPUS", "SLURM_GPUS_ON_NODE", "CUDA_VISIBLE_DEVICES")  # set where SLURM gives some
_TICK = 2.0  # seconds between looks at what other runners have


@dataclass(frozen=True)
class Request:
    """What the jobs of a command run, and how; a file beside their logs has it.

    folder: where the command works, to which paths are relative.
    """

    setup: RunSetup
    tasks: dict[str, Task]
    folder: Path
    cpus: int
    gpus: int

    def save(self, file: Path) -> None:
        """Write it."""
        write_atomically(file, pickle.dumps(self))

    @classmethod
    def load(cls, file: Path) -> "Request":
        """Read it; a file of anybody else's, that names more than what a request is made of, runs nothing.

        Raises:
            pickle.UnpicklingError: it does.
        """
        found: Request = _Unpickler(io.BytesIO(file.read_bytes())).load()
        return found


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """A class of values, under the name by which its own module has it: others may do things when called."""
        known = module.partition(".")[0] in _MODULES and "." not in name
        found = super().find_class(module, name) if known else None
        if (
            not isinstance(found, type)
            or (found.__module__, found.__qualname__) != (module, name)
            or not (is_dataclass(found) or issubclass(found, _VALUES))
        ):
            raise pickle.UnpicklingError(f"{module}.{name} is no part of a request")
        return found


class Job:
    """A cell, by the file of its request and its ID. submitit calls it in the job, and `checkpoint` before that ends.

    The cell runs beside the main thread, in which signals are handled.
    """

    def __init__(self, file: Path, cell: str) -> None:
        self._file, self._cell = file, cell
        self._server: ForkServer | None = None
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """How submitit pickles it: the job starts with its working folder in Python's path, and all that lies there."""
        return create, (type(self).__module__, type(self).__qualname__, self._file, self._cell)

    def __call__(self) -> None:
        """Run it; a record comes of it, or a note of why there is none."""
        folder, job = self._file.parent, extra("submitit").JobEnvironment().job_id
        queue.remove_note(folder, job)
        try:
            self._run(Request.load(self._file))
        except Stopped:
            queue.note_end(folder, job, "")
            raise SystemExit(128 + signal.SIGTERM) from None
        except OSError as error:
            if fault := storage_fault(error):
                queue.note_end(folder, job, f"{socket.gethostname()}: {fault}")
            raise

    def _run(self, request: Request) -> None:
        os.chdir(request.folder)
        gpus = request.gpus or any(map(os.environ.get, GPUS))  # as options of sbatch may ask for them too
        restrict_environment(request.setup.resources.launch, request.cpus, gpus)
        request.setup.cache.mkdir(parents=True, exist_ok=True)  # on this node, perhaps
        task, setup = request.tasks[self._cell], replace(request.setup, lines=self._file.parent)
        with ForkServer() as server, Site(server, setup) as site:
            self._server = server
            self._thread = threading.Thread(target=self._work, args=(site, task))
            signal.signal(signal.SIGTERM, lambda *_: server.stop())  # submitit ignores it; cells may have had it too
            self._thread.start()
            try:
                self._thread.join()
            except extra("submitit").core.utils.UncompletedJobError as error:
                failure = Failure(f"its job came to its end too often: {error}", "time_limit")
                give_up(task, failure, request.setup, site.cells)
                raise
            except subprocess.SubprocessError as error:  # the state is saved, but the job is not queued again
                write(f"caption-zoo: note: {error}", sys.stderr)
        if self._error:
            raise self._error

    def checkpoint(self) -> Any:
        """Have the cell save its state and end; what goes on with it when the job runs again."""
        submitit = extra("submitit")
        if self._server and self._thread:
            self._server.stop()
            self._thread.join()
        pickled = submitit.JobEnvironment().paths.submitted_pickle
        pickled.with_name(f"{pickled.name}.save_tmp").unlink(missing_ok=True)  # of a save that was killed
        return submitit.helpers.DelayedSubmission(Job(self._file, self._cell))

    def _work(self, site: Site, task: Task) -> None:
        worker = Worker(site, site.setup.resources)
        try:
            while worker.run(task) is None:  # another runner has it, or makes what it needs
                if site.server.stopping:
                    raise Stopped
                time.sleep(_TICK)
        except BaseException as error:  # the main thread's to raise
            self._error = error
