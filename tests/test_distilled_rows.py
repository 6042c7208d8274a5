"""Models that learned from a teacher, in the tables: beside those that did not, and marked."""

import csv
import io
import json
import re
from dataclasses import asdict, replace

import pytest
from records import record, sealed

from benchmarks.cli.main import main
from benchmarks.leaderboard.card import card, model_card
from benchmarks.leaderboard.card.neighbours import neighbours
from benchmarks.leaderboard.csv_export import table_csv
from benchmarks.leaderboard.html.heatmap import heatmap
from benchmarks.leaderboard.html.page import page
from benchmarks.leaderboard.html.scatter import plots
from benchmarks.leaderboard.markdown import markdown
from benchmarks.leaderboard.tables.effects import effects
from benchmarks.leaderboard.tables.findings import findings
from benchmarks.leaderboard.tables.summary import summarise
from benchmarks.leaderboard.tables.wording import marks

TRAINING = {"epochs": 8, "batch_size": 16}  # of the other records
MEMBERS = [record(seed=seed, level=0.7) for seed in range(3)]
TEACHER = record(level=0.75, request={"ensemble": {str(each.seed): each.id for each in MEMBERS}})
LUONG = [record("luong", seed=seed, level=0.65) for seed in range(3)]
DISTILLED = "distillation(teacher={!r}, weight=0.9)"


def student(attention="luong", *, objective="distillation(teacher={!r})", teacher=TEACHER.id, **changes):
    """A run of an objective that learns from the run `teacher`."""
    changes = {"level": 0.72, **changes}
    return record(attention, request={"training": {**TRAINING, "objective": objective.format(teacher)}}, **changes)


def marked(runs):
    """The marks of each row of the one table."""
    (table,) = summarise(runs).tables
    return {table.name(row): marks(table, row) for row in table.rows}


def test_a_distilled_model_is_a_row_beside_its_baseline_and_names_its_teacher():
    found = marked([*MEMBERS, TEACHER, *LUONG, *(student(seed=seed) for seed in range(3))])
    assert found == {
        "bahdanau": [],
        "bahdanau, ensemble of 3": ["ensemble of 3"],
        "luong": [],
        "luong, distilled": ["distilled from bahdanau, ensemble of 3"],
    }
    assert marked([*MEMBERS, *LUONG, student()])["luong, distilled"] == [f"distilled from run {TEACHER.id}", "1 seed"]


def test_teachers_and_options_part_rows_and_only_the_options_chosen_are_named():
    other = "0123456789ab"
    runs = [student(), student(teacher=other), student(objective=DISTILLED)]
    assert sorted(each for found in marked([*LUONG, *runs]).values() for each in found if each != "1 seed") == [
        f"distilled from run {other}",
        f"distilled from run {TEACHER.id}",
        f"distilled from run {TEACHER.id} by distillation(weight=0.9)",
    ]
    (table,) = summarise([*LUONG, *runs]).tables
    assert len({table.name(row) for row in table.rows}) == len({row.key for row in table.rows}) == 4
    sequence = student(objective="sequence_distillation(captions=2, teacher={!r})")
    assert [f"distilled from run {TEACHER.id} by sequence_distillation(captions=2)"] in marked([sequence]).values()


@pytest.mark.parametrize(
    "training",
    [
        {**TRAINING, "epochs": 9, "objective": DISTILLED.format(TEACHER.id)},
        {**TRAINING, "epochs": 9},
        {**TRAINING, "objective": "self_critical(samples=2)"},
        {**TRAINING, "objective": "cross_entropy(word_dropout=0.1)"},
    ],
    ids=str,
)
def test_other_settings_of_training_stay_apart(training):
    tables = summarise([*LUONG, record("luong", request={"training": training})]).tables
    assert [len(table.rows) for table in tables] == [1, 1]


def test_a_model_that_started_from_a_trained_one_stays_apart():
    tables = summarise([*LUONG, record("luong", request={"start_from": LUONG[0].id})]).tables
    assert [len(table.rows) for table in tables] == [1, 1]


def test_what_started_from_other_runs_is_another_row_and_seeds_of_one_start_are_one():
    longer = [record("luong", seed=seed, request={"training": {**TRAINING, "epochs": 16}}) for seed in range(2)]

    def started(runs, level):
        return [record("luong", seed=run.seed, level=level, request={"start_from": run.id}) for run in runs]

    first, second = started(LUONG[:2], 0.7), started(longer, 0.8)
    (table,) = summarise(first).tables
    assert [len(row.runs) for row in table.rows] == [2]
    assert marks(table, table.rows[0]) == []
    *_, table = sorted(summarise([*LUONG, *longer, *first, *second]).tables, key=lambda each: len(each.rows))
    assert [[run.id for run in row.runs] for row in table.rows] == [
        [run.id for run in each] for each in (second, first)
    ]
    assert marks(table, table.rows[0]) == [f"started from runs {longer[0].id}, {longer[1].id}"]
    assert len({row.key for row in table.rows} | {table.name(row) for row in table.rows}) == 4
    assert [row.key for row in summarise(first).tables[0].rows] == [table.rows[1].key]  # whatever else is there
    (table,) = summarise([*first, *second]).tables  # which started alike is not known
    assert [len(row.runs) for row in table.rows] == [1, 1, 1, 1]


