"""A config from a YAML or JSON file, which is data alone: no plug-in, no other file, nothing that explodes."""

import json
import re
from collections.abc import Hashable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from benchmarks.config import Decoding, Experiment, Matrix, Training
from benchmarks.loggers import is_plugin
from registry import UnknownName
from zoo.settings import hint

_BYTES = 2**16  # a long one has a tenth of that; the loader takes seconds for a MiB
_LISTS = ("backbone", "attention", "decoder", "seeds")  # of a matrix, where one entry may stand alone
_GROUPS = {"matrix": Matrix, "training": Training, "decoding": Decoding}  # keys that have keys
_WHOLE = 2**63  # no setting goes beyond
_OPTIONS = ("plugin", "config", "out", "cache")  # of commands
_EXECUTION = "execution"  # how a matrix is run, which changes no result

_HOW: Mapping[str, type] = {
    "executor": str,
    "logger": list,
    "workers": int,
    "devices": int,
    "micro_batch": int,
    "grad_checkpointing": bool,
    "time_limit": str,
    "memory_limit": str,
    "silence_limit": str,
    "retries": int,
    "retry_on": str,
}


class _Loader(yaml.SafeLoader):
    """YAML without what lets a small file stand for a large one, and without a key twice."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            raise yaml.MarkedYAMLError(problem="aliases are not read", problem_mark=self.peek_event().start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if str(key.value) in seen:
                raise yaml.MarkedYAMLError(problem=f"the key {key.value!r} is there twice", problem_mark=key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        value: int = super().construct_yaml_int(node)
        if abs(value) >= _WHOLE:
            raise yaml.MarkedYAMLError(problem="too large a whole number", problem_mark=node.start_mark)
        return value


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)


def read_config(file: str, *, execution: bool = False) -> str:
    """The content of a config, checked, as JSON; with what it says of `execution`, or without.

    Raises:
        ValueError: it cannot be read, or holds what no config does; the message says where.
    """
    path = Path(file)
    if path.exists() and not path.is_file():
        raise ValueError(f"{file} is no file")
    try:
        with path.open("rb") as opened:
            content = opened.read(_BYTES + 1)
    except OSError as error:
        raise ValueError(f"cannot read config {file}: {error.strerror}") from None
    if len(content) > _BYTES:
        raise ValueError(f"config {file} has more than {_BYTES >> 10} KiB: a config is a few lines")
    try:
        text = content.decode("utf-8-sig")
        values = yaml.load(text, _Loader)
    except UnicodeDecodeError:
        raise ValueError(f"config {file} is not in UTF-8") from None
    except Exception as error:  # of YAML, or of a type that a tag or a text asks for
        raise ValueError(f"config {file}: {_explain(error)}") from None
    if not isinstance(values, dict):
        raise ValueError(f"config {file} should have keys and values, dataset: scenes")
    how = _how(values.pop(_EXECUTION, {}), file)
    _refuse_unknown(values, file)
    for group in _GROUPS.keys() & values:
        _refuse_wrong(group, values[group], file)
    _refuse_comments(values, text, file)
    if isinstance(matrix := values.get("matrix"), dict):
        alone = {key: [value] for key, value in matrix.items() if key in _LISTS and not isinstance(value, list)}
        values["matrix"] = {**matrix, **alone}
    if isinstance(values.get("metrics"), str | dict):
        values["metrics"] = [values["metrics"]]
    try:
        return json.dumps({**values, **(how if execution else {})}, default=str)
    except TypeError:
        raise ValueError(f"config {file}: a key is no text: put it in quotes") from None


def _how(values: Any, file: str) -> dict[str, Any]:
    """What a config says of execution, as the options of the command line are."""
    if not isinstance(values, dict):
        raise ValueError(f"config {file}: {_EXECUTION} should have keys and values, such as workers: 2")
    values = {key: [value] if key == "logger" and isinstance(value, str) else value for key, value in values.items()}
    for key, value in values.items():
        if key not in _HOW:
            raise UnknownName(f"key of {_EXECUTION} in a config ({file})", str(key)[:60], list(_HOW))
        if value is None:
            raise ValueError(f"config {file}: {_EXECUTION}.{key} is empty: give it a value, or leave it out")
        text = _HOW[key] is str and isinstance(value, str | int | float | list) and not isinstance(value, bool)
        if not text and type(value) is not _HOW[key]:
            wrong = f"should be of type {_HOW[key].__name__}, not {repr(value)[:60]}"
            raise ValueError(f"config {file}: {_EXECUTION}.{key} {wrong}")
    _refuse_logger_files(values.get("logger", []), file)
    return {
        key: ",".join(map(str, value)) if _HOW[key] is str and isinstance(value, list) else _HOW[key](value)
        for key, value in values.items()
    }


def _refuse_logger_files(loggers: list[Any], file: str) -> None:
    for logger in loggers:
        if not isinstance(logger, str):
            raise ValueError(f"config {file}: {_EXECUTION}.logger: {repr(logger)[:60]} is no text: write csv, or [csv]")
        if is_plugin(logger):
            raise ValueError(f"config {file}: a file belongs on the command line, --logger {logger}: a config is data")


def _refuse_unknown(values: dict[Any, Any], file: str) -> None:
    known = [*(field.name for field in fields(Experiment)), _EXECUTION]
    for key in values:
        if key in _OPTIONS:
            raise ValueError(f"config {file}: {key} belongs on the command line, --{key}: a config is data alone")
        if key not in known:
            raise UnknownName(f"key of a config ({file})", str(key)[:60], known)
        if values[key] is None:
            raise ValueError(f"config {file}: {key} is empty: give it a value, or leave it out")


def _refuse_wrong(group: str, values: Any, file: str) -> None:
    """Refuse what the parser would take for another file, pass over, or hand on to code that expects a number."""
    if not isinstance(values, dict):
        raise ValueError(f"config {file}: {group} should have keys and values")
    known = [f"{group}.{field.name}" for field in fields(_GROUPS[group])]
    for key, value in values.items():
        if not isinstance(key, str):
            raise ValueError(f"config {file}: a key is no text: put it in quotes")
        if (name := f"{group}.{key}"[:60]) not in known:
            raise ValueError(f"config {file}: there is no {name!r}.{hint(name, known)}")
        if value is None:
            raise ValueError(f"config {file}: {group}.{key} is empty: give it a value, or leave it out")


def _refuse_comments(values: dict[Any, Any], text: str, file: str) -> None:
    """YAML takes what follows " #" for a comment, also inside a component's brackets."""
    for value in _texts(values):
        if value.count("(") > value.count(")") and re.search(re.escape(value) + r"\s+#", text):
            raise ValueError(f"config {file}: {value!r} ends where YAML begins a comment, at #: put it in quotes")


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for item in inside for text in _texts(item)]


def _explain(error: Exception) -> str:
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None) or str(error)
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    hint = ": put a component with a colon in quotes" if "mapping values" in problem else ""
    return " ".join(f"{where}{problem}{hint}".split())
