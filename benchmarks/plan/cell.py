"""One run of a matrix, and its id."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from benchmarks.config import Decoding, Training
from benchmarks.records.request import PROTOCOL, Request, identity
from benchmarks.training.teacher_option import with_teacher
from registry import Spec
from zoo.registries import without_paths


class Teacher(NamedTuple):
    """A run that an objective learns from: the option that names it, its id, and its folder."""

    option: str
    run: str
    folder: str


@dataclass(frozen=True)
class Cell:
    """One run: which model, on what, with which seed.

    `located_dataset` says where the data lie too; `dataset` does not, and is what records repeat.
    `start_from` is the id of the run whose weights it starts from, where it does, and `start_folder`
    the place of that run, which is not repeated either. `members` are the cells whose trained models
    decode together here, where it is an ensemble: it trains none, and its settings of training are theirs.
    `teacher` is the run that its objective learns from, where it names one; the request has the id in
    the place of the folder.
    `uses` has the kind and name of each component that it needs, those that options name too.
    `origins` says for each part where it came from; `sources` holds the hash of the file
    of each part that a plug-in brought, and of a backbone's weights, so that an edited file
    is another run.
    """

    experiment: str
    located_dataset: Spec
    dataset: Spec
    fingerprint: str
    split: str
    synthetic: bool
    backbone: Spec
    attention: Spec
    decoder: Spec
    seed: int
    metrics: tuple[Spec, ...]
    training: Training
    decoding: Decoding
    start_from: str = ""
    start_folder: str = ""
    teacher: Teacher | None = None
    members: tuple["Cell", ...] = ()
    uses: tuple[tuple[str, str], ...] = ()
    origins: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)

    @property
    def parts(self) -> dict[str, str]:
        """The spelling of each part, by kind; of a file of weights its name, since `sources` has its hash."""
        return {kind: str(without_paths(getattr(self, kind))) for kind in ("backbone", "attention", "decoder")}

    @property
    def request(self) -> dict[str, Any]:
        """All that decides the outcome, as JSON."""
        return Request(
            protocol=PROTOCOL,
            dataset=str(self.dataset),
            fingerprint=self.fingerprint,
            **self.parts,
            seed=self.seed,
            start_from=self.start_from,
            ensemble={str(member.seed): member.id for member in self.members},
            metrics=tuple(map(str, self.metrics)),
            training=self._requested_training,
            decoding=self.decoding,
            sources=self.sources,
        ).to_json()

    @property
    def _requested_training(self) -> Training:
        return with_teacher(self.training, self.teacher.option, self.teacher.run) if self.teacher else self.training

    @cached_property
    def id(self) -> str:
        """Twelve hex digits that change if and only if the request does."""
        return identity(self.request)

    def __str__(self) -> str:
        which = f"ensemble of {len(self.members)}" if self.members else f"seed {self.seed}"
        return f"{' + '.join(self.parts.values())}, {which}"