def test_of_one_seed_no_start_is_dropped_where_both_were_trained_alike():
    first, second = (
        record("luong", seed=0, level=level, request={"start_from": run.id})
        for run, level in zip(LUONG, (0.7, 0.8), strict=False)
    )
    other = record("luong", seed=1, level=0.6, request={"start_from": LUONG[1].id})
    (table,) = (each for each in summarise([*LUONG, first, second, other]).tables if "start_from" in each.protocol)
    assert [[run.id for run in row.runs] for row in table.rows] == [[second.id, other.id], [first.id]]


def test_a_start_with_a_frozen_backbone_is_another_start():
    def pair(name, backbone, level):
        start = record(name, level=0.4, parts={**LUONG[0].parts, "attention": name, "backbone": backbone})
        parts = {**start.parts, "backbone": "patches(dim=8)"}
        return start, record(name, level=level, parts=parts, request={"start_from": start.id})

    runs = [*pair("luong", "patches(dim=8)", 0.6), *pair("mean", "patches(dim=8, trainable=False)", 0.5)]
    (table,) = (each for each in summarise(runs).tables if "start_from" in each.protocol)
    assert len(table.rows) == 2
    assert len({table.start(row) for row in table.rows}) == 2
    assert not effects(table)


def test_students_by_a_plug_in_stand_beside_their_baseline_a_row_for_each_version_of_its_file():
    def tutored(code, **changes):
        request = {"training": {**TRAINING, "objective": f"tutored(tutor='{TEACHER.id}')"}}
        return record("luong", request={**request, "sources": {"objective": code * 8}}, **changes)

    runs = [tutored(code, teacher={"tutor": TEACHER.id}) for code in ("0123", "4567")]
    (table,) = summarise([*LUONG, *runs]).tables
    assert sorted(marks(table, table.row_of[run.id]) for run in runs) == [
        [f"distilled from run {TEACHER.id} by tutored", "1 seed", f"plug-in objective {code * 2}"]
        for code in ("0123", "4567")
    ]
    assert len({row.key for row in table.rows}) == len(table.rows) == 3
    assert len(summarise([*LUONG, *(replace(run, teacher={}) for run in runs)]).tables) == 3


def started(run, level, **changes):
    """A model that started from a run of its parts."""
    parts = {"parts": dict(run.parts), "request": {"start_from": run.id}}
    return record(run.parts["attention"], seed=run.seed, level=level, **parts, **changes)


def starts():
    """Models of three attentions, two of which started from short training and from long: by name."""
    short = {name: record(name, level=0.4) for name in ("mean", "luong", "bahdanau")}
    long = {"training": {**TRAINING, "epochs": 16}}
    long = {name: record(name, level=0.45, request=long) for name in ("luong", "bahdanau")}
    levels = {"mean": 0.5, "luong": 0.6, "bahdanau": 0.7}
    found = {name: started(run, levels[name]) for name, run in short.items()}
    found |= {f"{name}, longer": started(run, levels[name] + 0.5) for name, run in long.items()}
    return [*short.values(), *long.values()], found


def test_what_a_part_changes_is_not_mixed_with_what_a_start_changes():
    earlier, found = starts()
    (table,) = (each for each in summarise([*earlier, *found.values()]).tables if "start_from" in each.protocol)
    score = {name: run.scores["CIDEr"] for name, run in found.items()}
    assert {each.value: each.difference for each in effects(table)} == pytest.approx(
        {name: score[name] - score["mean"] for name in ("luong", "bahdanau")}
    )
    row = table.row_of[found["luong, longer"].id]
    assert [each.row for each in neighbours(table, row)] == [table.row_of[found["bahdanau, longer"].id]]
    (table,) = summarise(found.values()).tables  # of which start which was, is not known
    assert len(table.rows) == 5
    assert effects(table) == []


