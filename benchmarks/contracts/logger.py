"""What every logger promises. That a step is there once after a resumption, only its tool's own reader can tell."""

import hashlib
import os
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from benchmarks.loggers import LOGGERS, LoggedRun, Logger
from registry import Spec
from zoo.contracts.common import check, is_spelled

_METRICS = {"train/loss": 2.5, "train/learning_rate": 1e-3}


def is_made_without_a_trace(spec: Spec) -> None:
    """Making it writes nothing; ``--dry-run`` does it."""
    with _place() as run:
        LOGGERS.build(spec)
        check(not _content(Path.cwd()), f"before it is opened there is {list(_content(Path.cwd()))}")
        check(not run.folder.exists(), "the run's folder exists before it is opened")


def writes_into_its_folder_alone(spec: Spec) -> None:
    """Nothing appears beside the run's folder, which it makes, with those above it."""
    with _place() as run:
        with _opened(spec, run) as logger:
            logger.log(1, _METRICS)
        outside = [name for name in _content(Path.cwd()) if not Path(name).is_relative_to(run.folder)]
        check(not outside, f"it has written {outside} outside of the run's folder")
        check(bool(_content(run.folder)), "it has written nothing into the run's folder")


def survives_a_kill_after_each_metric(spec: Spec) -> None:
    """Something of each call is on disk when that returns, since a process may be killed then."""
    with _place() as run, _opened(spec, run) as logger:
        for step in (1, 2):
            before = _content(run.folder)
            logger.log(step, _METRICS)
            check(_content(run.folder) != before, f"the metrics of step {step} are in memory alone")


def accepts_any_name_and_value(spec: Spec) -> None:
    """Names that come later, several calls for a step, infinity and NaN."""
    with _place() as run, _opened(spec, run) as logger:
        logger.log(1, _METRICS)
        logger.log(2, {"epoch/validation": 0.5, "epoch": 1, 'test/a "name", in full': float("nan")})
        logger.log(2, {"train/loss": float("inf")})


def resumes_before_its_last_step(spec: Spec) -> None:
    """It goes on from an earlier step than its last, or from the beginning, and may be closed at once."""
    with _place() as run:
        with _opened(spec, run) as logger:
            for step in (1, 2, 3):
                logger.log(step, _METRICS)
        for resumed in (2, 0):
            with _opened(spec, run, resumed) as again:
                again.log(resumed + 1, _METRICS)
        with _opened(spec, run, 1):
            pass


def leaves_random_numbers_alone(spec: Spec) -> None:
    """A run with a logger has the result of one without."""
    with _place() as run:
        before = _random()
        with _opened(spec, run) as logger:
            logger.log(1, _METRICS)
        check(_random() == before, "it has used random numbers of Python's, numpy's or torch's generator")


def is_named_as_registered(spec: Spec) -> None:
    """Its spelling is read as the same component with the same options."""
    is_spelled(LOGGERS, spec)


@contextmanager
def _place() -> Iterator[LoggedRun]:
    """A run to log, in an empty working folder."""
    earlier = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            config = {"seed": 0, "training": {"epochs": 2}}
            yield LoggedRun(
                "0123456789ab", "patches + mean + lstm, seed 0", "contract", config, Path("out/logs/planted")
            )
        finally:
            os.chdir(earlier)


@contextmanager
def _opened(spec: Spec, run: LoggedRun, step: int = 0) -> Iterator[Logger]:
    logger: Logger = LOGGERS.build(spec)
    logger.open(run, step)
    try:
        yield logger
    finally:
        logger.close()


def _content(folder: Path) -> dict[str, str]:
    """The files below a folder, by hashes of what is in them."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _random() -> tuple[object, ...]:
    state = np.random.get_state()
    return random.getstate(), str(state), torch.get_rng_state().tolist()
