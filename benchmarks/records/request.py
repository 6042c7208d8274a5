"""The request of a run: all that decides its outcome, and what its id is a hash of."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from benchmarks.config import Decoding, Training
from benchmarks.records.schema import convert, parse
from zoo.settings import refuse_unknown, settings_of, to_request

_OMITTED = ("start_from", "ensemble")  # where they are empty, as before there were such fields
_SEED = re.compile("0|[1-9][0-9]{0,19}")  # any below 2^64 is one
PROTOCOL = 2  # what a number means; raise it when the same request would give another one


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a model is trained, and how it writes its captions."""

    training: Training = field(default_factory=Training)
    decoding: Decoding

    @classmethod
    def of(cls, request: Any) -> Self:
        """Those that `request` has, as JSON has them.

        Raises:
            ValueError: a field is missing, unknown, or of another type; the message says which.
        """
        groups = {"training": Training, "decoding": Decoding}
        found = {
            name: request[name]
            for name in groups
            if isinstance(request, Mapping) and isinstance(request.get(name), Mapping)
        }
        for name, values in found.items():
            refuse_unknown(groups[name], values)
        settings = convert(request, cls)
        # Settings are as they are written: 0 and 0.0 are equal, and two requests.
        return replace(settings, **{name: settings_of(groups[name], values) for name, values in found.items()})

    @classmethod
    def read(cls, file: Path) -> Self:
        """Those of a run's `request.json`.

        Raises:
            ValueError: it cannot be read, or `of` refuses it; the message names the file.
        """
        try:
            return cls.of(parse(file))
        except (OSError, ValueError) as error:
            raise ValueError(f"cannot read request {file}: {error}") from None


def read_decoding(file: Path) -> Decoding:
    """How the captions of a run were written, from its `request.json`, whatever else stands there.

    Raises:
        ValueError: it cannot be read, or a setting is unknown or makes no sense; the message names the file.
    """
    try:
        request = parse(file)
        return Settings.of({"decoding": request.get("decoding")} if isinstance(request, Mapping) else request).decoding
    except (OSError, ValueError) as error:
        raise ValueError(f"cannot read request {file}: {error}") from None


@dataclass(frozen=True, kw_only=True)
class Request(Settings):
    """All that decides the outcome of a run.

    Args:
        protocol: what its numbers mean, see `PROTOCOL`.
        dataset: Spec of the data set, without the folder it lies in.
        fingerprint: hash of what the data set holds.
        backbone: Spec.
        attention: Spec.
        decoder: Spec.
        seed: decides the first weights and the order of the images.
        metrics: Specs.
        training: how the model is trained.
        decoding: how it writes its captions.
        start_from: id of the run whose trained weights it starts from; left out where it starts anew.
        ensemble: seed -> id of each run whose model decodes together with the others here; left out where it is one
            model. The other fields are those of the run with the lowest seed.
        sources: label of a part from elsewhere, or of a file of weights -> hash of its file.
    """

    protocol: int
    dataset: str
    fingerprint: str
    backbone: str
    attention: str
    decoder: str
    seed: int
    metrics: tuple[str, ...]
    training: Training
    sources: Mapping[str, str]
    start_from: str = ""
    ensemble: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As it is written, and as `identity` takes it."""
        settings = {"training": to_request(self.training), "decoding": to_request(self.decoding)}
        values = {**vars(self), **settings, "metrics": list(self.metrics), "sources": dict(self.sources)}
        values["ensemble"] = dict(self.ensemble)
        return {name: value for name, value in values.items() if value or name not in _OMITTED}


def started_from(request: Mapping[str, Any], seed: int, start: str) -> bool:
    """Whether run `start` is what the requested run started from, or of an ensemble its member with this seed."""
    own = {name: value for name, value in request.items() if name != "ensemble"}
    run = request["ensemble"].get(str(seed)) if request.get("ensemble") else identity(request)
    return identity({**own, "seed": seed, "start_from": start}) == run


def has_own_starts(request: Mapping[str, Any]) -> bool:
    """Whether the members of an ensemble started from runs of their own, of which the request names the first one's."""
    start = request.get("start_from")
    seeds = [seed_of(text) for text in request.get("ensemble", {})] if start else []
    return any(seed is not None and not started_from(request, seed, str(start)) for seed in seeds)


def seed_of(text: str) -> int | None:
    """The seed under which an ensemble has a member, as Python writes whole numbers; None where it is none."""
    return int(text) if _SEED.fullmatch(text) else None


def identity(request: Mapping[str, Any]) -> str:
    """The id of whatever makes this request: twelve hex digits that change if and only if the request does."""
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()[:12]
