"""Ensembles as cells of a matrix: their records, their rows, and what becomes of them where a member fails."""

import json
import shutil
from dataclasses import replace

import pytest
from folders import flip_last_bit
from forking import caption_zoo
from PIL import Image
from records import record

from benchmarks.cell.context import Context
from benchmarks.cell.model import TrainedModel
from benchmarks.cell.run import run_cell
from benchmarks.cli.main import main
from benchmarks.config import Experiment, Matrix, Training
from benchmarks.executors import Executor
from benchmarks.executors.schedule import Survey, run
from benchmarks.executors.setup import RunSetup
from benchmarks.executors.site import Site
from benchmarks.features.store import ImageStore
from benchmarks.leaderboard.card import card, model_card
from benchmarks.leaderboard.card.rerun import config
from benchmarks.leaderboard.csv_export import table_csv
from benchmarks.leaderboard.html.inline import inline
from benchmarks.leaderboard.html.page import page
from benchmarks.leaderboard.markdown import markdown
from benchmarks.leaderboard.tables.effects import effects
from benchmarks.leaderboard.tables.summary import summarise
from benchmarks.plan.matrix import plan
from benchmarks.records.record import RunRecord, records
from benchmarks.records.request import has_own_starts, identity
from benchmarks.runtime.resources import Resources
from benchmarks.verification.checker.check import check_all, check_values
from benchmarks.verification.checker.figures import rates
from benchmarks.verification.checker.members import evenly, sizes
from benchmarks.verification.reproduce import plan_of
from zoo import checkpoint

