"""The speed suite: what it makes of timings, what it writes and what it leaves alone, and what its helpers measure."""

import json
import re
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from benchmarks.speed import __main__ as program_
from benchmarks.speed import baselines, page, point, report, sentences, stages
from benchmarks.speed import program as command_
from benchmarks.speed.figures import BARS, GROWTH, KEYS, OTHERS, Bar, Figure, shown, shown_bar
from benchmarks.speed.lines import Panel, chart
from benchmarks.speed.pairs import Rounds, Spread
from benchmarks.speed.photographs import Photographs, drawn
from benchmarks.speed.program import Ran
from benchmarks.speed.sizes import QUICK
from benchmarks.speed.stages import StageResult
from benchmarks.speed.yardsticks import share

ROOT = Path(__file__).parent.parent
SUITE = ROOT / "benchmarks" / "speed"
ISSUE = [
    "train.fp32.gemm_share",
    "train.fp32.captions_per_sec",
    "train.bf16.over_fp32",
    "beam5.fp32.images_per_sec",
    "beam5.bf16.over_fp32",
    "beam5.196x2048.images_per_sec",
    "beam5.transformer.over_hf",
    "score.first.over_pycocoevalcap",
    "score.next.over_pycocoevalcap",
    "encode.over_timm",
    "encode.resnet50.over_timm",
    "encode.vit.over_timm",
    "matrix.overhead",
    "cache.peak_gb",
    "start.list_s",
    "start.help_s",
    "start.caption_s",
]
FACTS = {
    "date": "2026-01-02", "environment": {"processor": "a | chip", "cores": 2, "java": None}, "bfloat16": False,
    "minutes": 18, "notes": ["8 drawn pictures"], "problems": [],
}  # fmt: skip
_FORGETFUL = """
class scoring:
    @staticmethod
    def measure(who, images, cache):
        cache.mkdir(exist_ok=True)
        return {"seconds": [1.0], "scores": {"CIDEr": 1.0}}
"""
PLANTED = """
import pytest
from benchmarks.speed.pairs import Spread, alternate, add_figures

def test_found(benchmark):
    order = []
    def other():
        order.append("other")
        return 6.0
    rounds = alternate(benchmark, lambda: order.append("ours"), {"other": other}, rounds=3)
    assert len(rounds.seconds["ours"]) == 3
    add_figures(benchmark, {"a.share": Spread(1.0, 2.0, 4.0), "a.count": 7}, " ".join(order), str(rounds.seconds["other"]))

def test_lost(benchmark):
    raise RuntimeError("the machine is gone /tmp/somewhere/else/file.txt")

def test_without(benchmark):
    pytest.skip("transformers is not installed")
"""


def every_number(value=1.5):
    return dict.fromkeys(KEYS, value) | {"encode.over_timm.min": 0.8, "encode.over_timm.max": 0.95}


def outcome(stage, **changes):
    """Of a stage that found what begins with its name."""
    numbers = {key: 1.5 for key in KEYS if key.startswith(stage)}
    return StageResult(numbers, [f"{stage} told"], [])._replace(**changes)


def test_ratios_are_taken_within_a_round():
    rounds = Rounds({"ours": [1.0, 2.0, 4.0], "theirs": [2.0, 6.0, 4.0]})
    assert rounds.ratio("theirs") == Spread(1.0, 2.0, 3.0)
    assert rounds.ratio("ours", "theirs") == Spread(1 / 3, 0.5, 1.0)
    assert rounds.rate(12) == Spread(3.0, 6.0, 12.0)
    assert rounds.rate(12, "theirs") == Spread(2.0, 3.0, 6.0)


def test_the_share_of_the_matrix_product_rate():
    """A product of 2 x 4^3 = 128 operations in a second, and ours of 96 in two: 48 against 128 a second."""
    assert share(Rounds({"ours": [2.0], "gemm": [1.0]}), 96, "gemm", side=4).median == pytest.approx(48 / 128)


def test_what_a_stage_finds_survives_what_it_loses(tmp_path):
    (tmp_path / "test_planted.py").write_text(PLANTED)
    found = stages.run("planted", suite=tmp_path)
    assert found.numbers == {"a.share.min": 1, "a.share": 2, "a.share.max": 4, "a.count": 7}
    assert found.notes == ["other ours " * 3 + "other ours", "[6.0, 6.0, 6.0]"]  # a warm one, and three that count
    lost, without = sorted(found.problems)
    assert lost.startswith("planted: FAILED")
    assert lost.endswith("test_lost - RuntimeError: the machine is gone file.txt")
    assert without.startswith("planted: SKIPPED")
    assert without.endswith("transformers is not installed")


