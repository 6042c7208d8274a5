"""Plans made in other processes, since planning runs the code of plug-ins, data sets and parts."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.config import Experiment
from benchmarks.executors import jobs
from benchmarks.executors.fork_call import ProcessDied
from benchmarks.executors.fork_server import ForkServer
from benchmarks.executors.limits import Limits
from benchmarks.loggers import is_plugin
from registry import Spec

if TYPE_CHECKING:
    from benchmarks.plan.cell import Cell
    from benchmarks.plan.compatibility import FeatureShape
    from benchmarks.plan.matrix import Plan

_PLANNING = 1800.0  # seconds; a large data set may lie on a slow disk
_BUILDING = 120.0  # seconds; the largest models take some twenty


def plan(server: ForkServer, experiment: Experiment, plugins: Sequence[str]) -> "Plan":
    """As `benchmarks.plan.matrix.plan`, in a process that `server` forks.

    Raises:
        ValueError: as there; or a plug-in or the data set ended the process, or gave no answer.
    """
    return only(server, jobs.planned, experiment, plugins)


def plugin_files(plugins: Iterable[str], loggers: Iterable[str]) -> tuple[str, ...]:
    """Plug-in files, with those that loggers are named by, each once, whatever path leads there."""
    found: dict[Path, str] = {}
    for file in (*plugins, *filter(is_plugin, loggers)):
        found.setdefault(Path(file).resolve(), file)
    return tuple(found.values())


def incompatibilities(
    server: ForkServer, plan: "Plan", cells: "Sequence[Cell]", patience: float | None = None
) -> Iterator[str | None]:
    """Why the parts of each cell cannot be put together, or None; a combination is tried once, for `patience` seconds.

    Those without a plug-in share a process, as long as it lives; with a plug-in each has its own.
    """
    combinations = {_parts(cell): cell for cell in cells}
    limits = Limits(silence=min(_BUILDING, patience or _BUILDING))
    answers, tried = _answers(server, plan, list(combinations.values()), limits), dict[tuple[Spec, ...], str | None]()
    for cell in cells:
        while _parts(cell) not in tried:
            answered, why = next(answers)
            tried[_parts(answered)] = why
        yield tried[_parts(cell)]


def _parts(cell: "Cell") -> tuple[Spec, Spec, Spec]:
    return cell.backbone, cell.attention, cell.decoder


def _answers(
    server: ForkServer, plan: "Plan", cells: "Sequence[Cell]", limits: Limits
) -> "Iterator[tuple[Cell, str | None]]":
    """Each of the cells, in their order, and why it cannot be built."""
    for backbone, group in groupby(cells, lambda cell: cell.backbone):
        of_backbone = list(group)
        files = plugins_for(plan, of_backbone[0], ("backbone",))
        shape = _answer(server, limits, jobs.feature_shape, backbone, of_backbone[0].training, files)
        if isinstance(shape, str):
            yield from ((cell, shape) for cell in of_backbone)
            continue
        for files, together in groupby(of_backbone, lambda cell: plugins_for(plan, cell, ("attention", "decoder"))):
            for batch in ([cell] for cell in together) if files else [list(together)]:
                yield from _batch(server, limits, shape, batch, files)


def _batch(
    server: ForkServer, limits: Limits, shape: "FeatureShape", cells: "list[Cell]", files: tuple[str, ...]
) -> "Iterator[tuple[Cell, str | None]]":
    """The same for features of one shape, in a process, and in another one where a part has ended that."""
    while cells:
        pairs = [(cell.attention, cell.decoder) for cell in cells]
        answers = server.call(jobs.incompatibilities, shape, pairs, files, limits=limits)
        try:
            for why in answers:
                yield cells.pop(0), why
        except ProcessDied as died:
            yield cells.pop(0), f"when it was built, {died}"
        except Exception as error:  # whatever a plug-in raises when it is loaded
            yield cells.pop(0), " ".join(str(error).split()) or type(error).__name__


def checked_loggers(server: ForkServer, plan: "Plan", texts: Sequence[str]) -> tuple[Spec, ...]:
    """The loggers that are meant: Specs, and of a plug-in file of the plan all that it registers.

    Raises:
        ValueError: there is no such logger, it cannot be made here, or one is there twice.
    """
    found: list[Spec] = []
    provided = {Path(file).resolve(): names for file, names in plan.plugins.items()}
    for text in texts:
        names = provided[Path(text).resolve()] if is_plugin(text) else ()
        of_file = [Spec(name) for kind, name in sorted(names) if kind == "logger"]
        if is_plugin(text) and not of_file:
            raise ValueError(f'--logger {text}: the file registers no logger: @LOGGERS.register("a_name")')
        found += of_file or [Spec.parse(text)]
    if twice := {spec.name for spec in found if [each.name for each in found].count(spec.name) > 1}:
        raise ValueError(f"--logger {min(twice)} is there twice")
    if found and (why := _answer(server, Limits(silence=_BUILDING), jobs.loggers, found, tuple(plan.plugins))):
        raise ValueError(why)
    return tuple(found)


def logger_plugins(plan: "Plan", specs: Sequence[Spec]) -> tuple[str, ...]:
    """The plug-in files that have these loggers."""
    used = {("logger", spec.name) for spec in specs}
    return tuple(file for file, provided in plan.plugins.items() if used & provided)


def plugins_for(plan: "Plan", cell: "Cell", kinds: Collection[str]) -> tuple[str, ...]:
    """The plug-in files that have what `cell` uses of these kinds, and those that register nothing at all."""
    used = {(kind, name) for kind, name in cell.uses if kind in kinds}
    return tuple(file for file, provided in plan.plugins.items() if not provided or used & provided)


def _answer(server: ForkServer, limits: Limits, job: Callable[..., Iterator[Any]], *arguments: object) -> Any:
    """What `job` yields; the reason, as text, where it raises or takes its process down."""
    try:
        (found,) = server.call(job, *arguments, limits=limits)
    except ProcessDied as died:
        return f"when it was built, {died}"
    except Exception as error:  # whatever a component raises
        return " ".join(str(error).split()) or type(error).__name__
    return found


def only(server: ForkServer, job: "Callable[..., Iterator[Plan]]", *arguments: object) -> "Plan":
    """The plan that `job` yields in a process that `server` forks; raises as `plan`."""
    try:
        (found,) = server.call(job, *arguments, limits=Limits(time=_PLANNING))
    except ProcessDied as died:
        raise ValueError(f"planning, which imports plug-ins and reads the data set, came to no end: {died}") from None
    return found
