"""Distillation: its loss against a plain formula, what it learns, which teachers it takes, and what its record says."""

import hashlib
import re
import shutil
from dataclasses import replace

import pytest
import torch
from folders import change, flip_last_bit
from forking import caption_zoo
from records import record as invented

from benchmarks.cell.context import Context
from benchmarks.cell.prepare import store
from benchmarks.cell.train import build, train
from benchmarks.cell.workdir import request_fields
from benchmarks.config import Experiment, Matrix, Training
from benchmarks.contracts import CONTRACTS, check
from benchmarks.leaderboard.card.rerun import config, reproduce
from benchmarks.leaderboard.tables.summary import summarise
from benchmarks.plan.matrix import plan
from benchmarks.records.record import RunRecord, records
from benchmarks.training import OBJECTIVES
from benchmarks.training.objectives import Batch
from benchmarks.training.objectives.cross_entropy import CrossEntropy
from benchmarks.verification.reproduce import plan_of
from zoo.captioner import Captioner
from zoo.ensemble import Ensemble
from zoo.generate import n_best
from zoo.parts import Parts
from zoo.vocabulary import PAD, SPECIAL, START, Vocabulary

WORDS = Vocabulary([*SPECIAL, "a", "dog", "runs", "cat", "sits", "on", "grass"])
FROZEN = "patches(dim=8, trainable=False)"
TRAINING = Training(max_words=5, label_smoothing=0.0)


def captioner(seed, attention="luong", backbone=None, vocabulary=WORDS, spec=FROZEN):
    """One whose decoder is its own, and whose backbone is the one given."""
    torch.manual_seed(seed)
    made = Captioner.build(Parts.parse(spec, attention, "lstm(dim=16, dropout=0.0)"), vocabulary, backbone)
    for parameter in made.decoder.parameters():
        parameter.data *= 3  # a fresh one is flat
    return made.eval()


STUDENT = captioner(0)
TEACHERS = [captioner(1, backbone=STUDENT.backbone), captioner(2, "mean", STUDENT.backbone)]


@pytest.fixture
def folders(tmp_path):
    """Saved teachers; the third is the student itself."""
    for number, model in enumerate([*TEACHERS, STUDENT]):
        model.save_pretrained(tmp_path / f"{number:012x}")
    request = '{"ensemble": {"0": "000000000000", "1": "000000000001"}}'
    (tmp_path / "both").mkdir()
    (tmp_path / "both" / "request.json").write_text(request)
    return tmp_path


def batch():
    captions = [["a dog runs", "a cat"], ["grass", "a cat sits on grass"]]
    ids = [[WORDS.encode(text, max_length=5) for text in image] for image in captions]
    padded = torch.tensor([[each + [PAD] * (7 - len(each)) for each in image] for image in ids])
    rows = torch.randn(2, 6, 8, generator=torch.Generator().manual_seed(0))
    return Batch.of(range(2), padded, rows=rows, grid=(2, 3))


def loss_of(spec, student=STUDENT):
    return OBJECTIVES.build(spec, student, TRAINING, {})(batch())


def logits(model, one):
    features = model.encode(torch.zeros(1, 3, 64, 64))._replace(tokens=one.rows, grid=one.grid)
    with torch.no_grad():
        return model.decoder.logits(model.teacher_force(features, one.captions[..., :-1]).hidden)


@pytest.mark.parametrize(("weight", "temperature"), [(0.3, 1.0), (1.0, 2.0)])
def test_the_loss_is_that_of_the_papers(folders, weight, temperature):
    one, expected, soft_sum = batch(), 0.0, 0.0
    student = logits(STUDENT, one).double()
    mean = sum(logits(teacher, one).double().softmax(-1) for teacher in TEACHERS) / 2
    targets = one.captions[..., 1:]
    for place in (targets != PAD).nonzero():
        at = tuple(place.tolist())
        hard = -student[at].log_softmax(-1)[targets[at]]
        teacher = mean[at] ** (1 / temperature) / (mean[at] ** (1 / temperature)).sum()
        soft = -(temperature**2) * sum(
            p * q for p, q in zip(teacher, (student[at] / temperature).log_softmax(-1), strict=True)
        )
        expected += (1 - weight) * hard + weight * soft
        soft_sum += soft
    place = str(folders / "both")
    found = loss_of(f"distillation(teacher={place!r}, temperature={temperature}, weight={weight})")
    assert found.total.item() == pytest.approx(expected.item(), rel=1e-5)
    assert found.reported["distillation"].total.item() == pytest.approx(soft_sum.item(), rel=1e-5)
    assert found.words == (targets != PAD).sum()