CONFIG = """
name: both
dataset: scenes(train=12, validation=3, test=6)
ensemble: true
matrix:
  backbone: ["patches(dim=8, trainable=False)"]
  attention: [luong]
  decoder: ["lstm(dim=16)"]
  seeds: [3, 0]
metrics: [cider]
training: {epochs: 1, decay_epochs: 2, min_count: 1, batch_size: 8}
"""
EXPERIMENT = Experiment(
    dataset="scenes(train=12, validation=3, test=6)",
    matrix=Matrix("patches(dim=8, trainable=False)", ("luong", "mean"), "lstm(dim=16)", (0, 1, 2)),
    training=Training(epochs=1, min_count=1),
    ensemble=True,
)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two seeds and their ensemble, run twice over."""
    folder = tmp_path_factory.mktemp("ensemble")
    (folder / "config.yaml").write_text(CONFIG)
    for _ in range(2):
        ended = caption_zoo("run", "config.yaml", "--cache", "cache", folder=folder).end()
        assert ended.returncode == 0, ended
        assert "3 of 3 cells done" in ended.stdout
    assert ended.stdout.count("(done before)") == 3
    Image.linear_gradient("L").resize((70, 60)).convert("RGB").save(folder / "photo.png")
    return folder / "runs"


@pytest.fixture(scope="module")
def both(runs):
    """The record of the ensemble, and those of its members by seed."""
    found = {record.request.get("ensemble") is None: [] for record in records(runs)}
    for each in records(runs):
        found[each.request.get("ensemble") is None].append(each)
    ((ensemble,), members) = found[False], found[True]
    return ensemble, {member.seed: member for member in members}


def test_its_request_names_its_members_and_its_id_is_that_of_its_request(both):
    ensemble, members = both
    assert ensemble.request["ensemble"] == {str(seed): member.id for seed, member in members.items()}
    assert ensemble.id == identity(ensemble.request) not in [member.id for member in members.values()]
    first = members[0].request  # of the lowest seed, whatever their order
    assert {name: value for name, value in ensemble.request.items() if name != "ensemble"} == first


def test_its_record_has_quality_samples_and_speed_and_no_training(runs, both):
    ensemble, members = both
    loaded = [checkpoint.load(runs / member.id) for member in members.values()]
    assert ensemble.params == sum(p.numel() for each in loaded for p in each.parameters())  # random backbones differ
    assert ensemble.scores
    assert ensemble.samples[0]["maps"]
    assert set(ensemble.throughput) == set(ensemble.timing) == set(rates(ensemble.to_json()))
    assert "train_captions_per_sec" not in ensemble.throughput
    assert ensemble.flops["beam"] == pytest.approx(sum(m.flops["beam"] for m in members.values()), rel=0.01)
    assert (ensemble.curve, ensemble.best_epoch, ensemble.seconds["train"]) == ((), 0, 0.0)
    assert set(ensemble.files) == {"captions.json", "request.json"}


def written(found):
    """A record as its file has it."""
    return json.loads(json.dumps({**found.to_json(), "sha256": found.digest}))


def test_the_checker_believes_it_and_finds_what_was_changed(both):
    ensemble, members = both
    values = written(ensemble)

    def problems(**changes):
        changed = replace(ensemble, **changes)
        changed = replace(changed, id=identity(changed.request))
        found = check_values(written(changed))
        return " ".join(each for each in found if "commit" not in each)

    assert problems() == ""
    assert not [each for each in check_values(values) if "commit" not in each]
    other = {**ensemble.request["ensemble"], "0": members[3].id[::-1]}
    assert "is no run of its request with seed 0" in problems(request={**ensemble.request, "ensemble": other})
    started = {**ensemble.request, "start_from": members[3].id}
    first = f"its member {members[0].id} is no run of its request with seed 0"  # the others' starts are in no record
    assert problems(request=started).count("its member") == 1
    assert first in problems(request=started)
    others = ({"x": members[0].id, "3": members[3].id}, {"00": members[0].id, "3": members[3].id})
    others += ({"\N{ARABIC-INDIC DIGIT ZERO}": members[0].id, "3": members[3].id},)
    for wrong in ({"0": members[0].id}, *others, [members[0].id], "three"):
        found = check_values({**values, "request": {**ensemble.request, "ensemble": wrong}})
        assert "ensemble should have the ids of two or more runs" in " ".join(found)
    assert "do not share evenly" in problems(trained=ensemble.trained - 1)
    assert "has a training curve" in problems(curve=members[0].curve)
    assert "rates or timings of other stages" in problems(throughput=members[0].throughput)
    assert "a model.safetensors of its own" in problems(
        files={**ensemble.files, "model.safetensors": members[0].files["model.safetensors"]}
    )


def test_the_largest_seeds_are_seeds_wherever_they_are_read():
    members = {str(seed): f"{place:012x}" for place, seed in enumerate((10**19, 2**64 - 1))}
    ensemble = record(seed=10**19, request={"ensemble": members, "start_from": "0123456789ab"})
    assert has_own_starts(ensemble.request)
    assert f"  seeds: [{10**19}, {2**64 - 1}]\n" in config(ensemble)
    assert '  seeds: [1, "00"]\n' in config(record(request={"ensemble": dict.fromkeys(("00", "1"), "0" * 12)}))


@pytest.mark.parametrize("last", [False, True], ids=["first", "last"])
def test_the_checker_counts_its_parameters_from_those_of_its_members(both, tmp_path, last):
    ensemble, members = both
    assert ensemble.trained == sum(member.trained for member in members.values())
    frozen = ensemble.params - ensemble.trained

    def problems(**changes):
        for number, each in enumerate([replace(ensemble, **changes), *members.values()]):
            (tmp_path / str((number + last) % 3)).mkdir(exist_ok=True)
            (tmp_path / str((number + last) % 3) / f"{each.id}.json").write_text(json.dumps(written(each)))
        return [each.split(".json: ")[1] for each in check_all(tmp_path)[1] if f"ensemble {ensemble.id}" in each]

    assert problems() == []
    assert problems(params=ensemble.trained + frozen // 2) == []  # a backbone that both share
    for params in (ensemble.params + 1, ensemble.trained):
        (found,) = problems(params=params)
        assert found.endswith(f"its members give {ensemble.trained + frozen // 2} to {ensemble.params}")
    found = problems(trained=ensemble.trained - 2, params=ensemble.params - 2)
    assert [each.split(", ")[-1] for each in found] == [f"its members have {ensemble.trained}"]


@pytest.mark.parametrize(
    ("backbone", "trained", "params", "sound"),
    [
        ("timm/resnet50", 30, 230, True),  # two of three have one backbone
        ("timm/resnet50", 30, 129, False),
        ("timm/resnet50", 26, 226, False),  # what is trained is shared, in a backbone that is not trained
        ("timm/resnet50(trainable=2)", 26, 226, True),
        ("timm/resnet50(trainable=False)", 26, 226, False),
        ("patches(dim=8)", 26, 226, True),
        ("patches(dim=8)", 9, 209, False),
    ],
)
def test_members_of_an_ensemble_may_share_backbones_by_twos(backbone, trained, params, sound):
    ensemble = {"id": "0" * 12, "trained": trained, "params": params, "request": {"backbone": backbone}}
    ensemble["request"]["ensemble"] = {"0": "a" * 12, "1": "b" * 12, "2": "c" * 12}
    found = [*sizes(ensemble, [{"trained": 10, "params": 110}] * 3), *evenly(ensemble)]
    assert (not found) == sound, found


def test_it_captions_as_its_members_together(runs, both, capsys, monkeypatch):
    ensemble, members = both
    monkeypatch.chdir(runs.parent)
    said = []
    for words in ([ensemble.id], [members[0].id, "--ensemble", f"runs/{members[3].id}"]):
        assert main(["caption", f"runs/{words[0]}", "photo.png", *words[1:], "--json"]) == 0
        said.append(capsys.readouterr().out)
    assert json.loads(said[0])["caption"]
    assert said[0] == said[1]
    for first in (ensemble.id, members[0].id):
        assert main(["caption", f"runs/{first}", "photo.png", "--ensemble", f"runs/{members[0].id}"]) == 2
        error = f"caption-zoo: 'runs/{members[0].id}' is in the ensemble twice: name each model once\n"
        assert capsys.readouterr().err == error
    assert main(["caption", f"runs/{ensemble.id}", "photo.png", "--maps", "maps"]) == 0
    assert (runs.parent / "maps" / "photo" / "maps.json").is_file()
    capsys.readouterr()
    assert main(["check", "config.yaml"]) == 0
    assert capsys.readouterr().out.endswith("3 cells can run, 0 cannot\n")
    assert main(["pack", f"runs/{ensemble.id}", "--out", "packed"]) == 2
    remedy = f"pack one of its members, {members[0].id}, {members[3].id}\n"
    assert f"is an ensemble, which has no weights of its own: {remedy}" in capsys.readouterr().err
    assert main(["export", f"runs/{ensemble.id}", "--out", "exported"]) == 2
    assert (
        f"is an ensemble: name one of its members, runs/{members[0].id}, runs/{members[3].id}"
        in capsys.readouterr().err
    )


def test_members_that_are_not_beside_it_are_named(runs, both, capsys, tmp_path):
    ensemble, members = both
    (tmp_path / ensemble.id).mkdir()
    (tmp_path / ensemble.id / "request.json").write_text(json.dumps(ensemble.request))
    ensemble.save(tmp_path / ensemble.id)
    assert main(["caption", str(tmp_path / ensemble.id), "photo.png"]) == 2
    assert f"is an ensemble, and its member {members[0].id} does not lie in" in capsys.readouterr().err


def test_members_that_were_changed_since_they_were_trained_are_refused(runs, both, tmp_path):
    ensemble, members = both
    copied, cell = tmp_path / "runs", plan_of(ensemble).cells[-1]
    for member in members.values():
        shutil.copytree(runs / member.id, copied / member.id)
    flip_last_bit(copied / members[3].id / "model.safetensors")
    with Context(runs.parent / "cache") as context:
        record = run_cell(cell, copied, context)
    assert record.outcome == "invalid"
    assert f"model.safetensors of run '{members[3].id}' is not that of its record" in record.error


def test_it_is_planned_again_from_its_record_and_from_its_card(both, tmp_path):
    ensemble, members = both
    *first, last = plan_of(ensemble).cells
    assert last.id == ensemble.id
    assert {cell.id for cell in first} == {member.id for member in members.values()}
    (tmp_path / "config.yaml").write_text(config(ensemble))
    ended = caption_zoo("run", "config.yaml", "--dry-run", folder=tmp_path).end()
    assert f"{ensemble.id}  patches(dim=8, trainable=False) + luong + lstm(dim=16), ensemble of 2" in ended.stdout


def test_what_is_reproduced_is_the_ensemble_whatever_ran_last(runs, both, tmp_path):
    ensemble, members = both
    (tmp_path / "again").mkdir()
    for name in (ensemble.id, members[0].id):
        shutil.copytree(runs / name, tmp_path / "again" / name)
    replace(ensemble, finished="2026-01-01T00:00:00+00:00").save(tmp_path / "again" / ensemble.id)
    words = ("reproduce", runs / ensemble.id, "--out", "again", "--cache", runs.parent / "cache")
    ended = caption_zoo(*words, folder=tmp_path).end()  # the other member is trained again, behind the ensemble
    assert ended.returncode == 0, ended
    assert "Reproduced before, 2026-01-01" in ended.stdout
    assert (tmp_path / "again" / members[3].id / "record.json").is_file()


class Preparing:
    """A server in whose processes features depend on the seed, or do not."""

    def __init__(self, seeded):
        self.seeded, self.prepared = seeded, []

    def call(self, job, cell, *_, **__):
        self.prepared.append(cell.seed)
        yield self.seeded


@pytest.mark.parametrize(("seeded", "expected"), [(True, [0, 1, 2]), (False, [0])])
def test_what_members_share_with_others_is_prepared_for_each_seed(tmp_path, seeded, expected):
    planned, server = plan(EXPERIMENT), Preparing(seeded)
    with Site(server, RunSetup(planned, tmp_path, tmp_path)) as site:
        for _ in range(2):  # and not again
            assert site.prepare(planned.cells[-1], Resources()) is None
    assert server.prepared == expected


def test_a_store_that_members_share_took_its_time_once():
    stores = [ImageStore(key, None, {}, None, (), seconds) for key, seconds in (("a", 2.0), ("b", 0.5), ("a", 2.0))]
    assert TrainedModel(None, stores, "", None).encode_seconds == 2.5


def three_and_one(**changes):
    """An ensemble of three seeds, these, and another entry."""
    members = [record(seed=seed, level=0.7) for seed in range(3)]
    named = {str(member.seed): member.id for member in members}
    ensemble = record(level=0.75, request={"ensemble": named}, **changes)
    return ensemble, members, [record("luong", seed=seed, level=0.68) for seed in range(3)]


def test_it_has_a_row_of_its_own_that_is_marked():
    ensemble, members, others = three_and_one(throughput={"beam_images_per_sec": 13.0, "encode_images_per_sec": 120.0})
    summary = summarise([ensemble, *members, *others])
    (table,) = summary.tables
    assert [(row.ensemble, len(row.runs)) for row in table.rows] == [(3, 1), (0, 3), (0, 3)]
    assert table.name(table.rows[0]) == "bahdanau, ensemble of 3"
    assert len({row.key for row in table.rows}) == 3
    assert "**`ensemble of 3`**" in markdown(summary)
    shown = page(summary)
    assert '<em class="mark">ensemble of 3</em>' in shown
    assert "1 seed</em>" not in shown
    assert f"({', '.join(member.id for member in members)}) decode together" in card(ensemble, table, table.rows[0], {})
    lines = table_csv(summary).splitlines()
    seeds = [dict(zip(lines[0].split(","), line.split(","), strict=False))["seeds"] for line in lines[1:]]
    assert seeds == ["0 1 2"] * 3  # of the members too


def test_swaps_are_of_single_models():
    ensemble, members, others = three_and_one()
    (table,) = summarise([ensemble, *members, *others]).tables
    (single,) = summarise([*members, *others]).tables
    assert [(each.value, each.difference, each.pairs) for each in effects(table)] == [
        (each.value, each.difference, each.pairs) for each in effects(single)
    ]


def test_one_that_failed_is_listed_as_what_it_is():
    ensemble, members, _ = three_and_one()
    failed = [replace(each, status="failed", error="RuntimeError: no") for each in (ensemble, members[0])]
    summary = summarise(failed)
    assert ", `ensemble of 3`, on" in markdown(summary)
    assert ", `seed 0`, on" in markdown(summary)
    for text in (page(summary), inline(summary)):
        assert ", ensemble of 3" in text
        assert text.count(", seed 0") == 1
    assert f"run `{ensemble.id}`, an ensemble of 3, on" in model_card(ensemble, {})
    assert f"run `{members[0].id}`, seed `0`, on" in model_card(members[0], {})


def publish(cell, out, outcome=""):
    """Leave a run of the cell in the folder `out`, in the place of an earlier one: a finished one without an outcome."""
    folder = out / cell.id
    folder.mkdir(exist_ok=True)
    (folder / "request.json").write_text(json.dumps(cell.request) + "\n")
    (folder / "captions.json").write_text("[]\n")
    (folder / "config.json").write_text("{}\n")
    (folder / "model.safetensors").write_bytes(len(b"{}").to_bytes(8, "little") + b"{}")
    state = {"status": "failed", "error": "RuntimeError: no", "outcome": outcome} if outcome else {}
    made = replace(record(seed=cell.seed, **state), id=cell.id, request=cell.request)
    made.save(folder)
    return made


class Stub(Executor):
    """Publishes a record of each cell, failed ones of those that are named; `later` is called when all are there."""

    def __init__(self, out, failing=(), later=None):
        self.out, self.failing, self.later, self.ran = out, failing, later, []

    def each(self, tasks):
        for task in tasks:
            self.ran.append(task.cell.id)
            found = task.settled(self.out)
            yield task.cell, found or publish(task.cell, self.out, "error" if task.cell.id in self.failing else "")
        if self.later:
            self.later()

    def close(self, *, failed):
        pass


def ended(planned, out, executor):
    """What came of each cell."""
    cells, setup = planned.cells, RunSetup(planned, out, out)
    return {done.cell.id: done.record for done in run(Survey.of(cells, out), setup, executor)}


def test_ensembles_come_last_and_not_without_their_members(tmp_path):
    planned = plan(EXPERIMENT)
    *singles, luong, mean = planned.cells
    assert [cell.members for cell in singles] == [()] * 6
    assert (luong.members, mean.members) == (tuple(singles[:3]), tuple(singles[3:]))
    executor = Stub(tmp_path, {singles[1].id})
    found = ended(planned, tmp_path, executor)
    assert executor.ran == [*(cell.id for cell in singles), mean.id]
    assert found[luong.id].outcome == "member_failed"
    assert singles[1].id in found[luong.id].error
    assert RunRecord.load(tmp_path / luong.id).outcome == "member_failed"
    ended(planned, tmp_path, executor := Stub(tmp_path))
    assert executor.ran == [singles[1].id, luong.id]  # once all are there, it runs


def test_a_member_that_another_command_has_run_again_counts_as_it_lies_in_the_folder(tmp_path):
    planned = plan(EXPERIMENT)
    *singles, luong, _ = planned.cells
    retried = Stub(tmp_path, {singles[1].id}, lambda: publish(singles[1], tmp_path))
    assert ended(planned, tmp_path, retried)[luong.id].done
    assert luong.id in retried.ran


def test_a_member_that_went_missing_since_it_ran_is_none(tmp_path, capsys):
    planned = plan(EXPERIMENT)
    *singles, luong, mean = planned.cells
    gone = Stub(tmp_path, later=lambda: (tmp_path / singles[0].id / "model.safetensors").unlink(missing_ok=True))
    found = ended(planned, tmp_path, gone)
    assert (found[luong.id].outcome, found[mean.id].outcome) == ("member_failed", "")
    assert gone.ran.count(singles[0].id) == 1
    why = "model.safetensors cannot be read: No such file or directory; it does not count as finished"
    assert capsys.readouterr().err == f"caption-zoo: {tmp_path / singles[0].id}: {why}\n"  # it does not run again


def test_that_another_command_saw_a_member_fail_does_not_keep_an_ensemble_from_running(tmp_path):
    planned = plan(EXPERIMENT)
    *_, luong, _ = planned.cells
    behind = Stub(tmp_path, later=lambda: luong.id in behind.ran or publish(luong, tmp_path, "member_failed"))
    assert ended(planned, tmp_path, behind)[luong.id].done
    assert RunRecord.load(tmp_path / luong.id).done


def test_one_seed_is_no_ensemble():
    one = replace(EXPERIMENT, matrix=replace(EXPERIMENT.matrix, seeds=(5,)))
    with pytest.raises(
        ValueError,
        match=r"^ensemble: true .* several seeds .*, and there is one, 5: give more seeds, or --ensemble false",
    ):
        plan(one)
    assert "ensemble" not in plan(replace(one, ensemble=False)).cells[0].request
