"""How to reproduce a run: its request as a config, and commands."""

import json
import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from benchmarks.data import DATASETS
from benchmarks.leaderboard.tables.distillation import distillation
from benchmarks.leaderboard.tables.formatting import clean
from benchmarks.leaderboard.tables.rows import HOME
from benchmarks.records.record import PARTS, RunRecord
from benchmarks.records.request import has_own_starts, seed_of
from registry import Spec


def config(record: RunRecord) -> str:
    """YAML that `caption-zoo check` reads, every setting written out; its one cell, or its last, has the record's id.

    A data set that lies in a folder has FOLDER in its place.
    """
    request, learned = record.request, distillation(record)
    lines = [f"name: {yaml(record.experiment or 'again')}", f"dataset: {yaml(_dataset(record))}"]
    if "metrics" in request:
        lines.append(f"metrics: {yaml(request['metrics'])}")
    if start := _start(record):
        lines.append(f"start_from: {yaml(start)}")
    if request.get("ensemble"):
        lines.append("ensemble: true")
    lines.append("matrix:")
    lines += [f"  {part}: {yaml([request.get(part, record.parts.get(part, ''))])}" for part in PARTS]
    lines.append(f"  seeds: {yaml(_seeds(record) or [record.seed])}")
    for section in ("training", "decoding"):
        settings = request.get(section)
        if isinstance(settings, Mapping) and settings:
            if section == "training" and learned:
                settings = {**settings, "objective": learned.at(f"runs/{learned.teacher}")}
            lines += [f"{section}:", *(f"  {_key(name)}: {yaml(settings[name])}" for name in sorted(settings))]
    return "\n".join(lines) + "\n"


def reproduce(record: RunRecord, file: str = "") -> str:
    """The command that runs the record's cell again and compares; the record is `file`, or goes by its id."""
    place = [f"--dataset {_shell(_dataset(record))}"] if _dataset(record) != record.dataset else []
    files = [f"--plugin {_shell(file)}" for file in plugins(record) if file.endswith(".py")]
    if start := _start(record):
        place.append(f"--start-from {_shell(start)}")
    if learned := distillation(record):
        place.append(f"--teacher runs/{learned.teacher}")
    return " ".join(["caption-zoo", "reproduce", _shell(file or f"{record.id}.json"), *place, *files])


def caption(record: RunRecord, folder: str = "") -> str:
    """The command that captions anybody's picture with the run's model, which lies in `folder` or as runs do."""
    files = [f"--plugin {_shell(file)}" for file in plugins(record) if file.endswith(".py")]
    return " ".join(["caption-zoo", "caption", folder or f"runs/{_shell(record.id)}", "photo.jpg", *files])


def plugins(record: RunRecord) -> list[str]:
    """Files and packages beside the project that the parts came from, without folders."""
    origins = [origin for part in PARTS for origin in str(record.origins.get(part, HOME)).split(", ")]
    return sorted({clean(re.split(r"[\\/]", origin)[-1]) for origin in origins if origin != HOME})


def source_runs(record: RunRecord) -> Iterable[str]:
    """Of which runs an ensemble is made, and from which one a model learned, in sentences; nothing of other models."""
    if runs := record.request.get("ensemble"):
        named = ", ".join(clean(runs[str(seed)]) for seed in _seeds(record))
        yield f"An ensemble: the models of {len(runs)} runs ({named}) decode together, by their mean probabilities."
    if learned := distillation(record):
        how = clean(learned.settings)
        yield f"Distilled from run {learned.teacher}, which its training learned from beside the captions ({how})."


def requirements(record: RunRecord) -> Iterable[str]:
    """What either command needs, in sentences."""
    if _dataset(record) != record.dataset:
        yield "FOLDER is where the data set lies."
    if start := record.request.get("start_from"):
        if has_own_starts(record.request):
            yield f"Each member starts from a run of its own, the first from {clean(start)}: all have to be in runs."
        else:
            yield f"Training starts from the weights of run {clean(start)}, which has to be there."
    if learned := distillation(record):
        yield f"It learns from run {learned.teacher}, which has to be there."
    for name in plugins(record):
        yield f"{name} brings a part: it has to be {'there' if name.endswith('.py') else 'installed'}."
    if weights := str(record.request.get("sources", {}).get("backbone weights", "")):
        yield f"The backbone's weights come from a file, hash {clean(weights)[:16]}."


def _start(record: RunRecord) -> str:
    """Where the run lies that it started from, or all those that an ensemble's members did; empty where it is none."""
    start = record.request.get("start_from")
    return "runs" if has_own_starts(record.request) else f"runs/{start}" if start else ""


def _seeds(record: RunRecord) -> list[int | str]:
    """Those of an ensemble's members."""
    texts = record.request.get("ensemble", {})
    found = [text if (seed := seed_of(text)) is None else seed for text in texts]
    return sorted(found, key=lambda seed: (isinstance(seed, str), seed))


def _dataset(record: RunRecord) -> str:
    """The data set as a Spec, with FOLDER where it lies in one."""
    try:
        spec = Spec.parse(record.dataset)
        where = getattr(DATASETS[spec.name], "location", ()) if spec.name in DATASETS else ()
    except ValueError:
        where = ()
    return (
        str(Spec(spec.name, spec.variant, {**dict.fromkeys(where, "FOLDER"), **spec.options}))
        if where
        else record.dataset
    )


def yaml(value: Any) -> str:
    """`value` as YAML on one line: JSON, but without characters that YAML refuses, and with a point in each float."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{yaml(str(name))}: {yaml(value[name])}' for name in sorted(value))}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(yaml, value))}]"
    if isinstance(value, str):
        return re.sub("[\ufffe\uffff]", "\ufffd", json.dumps(clean(value), ensure_ascii=False))
    return re.sub(r"^(-?\d+)e", r"\1.0e", json.dumps(value))


def _key(name: str) -> str:
    """Bare where YAML reads it as itself."""
    plain = re.fullmatch(r"[a-z]+(_[a-z]+)*", name) and name not in (
        "y",
        "n",
        "yes",
        "no",
        "on",
        "off",
        "true",
        "false",
        "null",
    )
    return name if plain else yaml(name)


def _shell(value: object) -> str:
    """`value` as one word of a command line."""
    text = clean(value)
    return f'"{text}"' if "'" in text and not re.search(r'["$`\\!]', text) else shlex.quote(text)