def test_without_weight_it_is_cross_entropy_and_of_itself_there_is_nothing_to_learn(folders):
    place = str(folders / "000000000000")
    assert loss_of(f"distillation(teacher={place!r}, weight=0.0)").total == loss_of("cross_entropy").total
    itself = str(folders / "000000000002")
    loss_of(f"distillation(teacher={itself!r}, weight=1.0)").total.backward()
    gradients = [parameter.grad for parameter in STUDENT.decoder.parameters() if parameter.grad is not None]
    STUDENT.zero_grad()
    assert max(gradient.abs().max() for gradient in gradients) < 1e-5


def test_a_student_comes_to_say_what_its_teachers_do(folders):
    student = captioner(5, backbone=STUDENT.backbone)
    place = str(folders / "both")
    objective = OBJECTIVES.build(f"distillation(teacher={place!r}, weight=1.0)", student, TRAINING, {})
    optimizer, one = torch.optim.Adam(student.decoder.parameters(), 0.01), batch()
    teacher = Ensemble(TEACHERS)
    expected = teacher.decoder.logits(
        teacher.teacher_force(STUDENT.encode(torch.zeros(2, 3, 64, 64))._replace(tokens=one.rows, grid=one.grid), one.captions[..., :-1]).hidden
    )  # fmt: skip
    mask = one.captions[..., 1:] != PAD

    def divergence():
        own = logits(student, one).log_softmax(-1)
        return (expected.exp() * (expected - own)).sum(-1)[mask].mean().item()

    before = divergence()
    for _ in range(60):
        optimizer.zero_grad()
        objective(one).total.backward()
        optimizer.step()
    assert divergence() < before / 10
    assert not any(parameter.grad is not None for each in TEACHERS for parameter in each.decoder.parameters())


def test_it_keeps_the_contracts_of_objectives(tmp_path):
    torch.manual_seed(0)  # as the contracts build their model
    parts = Parts.parse(FROZEN, "luong", "lstm(dim=16, dropout=0.0)")
    Captioner.build(parts, WORDS).save_pretrained(tmp_path / "teacher")
    for name in ("distillation", "sequence_distillation"):
        spec = f"{name}(teacher={str(tmp_path / 'teacher')!r})"
        assert dict(check("objective", spec)) == dict.fromkeys(CONTRACTS["objective"])


def test_captions_of_the_teacher_count_as_captions(folders):
    one, place = batch(), str(folders / "both")
    teacher = Ensemble(TEACHERS)
    features = STUDENT.encode(torch.zeros(2, 3, 64, 64))._replace(tokens=one.rows, grid=one.grid)
    found = n_best(teacher.decoder, features, 2, num_beams=3, max_length=5)[..., :5]
    expected, words = loss_of("cross_entropy").total.item(), int(one.words)
    for image, captions in enumerate(found.tolist()):
        for ids in captions:
            ids = [START, *(token for token in ids if token != PAD)]
            rows = one.rows[image : image + 1]
            alone = Batch.of([image], torch.tensor([[ids]]), rows=rows, grid=one.grid)
            expected += OBJECTIVES.build("cross_entropy", STUDENT, TRAINING, {})(alone).total.item()
            words += len(ids) - 1
    spec = f"sequence_distillation(captions=2, num_beams=3, teacher={place!r})"
    assert loss_of(spec).total.item() == pytest.approx(expected, rel=1e-5)
    assert loss_of(spec).words == words
    with pytest.raises(ValueError, match="there have to be as many beams"):
        loss_of(f"sequence_distillation(captions=6, teacher={place!r})")


@pytest.mark.parametrize(
    ("teacher", "student", "why"),
    [
        (captioner(3), STUDENT, r"has another backbone than patches\(dim=8, trainable=False\), or one that is trained"),
        (captioner(3, spec="patches(dim=8)"), captioner(3, spec="patches(dim=8)"), "or one that is trained"),
        (
            captioner(3, backbone=STUDENT.backbone, vocabulary=Vocabulary([*WORDS.words[:-1], "snow"])),
            STUDENT,
            "has another vocabulary: train it on the same data",
        ),
    ],
)
def test_other_teachers_are_refused(tmp_path, teacher, student, why):
    teacher.save_pretrained(tmp_path / "teacher")
    place = str(tmp_path / "teacher")
    with pytest.raises(ValueError, match=rf"^teacher: .*{why}"):
        loss_of(f"distillation(teacher={place!r})", student)
    for options in ("weight=1.5", "temperature=0.0"):
        with pytest.raises(ValueError, match="the weight lies between 0 and 1"):
            loss_of(f"distillation(teacher={place!r}, {options})", student)


