"""Every data set, metric, objective and logger keeps its contracts; every contract catches one that breaks it."""

import itertools
import random
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest
from folders import coco_folder, own_folder, parquet_folder, shard_folder
from PIL import Image

from benchmarks.cli.main import main
from benchmarks.contracts import CONTRACTS, check
from benchmarks.data import DATASETS, Example
from benchmarks.data.scenes import Scenes
from benchmarks.loggers import LOGGERS
from benchmarks.loggers.csv import Csv
from benchmarks.metrics import METRICS, MetricScore
from benchmarks.metrics.cider import Cider
from benchmarks.metrics.rouge import Rouge
from benchmarks.training import OBJECTIVES
from benchmarks.training.objectives import TeacherForced
from benchmarks.training.objectives.cross_entropy import CrossEntropy

TURN = itertools.count()


def broken(kind, spec):
    return [name for name, problem in check(kind, spec) if problem]


@pytest.mark.parametrize("spec", list(METRICS))
def test_metrics_keep_their_contracts(spec):
    assert dict(check("metric", spec)) == dict.fromkeys(CONTRACTS["metric"])


def test_data_sets_keep_their_contracts(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    shards = shard_folder(tmp_path / "shards")
    root = coco_folder(tmp_path / "coco")
    own = own_folder(tmp_path / "own")
    specs = {
        "hf": f"hf(path={str(parquet_folder(tmp_path / 'parquet'))!r})",
        "folder": f"folder(root={str(own)!r})",
        "scenes": "scenes(train=5, validation=4, test=6)",
        "fake": "fake(train=5, validation=4, test=6, words=30)",
        "coco": f"coco(root={str(root)!r})",
        "webdataset": f"webdataset(root={str(shards)!r}, train='train-*.tar', validation='val-*.tar', test='test-*.tar')",
    }
    assert set(specs) == set(DATASETS), "which options does the new data set take here?"
    variants = [f"coco(root={str(root)!r}, {options})" for options in ("split='karpathy'", "holdout=0.4")]
    for spec in (*specs.values(), *variants):
        assert dict(check("dataset", spec)) == dict.fromkeys(CONTRACTS["dataset"]), spec


class Small(Scenes):
    def __init__(self, *, train: int = 4):
        super().__init__(train=train, validation=4, test=4)


class Nameless(Small):
    fingerprint = property(lambda self: "", lambda self, value: None)


class Unsplit(Small):
    def __init__(self, *, train: int = 4):
        super().__init__(train=train)
        self.validation = []


class Mute(Small):
    def __init__(self, *, train: int = 4):
        super().__init__(train=train)
        self.test = [replace(self.test[0], captions=("...",)), *self.test[1:]]


class Leaking(Small):
    def __init__(self, *, train: int = 4):
        super().__init__(train=train)
        self.train = [*self.train, self.test[0]]


class Doubled(Small):
    def __init__(self, *, train: int = 4):
        super().__init__(train=train)
        self.train = [*self.train, self.train[0]]


class Restless(Small):
    def __init__(self, *, train: int = 4):
        super().__init__(train=train)
        self.train = [Example(3 * next(TURN) + 3000, example.captions) for example in self.train]


class Grey(Small):
    def load(self, example):
        return super().load(example).convert("L")


class Flickering(Small):
    def load(self, example):
        return Image.new("RGB", (8, 8), (next(TURN) % 256, 0, 0))


class Percent(Small):
    def diagnostics(self, described):
        return {"exact": 100.0}


class Backwards(Small):
    def diagnostics(self, described):
        return {"exact": float(not any(said.caption for said in described.values()))}


class Homeless(Small):
    location = ("folder",)


class Placed(Small):
    def __init__(self, *, folder: str = __file__):
        super().__init__()


DATA_MISTAKES = [
    (Nameless, "declares what it is"),
    (Unsplit, "has images and captions in every split"),
    (Mute, "has images and captions in every split"),
    (Leaking, "has disjoint splits"),
    (Doubled, "has disjoint splits"),
    (Restless, "is deterministic"),
    (Grey, "loads images"),
    (Flickering, "loads images"),
    (Percent, "diagnostics lie between 0 and 1"),
    (Backwards, "diagnostics lie between 0 and 1"),
    (Homeless, "keeps paths out of its name"),
    (Placed, "keeps paths out of its name"),
]


class Barred(Rouge):
    signature = "rouge|l"


class Mistitled(Rouge):
    columns = ("ROUGE",)


class Pooled(Rouge):
    def score(self, candidates, references):
        return {"ROUGE_L": MetricScore(super().score(candidates, references)["ROUGE_L"].corpus, [])}


class Distance(Rouge):
    def score(self, candidates, references):
        said = super().score(candidates, references)["ROUGE_L"]
        return {"ROUGE_L": MetricScore(-said.corpus, [-score for score in said.per_image])}


class FirstReference(Rouge):
    def score(self, candidates, references):
        return super().score(candidates, [said[:1] for said in references])


class Fussy(Rouge):
    def score(self, candidates, references):
        if not all(candidates):
            raise ValueError("a caption without a word")
        return super().score(candidates, references)


class Crowd(Cider):
    def score(self, candidates, references):
        said = super().score(candidates, references)["CIDEr"]
        return {"CIDEr": MetricScore(said.corpus / (len(candidates) - 1), said.per_image)}


class Drifting(Rouge):
    def score(self, candidates, references):
        said = super().score(candidates, references)["ROUGE_L"]
        return {"ROUGE_L": MetricScore(said.corpus + next(TURN) * 1e-9, said.per_image)}


class Wearing(Rouge):
    def compare(self, candidates, weighed):
        said = super().compare(candidates, weighed)
        weighed[0] = weighed[0][1:]
        return said


class Stale(Rouge):
    def prepare_references(self, references):
        self.first = getattr(self, "first", None) or super().prepare_references(references)
        return self.first


METRIC_MISTAKES = [
    (Barred, "declares what it is"),
    (Mistitled, "scores every image in every column"),
    (Pooled, "scores every image in every column"),
    (Distance, "ranks the right captions first"),
    (FirstReference, "does not depend on the order"),
    (Fussy, "accepts empty captions"),
    (Crowd, "accepts a single image"),
    (Drifting, "gives the same score twice"),
    (Wearing, "leaves prepared references unchanged"),
    (Stale, "leaves prepared references unchanged"),
]


class Silent(CrossEntropy):
    reports = ("loss", "accuracy")


class Undone(CrossEntropy):
    def forward(self, batch):
        return super().forward(batch)._replace(total=self.captioner.decoder.bias.sum() * float("inf"))


class Detached(CrossEntropy):
    def forward(self, batch):
        return super().forward(batch)._replace(total=self.captioner.decoder.bias.sum())


class Dicing(CrossEntropy):
    def forward(self, batch):
        loss = super().forward(batch)
        return loss._replace(total=loss.total * (1 + next(TURN)))


class Padded(CrossEntropy):
    def forward(self, batch):
        loss = super().forward(batch)
        return loss._replace(words=loss.words.new_tensor(batch.captions[..., 1:].numel()))


class Averaged(CrossEntropy):
    def forward(self, batch):
        loss = super().forward(batch)
        return loss._replace(total=loss.total / loss.words)


class Alone(CrossEntropy):
    def forward(self, batch):
        with mock.patch.object(TeacherForced, "auxiliary_loss", lambda forced: forced.logits.new_zeros(())):
            return super().forward(batch)


OBJECTIVE_MISTAKES = [
    (Silent, "declares what it reports"),
    (Undone, "gives finite numbers"),
    (Detached, "trains the decoder"),
    (Dicing, "repeats with the same random state"),
    (Padded, "ignores padding"),
    (Averaged, "adds up over parts"),
    (Alone, "adds auxiliary losses"),
]


@pytest.mark.parametrize(
    "spec",
    [*(name for name in OBJECTIVES if "distillation" not in name), "self_critical(baseline='greedy', bleu=0.5)"],
)
def test_objectives_keep_their_contracts(spec):  # those that need a teacher, in test_distillation
    assert dict(check("objective", spec)) == dict.fromkeys(CONTRACTS["objective"])


class Eager(Csv):
    def __init__(self):
        Path("metrics.csv").touch()


class Littering(Csv):
    def open(self, run, step):
        super().open(run, step)
        run.folder.with_suffix(".lock").touch()


class Hidden(Csv):
    def open(self, run, step):
        super().open(replace(run, folder=Path("elsewhere")), step)


class Late(Csv):
    def log(self, step, metrics):
        self.rows = [*getattr(self, "rows", []), (step, metrics)]

    def close(self):
        for row in getattr(self, "rows", ()):
            super().log(*row)
        super().close()


class Columns(Csv):
    def log(self, step, metrics):
        self.names = getattr(self, "names", metrics.keys())
        assert self.names == metrics.keys()
        super().log(step, metrics)


class Once(Csv):
    def open(self, run, step):
        super().open(run, step)
        if step:
            self.close()
            raise FileExistsError


class Named(Csv):
    def open(self, run, step):
        super().open(run, step)
        self.id = random.random()


LOGGER_MISTAKES = [
    (Eager, "is made without a trace"),
    (Littering, "writes into its folder alone"),
    (Hidden, "writes into its folder alone"),
    (Late, "survives a kill after each metric"),
    (Columns, "accepts any name and value"),
    (Once, "resumes before its last step"),
    (Named, "leaves random numbers alone"),
]


@pytest.mark.parametrize("spec", LOGGERS)
def test_loggers_keep_their_contracts(spec, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_CACHE_DIR", str(tmp_path))
    assert dict(check("logger", spec)) == dict.fromkeys(CONTRACTS["logger"])


@pytest.mark.parametrize(
    ("registry", "part", "contract"),
    [(DATASETS, *mistake) for mistake in DATA_MISTAKES]
    + [(METRICS, *mistake) for mistake in METRIC_MISTAKES]
    + [(OBJECTIVES, *mistake) for mistake in OBJECTIVE_MISTAKES]
    + [(LOGGERS, *mistake) for mistake in LOGGER_MISTAKES],
)
def test_a_planted_mistake_is_caught(registry, part, contract, monkeypatch):
    monkeypatch.setitem(registry._factories, "planted", part)
    assert contract in broken(registry.kind, "planted")


def test_every_contract_has_a_mistake_that_it_catches():
    caught = {contract for _, contract in DATA_MISTAKES + METRIC_MISTAKES + OBJECTIVE_MISTAKES + LOGGER_MISTAKES}
    assert caught | {"is named as registered"} == {name for kind in CONTRACTS.values() for name in kind}


def test_the_command_says_what_is_broken(monkeypatch, capsys):
    monkeypatch.setitem(METRICS._factories, "planted", Distance)
    assert main(["check", "metric", "planted"]) == 1
    assert "BROKEN  ranks the right captions first: AssertionError: ROUGE_L is no higher" in capsys.readouterr().out
    assert main(["check", "dataset", "scenes(train=0)"]) == 1
    assert "not train=0" in capsys.readouterr().out


def test_a_kind_without_contracts_is_refused():
    with pytest.raises(ValueError, match="dataset"):
        list(check("colour", "red"))