def test_labels_columns_and_notes_name_the_start(tmp_path, capsys):
    earlier, found = starts()
    summary = summarise([*earlier, *found.values()])
    (table,) = (each for each in summary.tables if "start_from" in each.protocol)
    run = found["luong, longer"]
    start = run.request["start_from"]
    assert f"luong from {start}</text>" in plots(table)
    named = {line["runs"]: line["start_from"] for line in csv.DictReader(io.StringIO(table_csv(summary)))}
    assert {
        **{each.id: "" for each in earlier},
        **{each.id: each.request["start_from"] for each in found.values()},
    } == (named)
    for each in (*earlier, *found.values()):
        (tmp_path / f"{each.id}.json").write_text(json.dumps(sealed(asdict(each))))
    for other, notes in (("luong", 1), ("bahdanau", 1), ("mean", 1), ("bahdanau, longer", 0)):
        names = [str(tmp_path / f"{found[name].id}.json") for name in ("luong, longer", other)]
        assert main(["compare", *names, "--among", str(tmp_path)]) == 0
        text = capsys.readouterr().out
        assert f"luong + lstm(dim=256), started from run {start}  (1 seed; " in text
        assert text.count("They differ in the runs that they started from: parts alone") == notes
        assert main(["compare", *names, "--among", str(tmp_path), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["a"]["start_from"] == [start]


def test_what_a_part_changes_is_not_mixed_with_what_a_teacher_changes():
    singles = [*MEMBERS, *LUONG]
    (alone,), (table,) = (summarise(runs).tables for runs in (singles, [*singles, TEACHER, student(level=0.9)]))
    assert [(each.value, each.difference) for each in effects(table)] == [
        (each.value, each.difference) for each in effects(alone)
    ]
    assert findings(table)[2].answer == findings(alone)[2].answer
    assert scope([*singles, TEACHER, student(level=0.9)]) == "single models trained with one objective"
    assert scope(singles) == ""
    (students,) = summarise([student(), student("mean", level=0.5)]).tables
    assert [each.value for each in effects(students)] == ["luong"]


def scope(runs):
    """Of what the last finding of the one table is, by its own words."""
    (table,) = summarise(runs).tables
    return (re.findall(r"This is of (.*)\.", str(findings(table)[2].text[-1])) or [""])[0]


def ensemble_of(runs, **changes):
    return record(
        runs[0].parts["attention"],
        parts=dict(runs[0].parts),
        request={**runs[0].request, "ensemble": {str(each): run.id for each, run in enumerate(runs)}},
        **changes,
    )


def test_findings_and_map_say_of_which_models_they_are():
    gru = {"parts": {"decoder": "gru(dim=256)"}}
    singles = [record(level=0.7), record("mean", level=0.5), record(level=0.65, **gru)]
    pupils = [student("mean", level=0.6, **gru), student("luong", **gru), student(), student("mean", level=0.6)]
    assert scope([*singles, ensemble_of(MEMBERS)]) == "single models"
    assert scope([*singles, pupils[0]]) == scope([*singles, *pupils]) == "models trained with one objective"
    shown, found = cells([*singles, *pupils])
    assert shown[1][:3] == ["lstm", f"{100 * singles[0].scores['CIDEr']:.1f}", "*"]
    assert [line.count("*") for line in shown] == [1, 1]  # the students are most
    assert "*: trained with another objective than the unmarked" in found
    together = [ensemble_of([run, replace(run, id=run.id[::-1])]) for run in (*singles, *pupils[1:])]
    assert scope(together) == "ensembles of models trained with one objective"
    assert "×" not in "".join(map(str, cells(together)[0]))
    assert "×N" not in cells(together)[1]


def test_findings_and_map_say_that_starts_are_others():
    earlier, found = starts()
    gru = {"parts": {"decoder": "gru(dim=256)"}}
    lone = record("luong", level=0.4, request={"training": {**TRAINING, "epochs": 16}}, **gru)
    summary = summarise([*earlier, lone, *found.values(), started(lone, 0.8)])
    (table,) = (each for each in summary.tables if "start_from" in each.protocol)
    assert findings(table)[2].text[-1].endswith(" This is of models trained from starts that were trained alike.")
    assert "*: trained from another start than the unmarked, where these were not run." in heatmap(table)


def cells(runs):
    """The map's lines: figures of the cells, with their marks."""
    (table,) = summarise(runs).tables
    lines = [line.split("</tr>")[0] for line in heatmap(table).split("<tr>")[2:]]
    return [re.sub(r"<.*?>|\n", " ", line).split() for line in lines], heatmap(table)


def test_the_map_shows_an_ensemble_or_a_student_where_there_is_nothing_else_and_marks_it():
    gru = {"parts": {"decoder": "gru(dim=256)"}}
    known = [*MEMBERS, *LUONG, record("luong", level=0.6, **gru)]
    lone = record(level=0.8, request={"ensemble": TEACHER.request["ensemble"]}, **gru)
    pupil = student("bahdanau", **gru)
    figures = [f"{100 * each.scores['CIDEr']:.1f}" for each in (known[-1], lone, pupil)]
    (line, other), shown = cells([*known, lone])
    assert line == ["gru", figures[1], "×3", figures[0]]
    assert "×3" not in other
    assert "×N: N models that decode together, where no single one was run." in shown
    (line, other), shown = cells([*known, lone, pupil, student()])  # one model goes before three
    assert line == ["gru", figures[2], "*", figures[0]]
    assert "*" not in other
    assert "×N" not in shown
    assert "*: trained with another objective than the unmarked, where these were not run." in shown
    _, shown = cells([*known, TEACHER, student()])
    assert "×N" not in shown
    assert "*:" not in shown


def test_the_map_of_ensembles_alone_is_theirs():
    runs = [
        record(name, level=level, parts={"decoder": decoder}, request={"ensemble": {"0": "0" * 12, "1": "1" * 12}})
        for name, level in (("mean", 0.5), ("luong", 0.7))
        for decoder in ("lstm", "gru")
    ]
    lines, shown = cells(runs)
    assert [len(line) for line in lines] == [3, 3]
    assert shown.count('<td class="s') == 4


def test_a_part_that_only_a_student_has_is_none_that_was_left_out():
    runs = [*MEMBERS, *LUONG, student("mean", level=0.3, parts={"decoder": "gru(dim=256)"})]
    (table,) = summarise(runs).tables
    assert findings(table)[2].answer.startswith("Attention: ")


def test_files_and_cards_say_what_it_learned_from():
    runs = [*MEMBERS, TEACHER, *LUONG, learned := student(objective=DISTILLED)]
    summary = summarise(runs)
    (table,) = summary.tables
    mark = "distilled from bahdanau, ensemble of 3 by distillation(weight=0.9)"
    assert f'<em class="mark">{mark}</em>' in page(summary)
    assert f"**`{mark}`**" in markdown(summary)
    found = {line["runs"]: line["distillation"] for line in csv.DictReader(io.StringIO(table_csv(summary)))}
    assert found[learned.id] == DISTILLED.format(TEACHER.id)
    assert set(found.values()) == {"", found[learned.id]}
    assert "luong distilled</text>" in plots(table)
    sentence = f"Distilled from run {TEACHER.id}, which its training learned from beside the captions"
    assert sentence in card(learned, table, table.row_of[learned.id], {})
    assert sentence in model_card(learned, {})


def test_one_that_failed_is_listed_as_what_it_is():
    failed = summarise([student(seed=2, status="failed", error="RuntimeError: no")])
    assert f"seed 2, distilled from run {TEACHER.id}" in markdown(failed)


def test_it_is_compared_with_its_baseline_and_the_difference_is_said_to_be_of_more_than_parts(tmp_path, capsys):
    files = []
    for each in (LUONG[0], student(), MEMBERS[0], TEACHER):
        files.append(str(tmp_path / f"{each.id}.json"))
        (tmp_path / f"{each.id}.json").write_text(json.dumps(sealed(asdict(each))))
    for a, b, note in (
        (0, 1, "They differ in what they learned from, captions or a teacher"),
        (2, 3, "They differ in how many models decode together"),
    ):
        assert main(["compare", files[a], files[b]]) == 0
        assert note in capsys.readouterr().out
    assert main(["compare", files[0], files[2]]) == 0
    assert "They differ" not in capsys.readouterr().out
    assert main(["compare", files[0], files[1]]) == 0
    assert f"luong + lstm(dim=256), distilled from run {TEACHER.id}  (1 seed; " in capsys.readouterr().out
    for a, b, members, objective, notes in (
        (0, 1, [], student().request["training"]["objective"], 1),
        (2, 3, sorted(each.id for each in MEMBERS), None, 1),
        (0, 2, [], None, 0),
    ):
        assert main(["compare", files[a], files[b], "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert (found["a"]["members"], found["a"]["objective"]) == ([], None)
        assert (found["b"]["members"], found["b"]["objective"]) == (members, objective)
        assert len(found["notes"]) == notes


def test_ensembles_of_other_members_have_links_of_their_own():
    runs = [record(seed=seed, level=0.7) for seed in range(4)]
    pairs = [
        record(level=0.75, request={"ensemble": {str(run.seed): run.id for run in two}}) for two in (runs[:2], runs[2:])
    ]
    (table,) = summarise([*runs, *pairs]).tables
    assert len({row.key for row in table.rows}) == 3


def test_a_request_of_anything_is_read():
    for training in (
        7,
        "distillation",
        {**TRAINING, "objective": 5},
        {**TRAINING, "objective": "a(b)c, teacher='0123456789ab'"},
    ):
        assert page(summarise([record(request={"training": training})]))