CONFIG = """
dataset: scenes(train=12, validation=3, test=3)
matrix: {{backbone: "{backbone}", attention: {attention}, decoder: "lstm(dim=16)"}}
metrics: [cider]
training: {{epochs: 1, decay_epochs: 2, min_count: 1, batch_size: 8{objective}}}
"""


@pytest.fixture(scope="module")
def distilled(tmp_path_factory):
    """The folder of two runs, of which one has learned from the other, and both records."""
    folder = tmp_path_factory.mktemp("distilled")

    def ran(attention, objective=""):
        text = CONFIG.format(backbone=FROZEN, attention=attention, objective=objective)
        (folder / "config.yaml").write_text(text)
        ended = caption_zoo("run", "config.yaml", "--cache", "cache", folder=folder).end()
        assert ended.returncode == 0, ended
        return ended.stdout

    ran("mean")
    (teacher,) = records(folder / "runs")
    objective = f", objective: \"distillation(teacher='runs/{teacher.id}', weight=0.7)\""
    ran("luong", objective)
    assert "(done before)" in ran("luong", objective)
    (student,) = [each for each in records(folder / "runs") if each.id != teacher.id]
    return folder, teacher, student


def test_the_record_names_the_teacher_and_no_folder(distilled):
    _, teacher, student = distilled
    assert student.done
    assert student.request["training"]["objective"] == f"distillation(teacher='{teacher.id}', weight=0.7)"
    assert (student.teacher, teacher.teacher) == ({"teacher": teacher.id}, {})
    assert "teacher" not in teacher.to_json()
    assert student.curve[0]["distillation"] > 0
    assert student.throughput["train_captions_per_sec"] > 0


def test_it_is_planned_again_from_its_record(distilled, tmp_path):
    folder, teacher, student = distilled
    with pytest.raises(ValueError, match=f"learned from run {teacher.id}: give its folder with --teacher"):
        plan_of(student)
    (cell,) = plan_of(student, teacher=str(folder / "runs" / teacher.id)).cells
    assert cell.id == student.id
    other = edited(teacher, folder / "runs" / teacher.id, tmp_path / "other", run="0123456789ab")
    why = f"other is run 0123456789ab, and the record's run learned from run {teacher.id}: give the folder of that"
    with pytest.raises(ValueError, match=f"^--teacher .*{why}"):
        plan_of(student, teacher=str(other))
    assert f"--teacher runs/{teacher.id}" in reproduce(student)
    (folder / "again.yaml").write_text(config(student))
    ended = caption_zoo("run", "again.yaml", "--dry-run", folder=folder).end()
    assert student.id in ended.stdout, ended


def run_training(cell, folder):
    with Context(folder / "cache") as context:
        captioner, _ = build(cell, context)
        train(cell, captioner, context, store(cell, captioner.backbone, context))


def test_a_teacher_that_was_changed_since_the_plan_is_refused(distilled, tmp_path):
    folder, teacher, student = distilled
    place = shutil.copytree(folder / "runs" / teacher.id, tmp_path / "teacher")
    (cell,) = plan_of(student, teacher=str(place)).cells
    flip_last_bit(tmp_path / "teacher" / "model.safetensors")
    with pytest.raises(ValueError, match=r"model\.safetensors of run .*teacher' is not that of its record"):
        run_training(cell, folder)
    shutil.rmtree(place)
    shutil.copytree(folder / "runs" / student.id, place)
    with pytest.raises(ValueError, match=f"is {student.id}, and not {teacher.id}: put that in its place"):
        run_training(cell, folder)


def learning_from(place, **changes):
    """An experiment whose one cell learns from the run at a place."""
    experiment = Experiment(
        dataset="scenes(train=12, validation=3, test=3)",
        matrix=Matrix(FROZEN, "luong", "lstm(dim=16)"),
        training=Training(epochs=1, min_count=1, objective=f"distillation(teacher={str(place)!r})"),
    )
    return replace(experiment, **changes)