def test_a_stage_that_cannot_start_is_one_line(tmp_path):
    (tmp_path / "test_planted.py").write_text("import nothing_of_that_name\n")
    (problem,) = stages.run("planted", suite=tmp_path).problems
    assert re.fullmatch("planted: ERROR test_planted.py - .*nothing_of_that_name.*", problem)


def test_a_whole_run_writes_and_names_what_is_missing(tmp_path, monkeypatch, capsys):
    lost = {"numbers": {}, "problems": ["encode: FAILED test_encode.py - OSError: no file"]}
    monkeypatch.setattr(program_, "run", lambda stage, _: outcome(stage, **(lost if stage == "encode" else {})))
    assert program_.main(["--docs", str(tmp_path)]) == 1
    numbers = json.loads((tmp_path / "speed.json").read_text())
    assert "train.fp32.gemm_share" in numbers
    assert "encode.over_timm" not in numbers
    assert all(isinstance(value, int | float) for value in numbers.values())
    assert re.search("^not measured: .*encode.over_timm", capsys.readouterr().out, re.MULTILINE)
    text = (tmp_path / "speed.md").read_text()
    assert "- encode: FAILED test_encode.py - OSError: no file" in text
    assert re.search(r"<br>`encode.over_timm` \|.*\| at least 300\s% \| not measured \|", text)
    assert {file.name for file in tmp_path.iterdir()} == set(report.made(tmp_path)) | {
        "speed.json",
        "speed-environment.json",
    }


@pytest.mark.parametrize("arguments", [["--only", "train"], ["--quick"], ["--only", "train", "--only", "decode"]])
def test_part_of_a_run_overwrites_nothing(arguments, tmp_path, monkeypatch, capsys):
    (tmp_path / "speed.json").write_text("{}")
    asked = []
    monkeypatch.setattr(program_, "run", lambda stage, _: asked.append(stage) or outcome(stage))
    assert program_.main([*arguments, "--docs", str(tmp_path)]) == 0
    assert asked == (arguments[1::2] if "--only" in arguments else list(stages.threads()))
    assert [file.read_text() for file in tmp_path.iterdir()] == ["{}"]
    assert "nothing is written" in capsys.readouterr().out


def test_a_run_that_has_nowhere_to_write_does_not_begin(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(program_, "run", lambda *_: pytest.fail("it began"))
    assert program_.main(["--docs", str(tmp_path / "none")]) == 2
    assert "--docs" in capsys.readouterr().err


def test_a_report_that_fails_leaves_the_old_one(tmp_path):
    report.write(tmp_path, every_number(), FACTS)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(KeyError):
        report.write(tmp_path, every_number(2.5), {})
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_the_page_belongs_to_its_numbers(tmp_path):
    report.write(tmp_path, every_number(), FACTS)
    for name, text in report.made(tmp_path).items():
        assert (tmp_path / name).read_text() == text
    numbers = json.loads((tmp_path / "speed.json").read_text())
    (tmp_path / "speed.json").write_text(json.dumps(numbers | {"start.list_s": 0.39}))
    assert report.made(tmp_path)["speed.md"] != (tmp_path / "speed.md").read_text()


def test_before_any_run_there_is_a_page_that_says_so(tmp_path):
    assert "no figures here yet" in report.made(tmp_path)["speed.md"]


def test_every_bar_is_a_row_with_its_verdict():
    assert [figure.key for figure in BARS] == ISSUE
    assert len(set(KEYS)) == len(KEYS)
    text = page.pages(
        {"start.list_s": 0.41, "cache.peak_gb": 1.99, "encode.over_timm": 3.0, "matrix.encodings": 1}, FACTS
    )["speed.md"]
    rows = {key: line for line in text.splitlines() for key in ISSUE if f"<br>`{key}` |" in line}
    assert rows.keys() == set(ISSUE)
    assert {line.count("|") for line in rows.values()} == {6}
    for key, verdict in (("start.list_s", "**missed**"), ("cache.peak_gb", "met"), ("encode.over_timm", "met")):
        assert f"| {verdict} |" in rows[key]
    assert "| not measured |" in rows["matrix.overhead"]
    assert all("\xa0|" not in line and "|\xa0" not in line for line in text.splitlines())
    assert "no bfloat16 instructions" in text
    assert "a \\| chip" in text


@pytest.mark.parametrize(
    ("bar", "unit", "value", "met", "told"),
    [
        (Bar(0.6), "%", 0.6, True, "at least 60\xa0%"),
        (Bar(0.6), "%", 0.599, False, "at least 60\xa0%"),
        (Bar(0.4, True), "s", 0.4, False, "below 0.4\xa0s"),
        (Bar(0.4, True), "s", 0.399, True, "below 0.4\xa0s"),
        (Bar(2, True), "", 1, True, "below 2"),
    ],
)
def test_bars(bar, unit, value, met, told):
    assert bar.met(value) is met
    assert shown_bar(Figure("key", "what", unit, bar)) == told


def test_figures_are_told_to_three_digits():
    assert [shown(*each) for each in ((0.0312, "%"), (1234.5, "images/s"), (12.34, "x"), (0.3456, "s"), (1, ""))] == [
        "3.1\xa0%", "1\u202f234\xa0images/s", "12.3\xa0x", "0.35\xa0s", "1",
    ]  # fmt: skip


def test_every_key_that_a_stage_tells_is_on_the_page():
    told = {key for file in SUITE.glob("test_*.py") for key in re.findall(r'"((?:\w+\.)+\w+)":', file.read_text())}
    assert len(told) > 25
    assert told <= set(KEYS)
    assert {figure.key.split(".")[0] for figure in (*BARS, *OTHERS)} >= {key.split(".")[0] for key in told}
    assert {file.stem.removeprefix("test_") for file in SUITE.glob("test_*.py")} == set(stages.threads())


def test_drawings_are_pictures_with_text_and_no_script():
    files = page.pages(every_number(), FACTS)
    drawings = [text for name, text in files.items() if name.endswith(".svg")]
    assert len(drawings) == 3
    for text in drawings:
        names = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(text).iter()}
        assert names == {"svg", "title", "g", "path", "circle", "text"}
        assert re.findall(r"#[0-9a-f]{3,6}\b", text) == []  # colours are the page's own
    few = {key: value for key, value in every_number().items() if key != GROWTH[0]}
    assert "speed-images.svg" not in page.pages(few, FACTS)
    assert ":file: speed-images.svg" not in page.pages(few, FACTS)["speed.md"]


