"""The whole way on a small matrix: run, kill, resume, fail, record, rank."""

import json
import os
import signal
import time
from pathlib import Path

import pytest
from folders import coco_folder
from forking import caption_zoo
from pycocotools.coco import COCO
from repeatable import repeatable

from benchmarks.evaluation.endings import bad_ending_rate
from benchmarks.records.record import RunRecord, records

CONFIG = """
name: small
dataset: scenes(train=24, validation=6, test=6)
matrix:
  backbone: [patches(dim=16)]
  attention: [mean, bahdanau(hidden_dim=8)]
  decoder: [lstm(dim=16)]
training: {epochs: 2, min_count: 1}
decoding: {num_beams: 2, max_length: 12}
"""
RATES = {"train_captions_per_sec", "encode_images_per_sec", "greedy_images_per_sec", "beam_images_per_sec"}
SEVEN = {"Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4", "METEOR", "ROUGE_L", "CIDEr"}
RAISING = """
from zoo.attention import ATTENTIONS
from zoo.attention.bahdanau import Bahdanau
@ATTENTIONS.register("raising")
class Raising(Bahdanau):
    "Breaks while it trains."
    def score(self, query, keys):
        raise RuntimeError("the plug-in's own words")
@ATTENTIONS.register("dying")
class Dying(Bahdanau):
    "Takes its process down."
    def score(self, query, keys):
        import os
        os._exit(9)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("harness")
    (folder / "config.yaml").write_text(CONFIG)
    (folder / "plugin.py").write_text(RAISING)
    return folder


def command(place, *arguments, out="runs", **options):
    where = ("--out", place / out, "--cache", place / "cache")
    return caption_zoo("run", place / "config.yaml", *where, *arguments, folder=place, **options)


def run(place, *arguments, out="runs"):
    return command(place, *arguments, out=out).end()


@pytest.fixture(scope="module")
def done(place):
    code, said, errors = run(place)
    assert code == 0, said + errors
    return sorted(records(place / "runs"), key=lambda record: record.parts["attention"]), said


def test_every_cell_has_a_full_record(place, done):
    found, said = done
    assert "2 of 2 cells done" in said
    for record in found:
        folder = place / "runs" / record.id
        assert record.status == "done"
        assert record.error is None
        assert set(record.scores) == SEVEN
        assert set(record.throughput) == RATES
        assert all(rate > 0 for rate in record.throughput.values())
        assert {"encode", "train", "decode", "score"} <= set(record.seconds)
        assert (record.dataset, record.split, record.synthetic, record.seed) == (
            "scenes(test=6, train=24, validation=6)",
            "test",
            True,
            0,
        )
        assert record.weights == "trained from scratch"
        assert set(record.per_image["CIDEr"]) == {
            entry["image_id"].__str__() for entry in json.loads((folder / "captions.json").read_text())
        }
        assert len(record.curve) == 2
        assert record.params >= record.trained > 0
        assert {"exact", "relation", "binding", "count", "pointing"} <= set(record.diagnostics)
        captions = [caption.split() for caption in record.captions.values()]
        assert record.diagnostics["bad_endings"] == bad_ending_rate(captions)
        assert json.loads((folder / "record.json").read_text())["schema"] == 1
    assert [record.parts["attention"] for record in found] == ["bahdanau(hidden_dim=8)", "mean"]


def test_captions_are_in_coco_results_form(place, done, tmp_path):
    folder = place / "runs" / done[0][0].id
    captions = json.loads((folder / "captions.json").read_text())
    truth = tmp_path / "truth.json"
    truth.write_text(
        json.dumps({"info": {}, "images": [{"id": entry["image_id"]} for entry in captions], "annotations": []})
    )
    assert len(COCO(str(truth)).loadRes(str(folder / "captions.json")).getAnnIds()) == 6


def test_finished_cells_are_not_run_again(place, done):
    before = {path: path.stat().st_mtime_ns for path in (place / "runs").rglob("*")}
    code, said, _ = run(place)
    assert code == 0
    assert said.count("done before") == 2
    assert {path: path.stat().st_mtime_ns for path in (place / "runs").rglob("*")} == before


def test_the_same_seed_gives_the_same_scores_in_another_process(place, done):
    assert run(place, out="again")[0] == 0
    assert {r.id: (r.scores, repeatable(r.curve)) for r in records(place / "again")} == {
        r.id: (r.scores, repeatable(r.curve)) for r in done[0]
    }


def test_killed_at_any_moment_it_ends_with_the_same_table(place, done):
    """Each run but the last is killed a moment later in its first cell than the one before."""
    moments = [".partial/*/request.json", ".partial/*/model.safetensors", ".partial/*/captions.json", "*/record.json"]
    out = place / "killed"
    for moment in moments:
        assert not list(out.glob(moment)), "what an earlier one left"
        kill(place, moment)
        ours = {path: path.stat().st_mtime_ns for path in out.glob("*/record.json")}
    code, said, errors = run(place, out="killed")
    assert code == 0, said + errors
    assert {r.id: r.scores for r in records(out)} == {r.id: r.scores for r in done[0]}
    assert ours
    assert all(path.stat().st_mtime_ns == written for path, written in ours.items())
    assert not list((out / ".partial").iterdir())


def kill(place, moment):
    process = command(place, out="killed")
    wait_for(lambda: any((place / "killed").glob(moment)) or not process.runs())
    assert process.runs()
    os.kill(process.pid, signal.SIGKILL)
    assert process.end(30).returncode == -signal.SIGKILL


def wait_for(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.01)


def test_a_folder_without_a_record_is_no_obstacle(place, done):
    (place / "torn" / done[0][0].id).mkdir(parents=True)
    code, said, errors = run(place, out="torn")
    assert code == 0, said + errors
    assert {r.id for r in records(place / "torn")} == {r.id for r in done[0]}


def test_of_two_runners_the_first_one_wins_and_nothing_breaks(place, done):
    both = [command(place, out="both") for _ in range(2)]
    both = [process.end() for process in both]
    assert [ended.returncode for ended in both] == [0, 0], both
    assert {r.id: r.scores for r in records(place / "both")} == {r.id: r.scores for r in done[0]}


def test_without_java_nothing_is_started(place):
    process = command(place, out="no-java", environment={**os.environ, "CAPTION_ZOO_JAVA": "no-such-java"})
    code, _, errors = process.end(60)
    assert code == 2
    assert "no-such-java" in errors
    assert not list((place / "no-java").rglob("*.json"))


def test_interrupted_it_says_how_to_go_on(place):
    process = command(place, out="interrupted")
    wait_for(lambda: any((place / "interrupted").glob(".partial/*/request.json")))
    os.killpg(process.pid, signal.SIGINT)
    code, _, errors = process.end(60)
    assert code == 130
    assert errors.strip() == "caption-zoo: interrupted; run the same command again to resume"


def test_a_failing_cell_is_recorded_while_the_others_go_on(place):
    arguments = ["--plugin", str(place / "plugin.py")]
    for attention in ("raising", "dying", "multihead(num_heads=5)", "mean"):
        arguments += ["--attention", attention]
    code, said, _ = run(place, *arguments, out="failing")
    assert code == 1
    assert "1 of 4 cells done" in said
    found = {record.parts["attention"]: record for record in records(place / "failing")}
    assert found["mean"].done
    assert found["raising"].error == "RuntimeError: the plug-in's own words"
    assert found["raising"].origins["attention"] == "plugin.py"
    assert found["dying"].error == "its process ended by itself with exit code 9"
    assert "does not divide" in found["multihead(num_heads=5)"].error
    assert (place / "failing" / found["raising"].id / "error.txt").read_text().startswith("Traceback")
    mended = RAISING.replace("raise RuntimeError", "return super().score(query, keys)  #")
    (place / "plugin.py").write_text(mended)
    code, said, _ = run(place, *arguments[:4], out="failing")
    assert code == 0, said


def test_an_edited_plugin_is_another_run(place):
    file = place / "mine.py"
    ids = []
    for width in (4, 5):
        file.write_text(
            "from zoo.attention import ATTENTIONS\nfrom zoo.attention.bahdanau import Bahdanau\n"
            "@ATTENTIONS.register('mine')\nclass Mine(Bahdanau):\n    'Mine.'\n"
            f"    def __init__(self, query_dim, feature_dim):\n        super().__init__(query_dim, feature_dim, hidden_dim={width})\n"
        )
        attentions = ("--attention", "mine", "--attention", "aoa(attention='mine')", "--attention", "luong")
        code, said, errors = run(place, "--plugin", str(file), *attentions, "--dry-run")
        assert code == 0, said + errors
        ids.append([line.split()[0] for line in said.splitlines()[:3]])
    assert [one == other for one, other in zip(*ids, strict=True)] == [False, False, True]


def test_the_matrix_encodes_each_image_once_and_counts_what_it_skips(place):
    folder = coco_folder(place / "coco", train=20)
    (folder / "train2017" / f"{2:012}.jpg").unlink()
    dataset = f"coco(root='{folder}')"
    code, said, errors = run(
        place,
        "--dataset",
        dataset,
        "--backbone",
        "timm/test_resnet(pretrained=False)",
        "--training.epochs",
        "1",
        out="coco",
    )
    assert code == 0, said + errors
    found = list(records(place / "coco"))
    for record in found:  # in the second, the figures of encoding are those of the first
        assert set(record.throughput) == set(record.timing) == RATES
        assert set(record.flops) == {rate.partition("_")[0] for rate in RATES}
        for rate, timing in record.timing.items():
            assert record.throughput[rate] == pytest.approx(timing["items"] / timing["median_seconds"])
    first, second = ((record.throughput, record.timing, record.flops) for record in found)
    same = [
        {name for name in ours if ours[name] == theirs[name]}
        for ours, theirs in zip(first[:2], second[:2], strict=True)
    ]
    assert same == [{"encode_images_per_sec"}] * 2
    assert first[2]["encode"] == second[2]["encode"]
    assert first[2]["train"] != second[2]["train"]
    assert {record.seconds["encode"] for record in found} == {found[0].seconds["encode"]}
    assert [Path(line.split(": ")[0]).name for line in found[0].data["skipped"]] == [f"{2:012}.jpg"]
    assert found[0].dataset == "coco"
    assert not found[0].synthetic
    assert str(place) not in (place / "coco" / found[0].id / "record.json").read_text()


def test_caption_and_leaderboard_from_the_run(place, done):
    scene = place / "photo.png"
    from benchmarks.data.scenes import Scenes

    data = Scenes(train=1, validation=1, test=9)
    data.load(data.test[-1]).resize((200, 150)).save(scene)
    runs, page = place / "runs", place / "page"
    code, said, errors = caption_zoo("caption", runs / done[0][0].id, scene, place / "none.png", folder=place).end()
    assert code == 2
    assert said.startswith(f"{scene}\t")
    assert "none.png" in errors
    code, said, errors = caption_zoo("leaderboard", runs, "--out", page, folder=place).end()
    assert code == 0, errors
    assert sorted(Path(name).name for name in said.split()) == sorted(
        ["index.html", "leaderboard.csv", "leaderboard.md", *(f"{record.id}.html" for record in done[0])]
    )
    assert "Synthetic scenes, not photographs" in (place / "page" / "index.html").read_text()
    code, _, errors = caption_zoo("leaderboard", runs, "--out", page, "--check", folder=place).end()
    said = errors.splitlines()  # nothing, or in a checkout with changes that nobody could repeat the runs
    assert [problem for problem in said if "changed files" not in problem] == []
    assert code == (1 if said else 0)
    (page / "leaderboard.md").write_text("something else")
    code, _, errors = caption_zoo("leaderboard", runs, "--out", page, "--check", folder=place).end()
    assert code == 1
    assert "leaderboard.md" in errors
    assert RunRecord.load(place / "runs" / done[0][0].id).done