def test_teachers_of_other_data_or_backbones_and_no_runs_are_refused(distilled, tmp_path):
    folder, teacher, _ = distilled
    experiment = learning_from(folder / "runs" / teacher.id)
    (cell,) = plan(experiment).cells
    assert cell.teacher.run == teacher.id
    assert {("attention", "mean"), ("attention", "luong")} < {*cell.uses}  # the cell's process loads the teacher's too
    with pytest.raises(ValueError, match=r"has the backbone patches\(dim=8, trainable=False\), and patches\(dim=8\) "):
        plan(replace(experiment, matrix=Matrix("patches(dim=8)", "luong")))
    with pytest.raises(ValueError, match="has the fingerprint"):
        plan(replace(experiment, dataset="scenes(train=13, validation=3, test=3)"))
    with pytest.raises(ValueError, match=rf"teacher: .* has the min_count 1, and {re.escape(FROZEN)} .* has 2"):
        plan(replace(experiment, training=replace(experiment.training, min_count=2)))
    with pytest.raises(ValueError, match=r"has other weights in its backbone than .* seed 1: both read"):
        plan(replace(experiment, matrix=replace(experiment.matrix, seeds=(0, 1))))
    with pytest.raises(ValueError, match=r"^teacher: .* is no run"):
        plan(learning_from(tmp_path))


def test_an_empty_teacher_is_refused_by_the_plan_wherever_it_is_made(distilled, monkeypatch):
    folder, teacher, _ = distilled
    monkeypatch.chdir(folder / "runs" / teacher.id)
    with pytest.raises(ValueError, match=r"^teacher: '' is no run"):
        plan(learning_from(""))


def test_a_model_that_learned_from_a_teacher_is_packed(distilled, tmp_path):
    folder, teacher, student = distilled
    words = ("pack", f"runs/{student.id}", "--cache", "cache", "--out", tmp_path / "small")
    ended = caption_zoo(*words, folder=folder).end()
    assert ended.returncode == 2
    assert f"learned from run {teacher.id}: give its folder with --teacher" in ended.stderr
    ended = caption_zoo(*words, "--teacher", f"runs/{teacher.id}", folder=folder).end()
    assert ended.returncode == 0, ended
    assert RunRecord.load(tmp_path / "small").request == student.request


def edited(record, source, place, *, run="", request=None, words=None):
    """A copy of a run with another id, another request or other words, as a record that is its own."""
    shutil.copytree(source, place)
    if words is not None:
        change(place / "config.json", lambda content: content["vocabulary"].extend(words))
    files = {name: hashlib.sha256((place / name).read_bytes()).hexdigest() for name in record.files}
    replace(record, id=run or record.id, files=files, request=record.request | (request or {})).save(place)
    return place


def test_teachers_of_other_words_weights_or_trained_backbones_are_refused_by_the_plan(distilled, tmp_path):
    folder, teacher, _ = distilled
    source = folder / "runs" / teacher.id
    place = edited(teacher, source, tmp_path / "words", words=["unheard"])
    with pytest.raises(ValueError, match=r"^teacher: the run in .*words has another vocabulary"):
        plan(learning_from(place))
    place = edited(teacher, source, tmp_path / "file", request={"sources": {"backbone weights": "0123"}})
    with pytest.raises(ValueError, match=r"has the file of backbone weights 0123, and .* has None"):
        plan(learning_from(place))
    place = edited(teacher, source, tmp_path / "trained", request={"backbone": "patches(dim=8)"})
    with pytest.raises(
        ValueError, match=r"^teacher: patches\(dim=8\) is trained: both read the features of one frozen"
    ):
        plan(learning_from(place, matrix=Matrix("patches(dim=8)", "luong")))
    flip_last_bit(place / "model.safetensors")
    with pytest.raises(ValueError, match=r"^teacher: model\.safetensors of run .* is not that of its record"):
        plan(learning_from(place))


class Blackboard(CrossEntropy):
    """Has an option that is called teacher and names no run."""

    def __init__(self, *given, teacher: str = "", tutor: str = "") -> None:
        super().__init__(*given)


class Tutored(Blackboard):
    """Learns from the run that another option names."""

    teacher_option = "tutor"


