"""What a matrix costs: stages are those of a run, units are counted right, and nothing is left behind."""

import math
from dataclasses import replace

import pytest
import torch

from benchmarks.cell import estimate
from benchmarks.cell.context import Context
from benchmarks.cell.cost import Cost, Stage
from benchmarks.cell.estimate import Estimator
from benchmarks.cell.prepare import store
from benchmarks.cli.main import main
from benchmarks.config import Experiment, Matrix, Training
from benchmarks.plan.matrix import plan
from benchmarks.runtime.device import cores
from zoo.backbones.build import build_backbone
from zoo.captioner import Captioner

FAKE = "fake(train=22, validation=6, test=5, words=20)"
CONFIG = f"""
dataset: {FAKE}
matrix: {{backbone: [patches(dim=8)], attention: [luong], decoder: [lstm(dim=8)], seeds: [0, 1]}}
training: {{epochs: 3, batch_size: 4}}
"""
BROKEN = """
from zoo.attention.luong import Luong
from zoo.registries import ATTENTIONS

@ATTENTIONS.register("broken")
class Broken(Luong):
    \"\"\"Fails in training.\"\"\"

    def forward(self, *arguments, **options):
        if self.training:
            raise RuntimeError("it broke")
        return super().forward(*arguments, **options)
"""


class Clock:
    """Time that passes only as a test says."""

    now = 0.0

    def __call__(self):
        return self.now

    def work(self, durations):
        def one():
            self.now += next(durations)

        return one


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(estimate.time, "perf_counter", made)
    return made


def cell(backbone="patches(dim=8, trainable=False)", **training):
    settings = Training(**{"epochs": 2, "batch_size": 4, "min_count": 1, **training})
    experiment = Experiment(FAKE, Matrix(backbone, "luong", "lstm(dim=8)"), metrics=("cider",), training=settings)
    return plan(experiment).cells[0]


def test_seconds_are_those_behind_the_warm_up(clock):
    assert estimate._timed(clock.work(iter([9.0, 5.0, 1.0, 2.0, 3.0])), 3) == (1.0, 2.0, 3.0)


def test_what_is_slow_is_measured_less_often_and_at_least_once(clock):
    assert estimate._timed(clock.work(iter([1.0, 1.0, 20.0, 9.0, 7.0])), 3) == (20.0, 9.0)
    assert estimate._timed(clock.work(iter([60.0, 7.0, 8.0, 9.0, 7.0])), 3) == (8.0, 9.0, 7.0)  # one that compiles
    assert estimate._timed(clock.work(iter([60.0, 31.0, 7.0])), 3) == (31.0,)


def test_a_run_is_its_epochs_and_the_test_images():
    train, validate, caption = Stage(10, (1.0, 3.0)), Stage(5, (0.2, 0.2)), Stage(4, (0.5,))
    cost = Cost("cpu", Stage(7, (1.0,)), 100, 3, train, validate, caption, 0)
    assert (train.seconds, validate.seconds, caption.seconds) == (20.0, 1.0, 2.0)
    assert cost.seconds == 3 * (20 + 1) + 2
    assert train.error == pytest.approx(10 * math.sqrt(2) / math.sqrt(2))  # of the mean of 1 and 3, ten times
    assert (validate.error, caption.error, cost.error) == (0, 0, 3 * train.error)


@pytest.mark.parametrize("backbone", ["patches(dim=8, trainable=False)", "patches(dim=8)"])
def test_what_would_be_stored_is_what_a_run_stores(tmp_path, backbone):
    wanted = cell(backbone)
    with Context(tmp_path) as context:
        cost = Estimator(context, steps=2).cost(wanted)
        stored = store(wanted, build_backbone(wanted.backbone).eval(), context)
    assert cost.stored == stored.source.nbytes
    assert (cost.encode.units, cost.validate.units, cost.caption.units) == (22 + 6 + 5, 6, 5)
    assert (cost.epochs, cost.train.units) == (2, math.ceil(22 / 4))
    assert [len(stage.samples) for stage in (cost.encode, cost.train, cost.validate, cost.caption)] == [2] * 4


def test_each_round_of_encoding_takes_all_lanes(tmp_path, monkeypatch):
    taken, encoding = [], estimate.encode.encode_batches

    def counted(*arguments, **options):
        for batch in encoding(*arguments, **options):
            taken.append(len(batch.examples))
            yield batch

    monkeypatch.setattr(estimate.encode, "encode_batches", counted)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with Context(tmp_path) as context:
            Estimator(context, steps=3).cost(cell())
    finally:
        torch.set_num_threads(threads)
    assert taken == [estimate.encode.PART] * 2 * (2 + 3)  # two lanes, two rounds to warm up


def test_scheduled_sampling_costs_its_second_pass(tmp_path, monkeypatch):
    passes, call = [], Captioner.teacher_force
    monkeypatch.setattr(
        Captioner, "teacher_force", lambda *arguments, **options: passes.append(1) or call(*arguments, **options)
    )
    counts = []
    for objective in ("cross_entropy", "cross_entropy(scheduled_sampling=0.2)"):
        with Context(tmp_path) as context:
            Estimator(context, steps=2).cost(cell(objective=objective))
        counts.append(len(passes))
        passes.clear()
    assert counts[1] == 2 * counts[0]


@pytest.mark.parametrize(("devices", "images"), [(1, 4), (2, 2), (3, 2)])
def test_a_device_takes_its_share_of_a_batch(tmp_path, monkeypatch, devices, images):
    taken, call = [], estimate.TrainStep.__call__
    monkeypatch.setattr(
        estimate.TrainStep, "__call__", lambda self, batch: taken.append(len(batch)) or call(self, batch)
    )
    with Context(tmp_path) as context:
        cost = Estimator(context, steps=2, devices=devices).cost(cell())
    assert set(taken) == {images}
    assert cost.train.units == math.ceil(22 / 4)  # a batch stays a batch


