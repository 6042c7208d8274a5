"""Training that starts from the weights of other runs: which these are, and what of them is in the request."""

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from folders import change, flip_last_bit
from forking import caption_zoo
from records import record as invented

from benchmarks.cell.context import Context
from benchmarks.cell.train import build
from benchmarks.cell.workdir import request_fields
from benchmarks.config import Experiment, Matrix, Training
from benchmarks.leaderboard.card.rerun import config, reproduce, requirements
from benchmarks.plan.matrix import plan
from benchmarks.records.record import RunRecord, records
from benchmarks.records.request import identity
from benchmarks.verification.reproduce import plan_of
from registry import Spec
from zoo import checkpoint

CONFIG = """
name: first
dataset: scenes(train=12, validation=3, test=3)
matrix:
  backbone: ["patches(dim=8, trainable=False)"]
  attention: [luong, mean]
  decoder: ["lstm(dim=16)"]
  seeds: [0, 1]
metrics: [cider]
training: {epochs: 1, decay_epochs: 2, min_count: 1, batch_size: 8}
"""
EXPERIMENT = Experiment(
    dataset=Spec.parse("scenes(train=12, validation=3, test=3)"),
    matrix=Matrix(
        (Spec.parse("patches(dim=8, trainable=False)"),), (Spec("luong"), Spec("mean")), (Spec.parse("lstm(dim=16)"),)
    ),
    metrics=(Spec("cider"),),
    training=Training(
        epochs=1,
        decay_epochs=1,
        min_count=1,
        batch_size=8,
        max_words=6,
        objective=Spec.parse("self_critical(samples=2)"),
    ),
)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Four runs, of two attentions and two seeds."""
    folder = tmp_path_factory.mktemp("first")
    (folder / "config.yaml").write_text(CONFIG)
    ended = caption_zoo("run", "config.yaml", "--cache", "cache", folder=folder).end()
    assert ended.returncode == 0, ended
    return folder / "runs"


def first(runs, attention, seed=0):
    (record,) = [r for r in records(runs) if (r.parts["attention"], r.seed) == (attention, seed) and not started(r)]
    return record


def started(record):
    return record.request.get("start_from")


def test_each_cell_starts_from_the_run_of_its_parts_and_seed(runs, tmp_path):
    planned = plan(replace(EXPERIMENT, start_from=str(runs))).cells
    for cell in planned:
        record = first(runs, str(cell.attention))
        assert cell.request["start_from"] == cell.start_from == record.id
        with Context(tmp_path) as context:
            captioner, _ = build(cell, context)
        expected = checkpoint.load(runs / record.id).state_dict()
        assert all(torch.equal(value, expected[name]) for name, value in captioner.state_dict().items())
    assert len({cell.id for cell in planned} | {cell.id for cell in plan(EXPERIMENT).cells}) == 4


def test_weights_that_were_changed_since_the_plan_are_refused(runs, tmp_path):
    folder = Path(shutil.copytree(runs, tmp_path / "runs"))
    *_, cell = plan(replace(EXPERIMENT, start_from=str(folder))).cells
    flip_last_bit(folder / cell.start_from / "model.safetensors")
    with (
        Context(tmp_path) as context,
        pytest.raises(ValueError, match=r"model\.safetensors of run .* is not that of its record"),
    ):
        build(cell, context)


def edited(record, source, place, *, training=None, words=(), teacher=None, **changed):
    """A copy of a run, with other settings, more words, a teacher or a changed request, with a record of its own."""
    shutil.copytree(source, place)
    change(place / "config.json", lambda content: content["vocabulary"].extend(words))
    files = {name: hashlib.sha256((place / name).read_bytes()).hexdigest() for name in record.files}
    request = record.request | {"training": record.request["training"] | (training or {})} | changed
    replace(record, id=identity(request), request=request, files=files, teacher=teacher or {}).save(place)
    return place


def test_of_a_distilled_run_and_one_that_was_not_training_starts_from_the_latter(runs, tmp_path):
    record = first(runs, "luong")
    experiment = replace(EXPERIMENT, matrix=replace(EXPERIMENT.matrix, attention=(Spec("luong"),)))
    settings = {"training": {"objective": f"distillation(teacher='{record.id}')"}, "teacher": {"teacher": record.id}}
    for number in (1, 2):
        settings["training"]["epochs"] = number
        distilled = edited(record, runs / record.id, tmp_path / "runs" / f"distilled{number}", **settings)
    with pytest.raises(ValueError, match=r"seed 0, .* holds 2 .*: name one"):
        plan(replace(experiment, start_from=str(tmp_path / "runs")))
    shutil.rmtree(distilled)
    (only,) = plan(replace(experiment, start_from=str(tmp_path / "runs"))).cells
    assert only.start_folder == str(tmp_path / "runs" / "distilled1")
    shutil.copytree(runs / record.id, tmp_path / "runs" / record.id)
    (cell,) = plan(replace(experiment, start_from=str(tmp_path / "runs"))).cells
    assert cell.start_from == record.id


def test_damaged_runs_and_other_words_are_refused_by_the_plan(runs, tmp_path):
    record = first(runs, "luong")
    experiment = replace(EXPERIMENT, matrix=replace(EXPERIMENT.matrix, attention=(Spec("luong"),)))
    place = edited(record, runs / record.id, tmp_path / "words", words=["unheard"])
    with pytest.raises(ValueError, match=r"^start_from: the run in .*words has another vocabulary: train it anew"):
        plan(replace(experiment, start_from=str(place)))
    place = Path(shutil.copytree(runs / record.id, tmp_path / "damaged"))
    flip_last_bit(place / "model.safetensors")
    with pytest.raises(
        ValueError, match=r"^start_from: model\.safetensors of run .*damaged' is not that of its record"
    ):
        plan(replace(experiment, start_from=str(place)))


def test_where_the_runs_lie_does_not_matter(runs, tmp_path):
    (tmp_path / "elsewhere").symlink_to(runs)
    ids = [
        [cell.id for cell in plan(replace(EXPERIMENT, start_from=str(folder))).cells]
        for folder in (runs, tmp_path / "elsewhere")
    ]
    assert ids[0] == ids[1]
    assert "start_from" not in plan(EXPERIMENT).cells[0].request


def test_one_run_is_for_every_seed(runs):
    folder = runs / first(runs, "luong").id
    matrix = replace(EXPERIMENT.matrix, attention=(Spec("luong"),), seeds=(0, 5))
    planned = plan(replace(EXPERIMENT, matrix=matrix, start_from=str(folder))).cells
    assert [cell.start_from for cell in planned] == [folder.name] * 2


def with_backbone(spec):
    return replace(EXPERIMENT, matrix=replace(EXPERIMENT.matrix, backbone=(Spec.parse(spec),)))


def test_a_backbone_that_was_frozen_learns_from_there_on(runs, tmp_path):
    for cell in plan(replace(with_backbone("patches(dim=8)"), start_from=str(runs))).cells:
        assert cell.start_from == first(runs, str(cell.attention)).id
        with Context(tmp_path) as context:
            captioner, _ = build(cell, context)
        expected = checkpoint.load(runs / cell.start_from).state_dict()
        assert all(torch.equal(value, expected[name]) for name, value in captioner.state_dict().items())
        assert all(parameter.requires_grad for parameter in captioner.backbone.parameters())


def test_published_weights_that_no_run_keeps_learn_from_there_on(tmp_path):
    frozen = CONFIG.replace("patches(dim=8, trainable=False)", "efficientnet_lite").replace("[luong, mean]", "[mean]")
    (tmp_path / "config.yaml").write_text(frozen.replace("[0, 1]", "[0]"))
    again = ("run", "config.yaml", "--cache", "cache")
    assert caption_zoo(*again, folder=tmp_path).end().returncode == 0
    (record,) = records(tmp_path / "runs")
    again = (*again, "--backbone", "efficientnet_lite(trainable=1)", "--start-from", "runs")
    shown = caption_zoo(*again, "--dry-run", folder=tmp_path).end()
    assert f"seed 0, from {record.id}\n" in shown.stdout
    assert "efficientnet_lite(trainable=1) starts from runs of efficientnet_lite" in shown.stdout + shown.stderr
    ended = caption_zoo(*again, folder=tmp_path).end()
    assert ended.returncode == 0, ended
    assert [started(each) for each in records(tmp_path / "runs")].count(record.id) == 1


def test_of_one_that_was_frozen_and_one_that_learned_training_starts_from_that_with_the_same_backbone(runs, tmp_path):
    both, record = tmp_path / "runs", first(runs, "luong")
    edited(record, runs / record.id, both / "learned", backbone="patches(dim=8)")
    shutil.copytree(runs / record.id, both / "frozen")
    matrix = replace(EXPERIMENT.matrix, attention=(Spec("luong"),))
    for spec, folder in ((EXPERIMENT.matrix.backbone[0], "frozen"), (Spec.parse("patches(dim=8)"), "learned")):
        planned = plan(replace(EXPERIMENT, matrix=replace(matrix, backbone=(spec,)), start_from=str(both)))
        assert planned.cells[0].start_folder == str(both / folder)
        assert not planned.notes
    shutil.rmtree(both / "frozen")
    with pytest.raises(ValueError, match="holds none"):  # what has learned cannot be frozen again
        plan(replace(EXPERIMENT, matrix=matrix, start_from=str(both)))


def test_a_note_says_where_a_backbone_was_frozen_before(runs, tmp_path):
    folder, expected = tmp_path / "runs", "patches(dim=8) starts from runs of patches(dim=8, trainable=False)"
    experiment = replace(with_backbone("patches(dim=8)"), start_from=str(folder))
    shutil.copytree(runs, folder)
    assert plan(experiment).notes == (expected,)
    record = first(runs, "luong")
    edited(record, runs / record.id, folder / "second", backbone="patches(dim=8)", start_from=record.id)
    assert plan(experiment).notes == (expected,)  # from a run that has started from another one, only where it is named


def test_the_seeds_of_a_combination_start_alike(runs, tmp_path):
    folder, record = tmp_path / "runs", first(runs, "luong")
    shutil.copytree(runs, folder)
    edited(record, runs / record.id, folder / "learned", backbone="patches(dim=8)")
    matrix = replace(with_backbone("patches(dim=8)").matrix, attention=(Spec("luong"),), seeds=(0, 1))
    why = r"seed 0 would start from a run of patches\(dim=8\), and seed 1 from one of .*=False\): the seeds of one"
    with pytest.raises(ValueError, match=why):
        plan(replace(EXPERIMENT, matrix=matrix, start_from=str(folder)))


def test_a_file_of_weights_may_lie_anywhere(runs, tmp_path):
    record, file = first(runs, "luong"), tmp_path / "weights" / "mine.safetensors"
    file.parent.mkdir()
    file.write_bytes(b"any")
    edited(record, runs / record.id, tmp_path / "runs" / "one", backbone=f"timm/resnet18(weights='{file.name}')")
    for learns in ("", ", trainable=True"):
        experiment = with_backbone(f"timm/resnet18(weights='{file}'{learns})")
        experiment = replace(experiment, matrix=replace(experiment.matrix, attention=(Spec("luong"),)))
        (cell,) = plan(replace(experiment, start_from=str(tmp_path / "runs"))).cells
        assert cell.start_folder == str(tmp_path / "runs" / "one")


@pytest.mark.parametrize(
    ("earlier", "backbone", "starts"),
    [
        ("efficientnet_lite", "efficientnet_lite(trainable=1)", True),
        ("efficientnet_lite(trainable=1)", "efficientnet_lite(trainable=2)", False),
        ("efficientnet_lite(trainable=1)", "efficientnet_lite", False),
        ("efficientnet_lite(size=1)", "efficientnet_lite(trainable=1)", False),
        ("timm/resnet18", "timm/resnet18(trainable=True, drop_path=0.1)", True),
        ("timm/resnet18", "timm/resnet34(trainable=True)", False),
        ("concat(backbones=['efficientnet_lite'])", "concat(backbones=['efficientnet_lite(size=1)'])", False),
    ],
)
def test_a_backbone_starts_from_a_run_that_has_its_weights(runs, tmp_path, earlier, backbone, starts):
    record = first(runs, "luong")
    edited(record, runs / record.id, tmp_path / "one", backbone=earlier)
    experiment = with_backbone(backbone)
    experiment = replace(experiment, matrix=replace(experiment.matrix, attention=(Spec("luong"),)))
    experiment = replace(experiment, start_from=str(tmp_path / "one"))
    if starts:
        assert plan(experiment).cells[0].start_from
    else:
        with pytest.raises(ValueError, match="holds none"):
            plan(experiment)


@pytest.mark.parametrize(
    "spec", ["patches(dim=16)", "patches(dim=8, image_size=32)", "torchvision/resnet18(pretrained=False)"]
)
def test_another_backbone_starts_from_none(runs, spec):
    with pytest.raises(ValueError, match="holds none"):
        plan(replace(with_backbone(spec), start_from=str(runs)))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"matrix": {"seeds": (7,)}}, "holds none, with the same data and min_count"),
        ({"dataset": Spec.parse("scenes(train=13, validation=3, test=3)")}, "holds none"),
        ({"training": {"min_count": 2}}, "holds none"),
        ({"matrix": {"decoder": (Spec.parse("lstm(dim=8)"),)}}, r"lstm\(dim=8\), seed 0, .* holds none"),
    ],
)
def test_a_run_that_is_not_there_is_named(runs, change, why):
    changed = {
        name: replace(getattr(EXPERIMENT, name), **value) if isinstance(value, dict) else value
        for name, value in change.items()
    }
    with pytest.raises(ValueError, match=why):
        plan(replace(EXPERIMENT, start_from=str(runs), **changed))


def test_a_folder_without_runs_is_named(tmp_path):
    for folder in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(ValueError, match="holds no finished run"):
            plan(replace(EXPERIMENT, start_from=str(folder)))


def planned_ensemble(start_from):
    """The record that an ensemble of two seeds would have."""
    matrix = replace(EXPERIMENT.matrix, attention=(Spec("luong"),), seeds=(0, 1))
    *members, cell = plan(replace(EXPERIMENT, matrix=matrix, start_from=str(start_from), ensemble=True)).cells
    return members, replace(invented(**request_fields(cell)), id=cell.id, request=cell.request)


def test_members_that_started_from_runs_of_their_own_are_planned_again(runs, tmp_path):
    members, ensemble = planned_ensemble(runs)
    assert len({member.start_from for member in members}) == 2
    why = f"each member .* started from a run of its own, the first from {members[0].start_from}: give the folder that"
    for single in ("", str(runs / members[0].start_from)):
        with pytest.raises(ValueError, match=why):
            plan_of(ensemble, start_from=single)
    assert [cell.id for cell in plan_of(ensemble, start_from=str(runs)).cells[:2]] == [cell.id for cell in members]
    assert "--start-from runs" in reproduce(ensemble).split(" --start-from runs/")[0]
    assert f"the first from {members[0].start_from}: all have to be in runs" in " ".join(requirements(ensemble))
    (tmp_path / "runs").symlink_to(runs)
    (tmp_path / "again.yaml").write_text(config(ensemble))
    ended = caption_zoo("run", "again.yaml", "--dry-run", folder=tmp_path).end()
    assert f"{ensemble.id}  patches" in ended.stdout, ended


def test_of_several_runs_for_a_seed_each_member_starts_from_that_of_the_record(runs, tmp_path):
    starts = [first(runs, "luong", seed) for seed in (0, 1)]
    folder = tmp_path / "runs"
    for record in starts:
        shutil.copytree(runs / record.id, folder / record.id)
    members, ensemble = planned_ensemble(folder)
    for record in starts:
        shutil.copytree(runs / record.id, folder / "reproduced" / record.id)
        for epochs in (2, 3):
            edited(record, runs / record.id, folder / f"{record.seed}-{epochs}", training={"epochs": epochs})
    with pytest.raises(ValueError, match=r"seed 0, .* holds 4 .*: name one"):
        planned_ensemble(folder)
    *planned, cell = plan_of(ensemble, start_from=str(folder)).cells
    assert cell.id == ensemble.id
    assert [(each.start_from, each.start_folder) for each in planned] == [
        (record.id, str(folder / record.id)) for record in starts
    ]
    single = replace(invented(**request_fields(members[1])), id=members[1].id, request=members[1].request)
    assert plan_of(single, start_from=str(folder)).cells[0].start_from == starts[1].id
    for place in (folder, folder / "reproduced"):
        shutil.rmtree(place / starts[1].id)
    with pytest.raises(ValueError, match=r"seed 1, .* holds 2 .*: none of them is the one of the record"):
        plan_of(ensemble, start_from=str(folder))


def test_another_run_to_start_from_is_named_with_that_of_the_record(runs, tmp_path):
    record, second = (first(runs, "luong", seed) for seed in (0, 1))
    start, other = runs / record.id, edited(record, runs / record.id, tmp_path / "other", training={"epochs": 2})
    cell = plan(
        replace(EXPERIMENT, matrix=replace(EXPERIMENT.matrix, attention=(Spec("luong"),)), start_from=str(start))
    ).cells[0]
    made = replace(invented(**request_fields(cell)), id=cell.id, request=cell.request)
    why = f"other is {RunRecord.load(other).id}, and the record's run started from run {start.name}: give the folder of that"
    with pytest.raises(ValueError, match=f"^--start-from: the run in .*{why}"):
        plan_of(made, start_from=str(other))
    with pytest.raises(ValueError, match=r"started from no other run: leave out --start-from"):
        plan_of(second, start_from=str(start))
    members, ensemble = planned_ensemble(runs)
    shutil.copytree(start, tmp_path / "starts" / start.name)
    edited(second, runs / second.id, tmp_path / "starts" / "1", training={"epochs": 2})
    why = (
        rf"with the run in .*starts/1, \w+, the member of seed 1 would be run \w+, and the record's is {members[1].id}"
    )
    with pytest.raises(ValueError, match=rf"^--start-from: {why}: give the folder that holds the run"):
        plan_of(ensemble, start_from=str(tmp_path / "starts"))


def test_members_that_started_from_one_run_are_planned_again_from_that(runs):
    start = runs / first(runs, "luong").id
    members, ensemble = planned_ensemble(start)
    assert {member.start_from for member in members} == {start.name}
    with pytest.raises(ValueError, match=f"started from run {start.name}: give its folder with --start-from"):
        plan_of(ensemble)
    assert plan_of(ensemble, start_from=str(start)).cells[-1].id == ensemble.id
    assert f"--start-from runs/{start.name}" in reproduce(ensemble)
    assert f'start_from: "runs/{start.name}"' in config(ensemble)


def test_self_critical_training_runs_from_a_config_and_again_from_its_record(runs):
    config = CONFIG.replace("name: first", "name: second\nstart_from: runs").replace("seeds: [0, 1]", "seeds: [0]")
    config = config.replace(
        "training: {epochs: 1,", "training: {objective: self_critical(samples=2), max_words: 6, epochs: 1,"
    )
    (runs.parent / "second.yaml").write_text(config)
    for _ in range(2):  # the second time all is done, and none of these is started from
        ended = caption_zoo("run", "second.yaml", "--cache", "cache", folder=runs.parent).end()
        assert ended.returncode == 0, ended
    assert "2 of 2 cells done" in ended.stdout
    record = next(record for record in records(runs) if started(record))
    assert record.done
    assert record.curve[0]["reward"] >= 0
    assert record.reward.startswith("STANDARD_wInit+Cider-D[n4,s6.0]+average[nspi2]")
    with pytest.raises(ValueError, match=f"started from run {started(record)}: give its folder with --start-from"):
        plan_of(record)
    assert plan_of(record, start_from=str(runs)).cells[0].id == record.id
