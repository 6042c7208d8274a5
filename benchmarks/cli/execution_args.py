"""How a matrix is run, as several commands take it: where things go, on what, within which limits."""

import re
from dataclasses import dataclass
from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from benchmarks.cli.paths import cache_folder
from benchmarks.executors.limits import Limits, Retries
from benchmarks.runtime.launch import Launch
from benchmarks.runtime.resources import Resources
from registry import Spec

_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"MB": 1e6, "GB": 1e9, "MIB": 2.0**20, "GIB": 2.0**30}


@dataclass(frozen=True)
class Execution:
    """What the options say."""

    out: Path
    cache: Path
    executor: Spec
    resources: Resources
    limits: Limits
    retries: Retries


def add_execution(parser: ArgumentParser) -> None:
    """The options; a config may have them too, under the names of the options."""
    parser.add_argument("--out", type=str, default="runs", help="folder for the runs (default: runs)")
    parser.add_argument(
        "--cache", type=str, help="folder for features, references and paraphrases (default: ~/.cache/caption-zoo)"
    )
    parser.add_argument(
        "--executor", type=str, default="local", metavar="SPEC", help="local, ray or slurm, and its options"
    )
    parser.add_argument(
        "--logger",
        action="append",
        metavar="SPEC",
        help="where metrics go: tensorboard, wandb, csv, or a Python file with one's own; repeatable",
    )
    parser.add_argument(
        "--workers", type=int, metavar="N", help="cells at once (default: one for each GPU, one on a processor)"
    )
    parser.add_argument("--devices", type=int, default=1, help="processes that train a cell, a GPU each (default: 1)")
    parser.add_argument("--nodes", type=int, default=1, help="machines, each of which runs this command (default: 1)")
    parser.add_argument(
        "--micro-batch", type=int, default=0, metavar="N", help="so many images of a step at a time, to save memory"
    )
    parser.add_argument(
        "--grad-checkpointing", action="store_true", help="compute a trainable backbone twice, to save memory"
    )
    parser.add_argument("--time-limit", type=str, metavar="TIME", help="end a cell that takes longer: 90m, 2h")
    parser.add_argument("--memory-limit", type=str, metavar="SIZE", help="end a cell that holds more, such as 8GB")
    parser.add_argument(
        "--silence-limit", type=str, default="30m", metavar="TIME", help="end a cell that does nothing so long (30m)"
    )
    parser.add_argument("--retries", type=int, default=1, help="how often a failed cell is tried again (default: 1)")
    parser.add_argument(
        "--retry-on",
        type=str,
        default="killed",
        metavar="OUTCOME,...",
        help="and after which ones (default: killed)",
    )


def executor_of(options: Namespace) -> Spec:
    """The executor, with the number of workers where that is given apart.

    Raises:
        ValueError: it is no Spec.
    """
    executor = Spec.parse(options.executor)
    if options.workers is None:
        return executor
    return Spec(executor.name, executor.variant, {**executor.options, "workers": options.workers})


def limits_of(options: Namespace) -> Limits:
    """Where a cell is ended.

    Raises:
        ValueError: a limit is no time, or no size.
    """
    return Limits(
        time=_seconds("--time-limit", options.time_limit),
        silence=_seconds("--silence-limit", options.silence_limit),
        memory=_bytes("--memory-limit", options.memory_limit),
    )


def read_execution(options: Namespace) -> Execution:
    """What the options say, on this machine and in this environment.

    Raises:
        ValueError: one of them makes no sense.
    """
    outcomes = frozenset(name.strip() for name in options.retry_on.split(",") if name.strip())
    return Execution(
        out=Path(options.out),
        cache=Path(options.cache) if options.cache else cache_folder(),
        executor=executor_of(options),
        resources=Resources(Launch.of(options.devices, options.nodes), options.micro_batch, options.grad_checkpointing),
        limits=limits_of(options),
        retries=Retries(options.retries, outcomes),
    )


def _seconds(option: str, text: str | None) -> float | None:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd]?)", text.strip()) if text else None
    if text and not found:
        raise ValueError(f"{option} {text!r} should be a time, such as 45s, 90m, 2h or 1d")
    return float(found[1]) * _SECONDS[found[2]] if found else None


def _bytes(option: str, text: str | None) -> int | None:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([MG]i?B)", text.strip(), re.IGNORECASE) if text else None
    if text and not found:
        raise ValueError(f"{option} {text!r} should be a size, such as 900MB, 8GB or 8GiB")
    return int(float(found[1]) * _BYTES[found[2].upper()]) if found else None