def test_each_backbone_is_encoded_once(tmp_path, monkeypatch):
    taken, encode = [], estimate.Estimator._encode
    monkeypatch.setattr(
        estimate.Estimator, "_encode", lambda self, one, data: taken.append(one.backbone) or encode(self, one, data)
    )
    first, other = cell(), cell("patches(dim=4, trainable=False)")
    with Context(tmp_path) as context:
        estimator = Estimator(context, steps=1)
        for each in (first, replace(first, seed=1), other):
            estimator.cost(each)
    assert taken == [first.backbone, other.backbone]


def test_a_dry_run_with_steps_prints_the_cost_and_leaves_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "config.yaml").write_text(CONFIG)
    assert main(["run", "config.yaml", "--dry-run", "2"]) == 0
    cells, encoded, trained, whole = capsys.readouterr().out.split("\n", 6)[2:6]
    assert cells == "2 cells"
    assert encoded.startswith("patches(dim=8): encode 33 images ")
    assert trained.startswith("  luong + lstm(dim=8): train 3 x ")
    assert trained.endswith(" for each of 2 seeds")
    assert " for 2 cells, one after another" in whole
    assert "from 2 steps of each stage" in whole
    assert [file.name for file in tmp_path.iterdir()] == ["config.yaml"]


def test_an_ensemble_is_no_further_seed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(f"{CONFIG}ensemble: true\n")
    assert main(["run", "config.yaml", "--dry-run", "1"]) == 0
    printed = capsys.readouterr().out
    assert " for each of 2 seeds\n" in printed
    assert " for 2 cells, one after another" in printed
    assert "\nEnsembles, 1, are not counted" in printed


def test_what_cannot_be_measured_is_named_and_the_others_are_measured(tmp_path, capsys):
    config, plugin = tmp_path / "config.yaml", tmp_path / "broken.py"
    config.write_text(CONFIG.replace("[luong]", "[broken, luong]"))
    plugin.write_text(BROKEN)
    assert main(["run", str(config), "--plugin", str(plugin), "--dry-run", "1", "--seeds", "0"]) == 1
    printed = capsys.readouterr().out
    assert "patches(dim=8) + broken + lstm(dim=8): not measured: it broke" in printed
    assert "  luong + lstm(dim=8): train 3 x " in printed
    assert " for 1 cells" in printed


def test_the_others_are_measured_where_one_ends_the_process(tmp_path, capsys):
    config, plugin = tmp_path / "config.yaml", tmp_path / "broken.py"
    config.write_text(CONFIG.replace("[luong]", "[broken, luong]"))
    plugin.write_text(f"import os\n{BROKEN}".replace('raise RuntimeError("it broke")', "os._exit(9)"))
    assert main(["run", str(config), "--plugin", str(plugin), "--dry-run", "1", "--seeds", "0"]) == 1
    printed = capsys.readouterr().out
    assert "patches(dim=8) + broken + lstm(dim=8): not measured: when it was measured, " in printed
    assert "  luong + lstm(dim=8): train 3 x " in printed


def test_what_is_done_is_not_counted_again(tmp_path, capsys, monkeypatch):
    done = None
    monkeypatch.setattr("benchmarks.executors.schedule.finished_tail", lambda place: place == done and "its tail")
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG)
    command = ["run", str(config), "--out", str(tmp_path / "runs"), "--dry-run"]
    assert main(command) == 0
    done = tmp_path / "runs" / capsys.readouterr().out.split()[0]
    assert main([*command, "1"]) == 0
    printed = capsys.readouterr().out
    assert "seed 0  done before\n" in printed
    assert "2 cells, 1 of them done before\n" in printed
    assert " for 1 cells, one after another" in printed


@pytest.mark.skipif(cores() < 2 or torch.cuda.is_available(), reason="two workers take two cores, and no GPU")
def test_workers_share_the_cells_and_each_has_its_cores(tmp_path, capsys, monkeypatch):
    used = []
    cost = Cost("cpu", Stage(7, (1.0,)), 100, 1, Stage(10, (1.0,)), Stage(5, (0.2,)), Stage(4, (0.5,)), 0)

    def costs(server, cells, plugins, resources, steps, devices):
        used.append(resources)
        return [cost for _ in cells]

    monkeypatch.setattr("benchmarks.cli.estimate._costs", costs)
    (tmp_path / "config.yaml").write_text(CONFIG)
    assert main(["run", str(tmp_path / "config.yaml"), "--dry-run", "1", "--workers", "2", "--seeds", "0,1,2"]) == 0
    assert [len(each.cores) for each in used] == [cores() // 2]
    assert "about 33.0 s for 3 cells, 2 at once, " in capsys.readouterr().out  # 7 of encoding, and two of three cells


def test_negative_workers_are_refused(tmp_path, capsys):
    (tmp_path / "config.yaml").write_text(CONFIG)
    assert main(["run", str(tmp_path / "config.yaml"), "--dry-run", "1", "--workers", "-1"]) == 2
    assert "workers=-1 should not be negative" in capsys.readouterr().err


def test_steps_are_a_number(tmp_path, capsys):
    (tmp_path / "config.yaml").write_text(CONFIG)
    assert main(["run", str(tmp_path / "config.yaml"), "--dry-run", "-1"]) == 2
    assert "--dry-run -1 should be" in capsys.readouterr().err