def test_a_line_goes_where_its_values_are():
    text = chart(
        "a", "told <b>", [Panel("seconds", "images", (1, 2, 3), {"one": (1.0, 2.0, 3.0), "two": (1.0, 1.0, 1.0)})]
    )
    assert "told &lt;b&gt;" in text
    up, flat = (
        [tuple(map(float, pair.split())) for pair in path.split("L")]
        for path in re.findall(r'd="M([\d. L]+)" stroke-dash', text)
    )
    assert up[0][1] > up[1][1] > up[2][1]
    assert up[1][1] - up[2][1] == pytest.approx(up[0][1] - up[1][1], abs=0.2)
    assert {y for _, y in flat} == {up[0][1]}


def test_what_the_harness_adds():
    """100 s in all, 10 of them encoding, 80 training, decoding and scoring, 6 timing."""
    stages_ = {"encode": 10.0, "train": 30.0, "decode": 8.0, "score": 2.0, "measure": 3.0}
    ran = Ran(100.0, 1.0, [{"seconds": stages_}, {"seconds": stages_}])
    assert ran.overhead(measuring=True) == pytest.approx(10 / 80)
    assert ran.overhead(measuring=False) == pytest.approx(4 / 80)
    assert ran.encodings == 1
    assert Ran(100.0, 1.0, [{"seconds": stages_}, {"seconds": stages_ | {"encode": 11.0}}]).encodings == 2


def test_scores_are_apart():
    assert baselines.apart({"a": 1.0, "b": 2.0}, {"a": 1.25, "b": 2.0}) == 0.25
    assert baselines.apart({"a": 1.0}, {"a": 1.0, "b": 2.0}) == float("inf")


def test_captions_are_varied_and_always_the_same():
    said, again = sentences.references(300), sentences.references(300)
    assert said == again
    assert {len(captions) for captions in said.values()} == {5}
    lines = [caption for captions in said.values() for caption in captions]
    assert len(set(lines)) > 0.95 * len(lines)
    assert len({word for line in lines for word in line.lower().strip(".").split()}) > 200
    assert 8 < sum(len(line.split()) for line in lines) / len(lines) < 13
    first, second = (sentences.candidates(300, turn) for turn in range(2))
    assert sum(first[image] != second[image] for image in first) > 250


def test_photographs_are_drawn_or_found(tmp_path):
    (tmp_path / "drawn").mkdir()
    found = Photographs.gathered(tmp_path / "drawn", 4, None)
    parts = (found.dataset.train, found.dataset.validation, found.dataset.test)
    assert [len(part) for part in parts] == [2, 1, 1]
    assert found.description.startswith("4 drawn pictures of 640 x 480")
    files = sorted((tmp_path / "drawn").glob("*.jpg"))
    assert files[0].read_bytes() == next(drawn())
    assert len({file.read_bytes() for file in files}) == 4
    for file in files:
        with Image.open(file) as image:
            assert (image.format, image.size) == ("JPEG", (640, 480))
            assert file.stat().st_size > 30_000  # as hard to decode as a photograph
    (tmp_path / "real").mkdir()
    assert Photographs.gathered(tmp_path / "real", 3, tmp_path / "drawn").description == "3 photographs"
    with pytest.raises(ValueError, match="4 files"):
        Photographs.gathered(tmp_path / "real", 5, tmp_path / "drawn")