def test_an_objective_declares_the_option_that_names_a_run(distilled, monkeypatch):
    folder, teacher, _ = distilled
    monkeypatch.setitem(OBJECTIVES._factories, "blackboard", Blackboard)
    monkeypatch.setitem(OBJECTIVES._factories, "tutored", Tutored)
    place = str(folder / "runs" / teacher.id)
    experiment = learning_from(place)

    def cell_of(objective):
        return plan(replace(experiment, training=replace(experiment.training, objective=objective))).cells[0]

    own = cell_of("blackboard(teacher='123456789012')")
    assert (own.teacher, own.request["training"]["objective"]) == (None, "blackboard(teacher='123456789012')")
    assert cell_of("tutored(teacher='123456789012')").teacher is None
    learned = cell_of(f"tutored(teacher='123456789012', tutor={place!r})")
    assert learned.teacher == ("tutor", teacher.id, place)
    text = f"tutored(teacher='123456789012', tutor='{teacher.id}')"
    assert learned.request["training"]["objective"] == text
    made = replace(invented(**request_fields(learned)), id=learned.id, request=learned.request)
    assert made.teacher == {"tutor": teacher.id}
    assert [row.objective for row in summarise([made]).tables[0].rows] == [text]
    assert plan_of(made, teacher=place).cells[0].id == learned.id
    assert f"--teacher runs/{teacher.id}" in reproduce(made)
    assert f"tutored(teacher='123456789012', tutor='runs/{teacher.id}')" in config(made)
    made = replace(made, id=own.id, request=own.request)
    with pytest.raises(ValueError, match="learned from no other run: leave out --teacher"):
        plan_of(made, teacher=place)
    made = invented(**request_fields(own))
    assert "--teacher" not in reproduce(made)
    assert "runs/" not in config(made)
    assert [row.objective for row in summarise([made]).tables[0].rows] == [""]


def test_an_ensemble_without_a_member_is_no_teacher(distilled, tmp_path):
    folder, teacher, _ = distilled
    place = edited(teacher, folder / "runs" / teacher.id, tmp_path / "both", request={"ensemble": {"0": teacher.id}})
    with pytest.raises(ValueError, match=f"^teacher: .* is an ensemble, and its member {teacher.id} does not lie in"):
        plan(learning_from(place))
    shutil.copytree(folder / "runs" / teacher.id, tmp_path / teacher.id)
    (cell,) = plan(learning_from(place)).cells
    assert cell.teacher.run == teacher.id


def test_a_packed_model_is_no_teacher_nor_a_member_of_one(distilled, tmp_path):
    folder, teacher, _ = distilled
    source = folder / "runs" / teacher.id
    rounded = replace(teacher, environment={**teacher.environment, "weights_dtype": "float16"})
    place = edited(rounded, source, tmp_path / "packed")
    why = f"is a packed model, whose weights were rounded: name the folder of the run that it was made of, {teacher.id}"
    with pytest.raises(ValueError, match=f"^teacher: .*packed {why}"):
        plan(learning_from(place))
    place.rename(tmp_path / teacher.id)
    place = edited(teacher, source, tmp_path / "both", request={"ensemble": {"0": teacher.id}})
    with pytest.raises(ValueError, match=f"^teacher: .*{teacher.id} {why}"):
        plan(learning_from(place))


PLUGIN = """
from zoo.attention import ATTENTIONS
from zoo.attention.mean import Mean
@ATTENTIONS.register("blurred")
class Blurred(Mean):
    "The mean of the grid."
"""


def test_a_teacher_whose_plugin_was_edited_since_is_refused(distilled, tmp_path):
    folder, teacher, _ = distilled
    (tmp_path / "blurred.py").write_text(PLUGIN)
    (tmp_path / "config.yaml").write_text(CONFIG.format(backbone=FROZEN, attention="blurred", objective=""))
    words = ("config.yaml", "--cache", str(folder / "cache"), "--plugin", "blurred.py")
    ended = caption_zoo("run", *words, folder=tmp_path).end()
    assert ended.returncode == 0, ended
    (made,) = records(tmp_path / "runs")
    objective = f", objective: \"distillation(teacher='runs/{made.id}')\""
    (tmp_path / "config.yaml").write_text(CONFIG.format(backbone=FROZEN, attention="luong", objective=objective))
    ended = caption_zoo("run", *words, "--dry-run", folder=tmp_path).end()
    assert ended.returncode == 0, ended
    (tmp_path / "blurred.py").write_text(PLUGIN + "# edited\n")
    ended = caption_zoo("run", *words, "--dry-run", folder=tmp_path).end()
    assert ended.returncode == 2, ended
    was = made.request["sources"]["attention"]
    assert f"the attention of a file with the hash {was}, and here it is" in ended.stderr
    place = edited(teacher, folder / "runs" / teacher.id, tmp_path / "other", request={"sources": {"decoder": "0123"}})
    with pytest.raises(ValueError, match=r"with the decoder of a file with the hash 0123, and here it is None: give"):
        plan(learning_from(place))