def test_bfloat16_is_read_from_the_flags(tmp_path):
    told = tmp_path / "cpuinfo"
    told.write_text("model name\t: a chip\nflags\t\t: fpu avx2 avx512_bf16 ssse3\n")
    assert report.bfloat16_instructions(told)
    told.write_text("model name\t: a chip with avx512_bf16\nflags\t\t: fpu avx2\n")
    assert not report.bfloat16_instructions(told)
    assert not report.bfloat16_instructions(tmp_path / "none")


def test_a_point_is_a_process_of_its_own():
    found = point.measure("beams", 2, QUICK)
    assert found.keys() == {"seconds", "peak_gb"}
    assert 0.05 < found["peak_gb"] < 2
    with pytest.raises(RuntimeError, match="nonsense 2 failed"):
        point.measure("nonsense", 2, QUICK)


def test_searches_go_to_the_end_whatever_was_learnt(monkeypatch):
    from zoo import generate

    searched = []
    monkeypatch.setattr(
        generate, "generate", lambda decoder, *_, **options: searched.append((type(decoder).__name__, options))
    )
    point.images(2, QUICK)
    assert searched == [("NoEosDecoder", {"num_beams": QUICK.beams, "max_length": QUICK.steps - 1})]


def test_a_stage_without_an_end_is_ended_with_all_that_it_started(tmp_path):
    started = tmp_path / "started"
    (tmp_path / "test_planted.py").write_text(
        "import subprocess\ndef test_endless():\n"
        f"    subprocess.run(['sh', '-c', 'echo $$ > {started}; exec sleep 600'])\n"
    )
    found = stages.run("planted", suite=tmp_path, patience=5)
    assert found == StageResult({}, [], ["planted: no end after 5 s"])
    assert ended(Path(f"/proc/{started.read_text().strip()}/stat"))


def ended(state):
    """Whether a process ends within ten seconds: a killed one may still be seen for a moment."""
    for _ in range(1000):
        if not state.exists() or state.read_text().split()[2] == "Z":
            return True
        time.sleep(0.01)
    return False


def test_a_command_without_an_end_is_ended(tmp_path):
    command = tmp_path / "caption-zoo"
    command.write_text("#!/bin/sh\nexec sleep 600\n")
    command.chmod(0o755)
    with pytest.raises(RuntimeError, match="timed out after"):
        command_.run(str(command), {}, tmp_path, patience=0.2)


_REAL = {
    "load": ["load.images_per_sec", "load.over_pillow"],
    "cache": ["cache.rows_per_sec", "cache.peak_gb", "cache.epoch_s"],
    "encode": ["encode.over_timm", "encode.images_per_sec"],
    "growth": ["growth.images.1.decode_s", "growth.cells.1.seconds"],
}
# The other points do the same with more; the matrix, cells as growth has them on a large backbone, takes 40 s.
_ONLY = {"encode": "not resnet50", "growth": "[1] and not beams"}


@pytest.mark.parametrize("stage", _REAL)
def test_a_stage_runs_for_real(stage, tmp_path):
    command, only = tmp_path / "caption-zoo", _ONLY.get(stage)
    command.write_text(
        f"#!{sys.executable}\nfrom benchmarks.cli.main import entry_point\nif __name__ == '__main__':\n    entry_point()\n"
    )
    command.chmod(0o755)
    found = stages.run(stage, ["--quick", "--command", str(command), *(["-k", only] if only else [])])
    assert found.problems == []
    assert found.numbers.keys() >= set(_REAL[stage])
    assert all(value > 0 for key, value in found.numbers.items())
    assert {re.sub(r"\.(min|max)$", "", key) for key in found.numbers} <= set(KEYS)


def test_scoring_is_timed_with_all_that_is_kept():
    found = stages.run("score", ["--quick"])
    assert found.problems == []
    names = ("first_s", "next_s", *(f"{kind}.over_pycocoevalcap" for kind in ("first", "next", "again")))
    assert found.numbers.keys() == {f"score.{name}{end}" for name in names for end in ("", ".min", ".max")}


def test_a_scorer_that_keeps_nothing_fails_the_stage(tmp_path):
    """The planted mistake: the suite's own process without its cache."""
    for file in ("conftest.py", "test_score.py"):
        text = (SUITE / file).read_text()
        (tmp_path / file).write_text(text.replace("from benchmarks.speed import scoring", _FORGETFUL))
    (problem,) = stages.run("score", ["--quick"], tmp_path).problems
    assert "not all is kept for the next process" in problem
