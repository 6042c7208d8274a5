"""The card of a run, as HTML and as Markdown: whole, offline, small, and what records say stays text."""

import base64
import hashlib
import io
import json
import re
from dataclasses import replace
from html import unescape
from statistics import fmean

import numpy as np
import pytest
import yaml
from PIL import Image
from records import COCO, FEW, WORDS, failure, looked, picture, record, sampled
from sandbox import calls_here
from test_leaderboard_files import HOSTILE, Page

from benchmarks.cell.samples import write_gallery
from benchmarks.cli import main as cli
from benchmarks.leaderboard import stale, write
from benchmarks.leaderboard.card import card, model_card
from benchmarks.leaderboard.card.galleries import Galleries
from benchmarks.leaderboard.card.rerun import config
from benchmarks.leaderboard.html.overlay import veil
from benchmarks.leaderboard.tables.samples import shown
from benchmarks.leaderboard.tables.summary import summarise
from benchmarks.records.record import RunRecord
from benchmarks.records.samples import maps

EVERYWHERE = ("dataset", "split", "signature", "weights", "finished", "experiment")


@pytest.fixture(scope="module", autouse=True)
def _calls_here():
    with calls_here():
        yield


def made(run: RunRecord, gallery: dict | None = None, others: tuple[RunRecord, ...] = ()) -> str:
    (table,) = summarise([run, *others]).tables
    (row,) = [row for row in table.rows if any(each.id == run.id for each in row.runs)]
    return card(run, table, row, gallery or {})


def front(text: str) -> dict:
    _, matter, _ = text.split("---\n", 2)
    return yaml.safe_load(matter)


def told(text: str) -> str:
    Page(text)
    said = re.sub(r"<(style|script)>.*?</\1>|<wbr>|</?bdi>", "", text, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", said)).split())


def pngs(text: str) -> list[np.ndarray]:
    """How thick each veil of a card is at each place."""
    found = re.findall(r'preserveAspectRatio="none" href="data:image/png;base64,([^"]+)"', text)
    images = [Image.open(io.BytesIO(base64.b64decode(each))) for each in found]
    return [np.asarray(image.convert("RGBA"))[..., 3] for image in images]


def test_a_card_is_one_file_that_loads_nothing_and_runs_only_its_own_script():
    text = made(*sampled(record(**COCO), shared=False))
    page = Page(text)
    policy = next(value for _, name, value in page.attributes if name == "content" and "default-src" in value)
    for tag, rule in (("script", "script-src"), ("style", "style-src")):
        (inside,) = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        assert f"{rule} 'sha256-{base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()}'" in policy
    assert policy.startswith("default-src 'none';")
    assert "img-src data:;" in policy
    assert "unsafe" not in policy
    assert not [name for _, name, _ in page.attributes if name in ("style", "src", "srcset") or name.startswith("on")]
    loaded = {value for tag, name, value in page.attributes if name == "href" and tag in ("image", "use", "link")}
    assert {value.partition(":")[0] for value in loaded if not value.startswith("#")} == {"data"}
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert {value[1:] for value in loaded if value.startswith("#")} <= set(ids)
    assert not re.search(r"@import|url\(|innerHTML", text)


def test_the_same_record_gives_the_same_bytes():
    run, gallery = sampled(record())
    again = replace(run, captions=dict(reversed(run.captions.items())), flops=dict(reversed(run.flops.items())))
    assert made(run, gallery) == made(again, gallery)
    assert model_card(run, gallery) == model_card(again, gallery)


def test_scores_stand_beside_the_mean_of_the_seeds_with_interval_and_rank():
    runs = [record(seed=seed, level=level) for seed, level in ((0, 0.9), (1, 0.9), (2, 0.9))]
    text = told(made(runs[0], others=(*runs[1:], FEW[0])))
    own, mean = (100 * runs[0].scores["CIDEr"], 100 * fmean(run.scores["CIDEr"] for run in runs))
    assert f"{own:.1f} CIDEr × 100" in text
    assert f"The mean of the entry's 3 seeds is {mean:.1f}." in text
    assert f"CIDEr {own:.1f} {mean:.1f} BLEU-4" in text
    assert "Rank 1 of 2 entries." in text
    low, high = map(float, re.findall(r"between ([\d.]+) and ([\d.]+) \(95 %\)", text)[0])
    assert low < mean < high
    assert f'other seeds: <a href="{runs[1].id}.html">1</a>' in made(runs[0], others=(runs[1],))


def test_neighbours_differ_in_one_part_and_say_what_is_clear():
    far = record("luong", parts={"decoder": "gru"}, level=0.9)
    text = made(FEW[1], others=(FEW[0], FEW[2], far))
    rows = [told(f"<div>{row}</div>") for row in re.findall(r"<tr>\s*<td>attention</td>.*?</tr>", text, re.DOTALL)]
    assert [row.split()[:2] for row in rows] == [["attention", "luong"], ["attention", "mean"]]
    gap = 100 * (FEW[0].scores["CIDEr"] - FEW[1].scores["CIDEr"])
    assert f"{gap:+.1f}".replace("-", "\u2212") in rows[1]
    assert ["not clear" in rows[0], "clearly worse" in rows[1]] == [True, True]
    assert f'href="{FEW[0].id}.html"' in text
    assert far.id not in text
    assert "With one part swapped" not in made(FEW[1])


def test_an_edited_plugin_is_no_neighbour():
    edited = record("luong", origins={"decoder": "mine.py"})
    assert "With one part swapped" not in made(record(), others=(edited,))


@pytest.mark.parametrize("side", [1, 7, 14])
def test_each_word_has_its_map_thick_where_the_weight_is_low(side):
    run, _ = sampled(record(), side=side)
    text = made(run)
    veils = pngs(text)
    assert len(veils) == 6 * len(WORDS)
    for thickness, shares in zip(veils, list(maps(run.samples[0])), strict=False):
        assert thickness.shape == (side, side)
        expected = 220 * (1 - shares / shares.max())
        assert np.abs(thickness - expected).max() <= 220 / 15 / 2 + 1
    assert text.count("<li><button disabled>") == 6 * len(WORDS)
    assert "Attention weights are not an explanation" in told(text)


@pytest.mark.parametrize("shape", [(3, 5), (4, 2), (1, 64)])
def test_a_veil_is_a_png_that_others_read(shape):
    shares = np.random.default_rng(0).random(shape)
    file = base64.b64decode(veil(shares).partition(",")[2])
    with Image.open(io.BytesIO(file)) as image:
        image.verify()
    thickness = np.asarray(Image.open(io.BytesIO(file)).convert("RGBA"))[..., 3]
    assert np.abs(thickness - 220 * (1 - shares / shares.max())).max() <= 220 / 15 / 2 + 1


def test_what_fell_on_no_place_is_a_bar_and_a_number():
    text = made(sampled(record(), sentinel=True)[0])
    assert text.count('class="share"') == 6 * len(WORDS)
    assert '<path d="M0 3H25"/></svg>25 %</span>' in text
    assert 'class="share"' not in made(sampled(record())[0])


def test_without_maps_there_are_captions_and_pictures_alone():
    text = made(sampled(record("mean"), maps=False)[0])
    assert text.count('role="img" aria-label="Image') == 6
    assert "<li><button" not in text
    assert "explanation" not in told(text)


def test_pictures_and_references_of_others_come_from_the_gallery_alone():
    run, gallery = sampled(record(**COCO), shared=False)
    bare, whole = made(run), made(run, gallery)
    assert whole.count(picture()) == 6
    assert told(whole).count("what person 3 said") == 1
    assert "what person" not in bare
    assert 'role="img" aria-label="Image' not in bare
    assert "image/jpeg" not in bare
    assert len(pngs(bare)) == bare.count("data:image") == 6 * len(WORDS)
    assert '<a href="http://images.example.org/3.jpg" rel="noreferrer">image 3</a>' in bare
    assert "what person" not in model_card(run, {})
    assert "data:image" not in model_card(run, gallery)


def test_the_run_is_told_in_figures():
    text = told(made(sampled(record())[0]))
    for said in (
        "Best epoch: 4, marked",
        "40.0 images/s 32.0 to 45.7 32 images",
        "backbone 0.39 G, beam search 0.12 G",
        "Distinct captions 5 of 60",
        "model.safetensors, sha256 " + "ab" * 32,
        "caption-zoo caption runs/",
    ):
        assert said in text, said


def test_captions_in_numbers_are_counted_as_defined():
    captions = {"1": "a cat sits", "2": "a cat sits", "3": "a dog runs fast"}
    for text in (told(made(record(captions=captions))), model_card(record(captions=captions), {})):
        plain = text.replace("`", "").replace(": ", " ")
        assert "Mean length 3.3 words" in plain
        assert "Distinct captions 2 of 3" in plain
        assert "Distinct-1 0.600" in plain  # 6 words of 10
        assert "Distinct-2 0.714" in plain  # 5 pairs of 7
        assert "Most frequent “a cat sits”, 2 times" in plain


def test_no_caption_is_most_frequent_where_all_differ():
    assert "Most frequent" not in told(made(record(captions={"1": "a cat", "2": "a dog"})))


def test_old_records_make_cards_too():
    old = record(captions={}, flops={}, timing={})
    text = told(made(old))
    for absent in ("Sample captions", "Training curves", "Caption statistics", "FLOPs"):
        assert absent not in text
    assert front(model_card(old, {}))["library_name"] == "caption-zoo"
    bare = record(scores={}, per_image={}, diagnostics={}, throughput={}, data={}, seconds={}, params=0, trained=0)
    assert "– CIDEr × 100" in told(made(bare))
    assert "## Scores" in model_card(bare, {})


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_stays_text(text):
    words = dict.fromkeys(EVERYWHERE, text)
    run, gallery = sampled(
        record(
            parts=dict.fromkeys(("backbone", "attention", "decoder"), text),
            origins={"attention": text, "decoder": f"{text}.py"},
            diagnostics={text: 0.5},
            request={text: text, "training": {text: text}, "sources": {text: text}, "metrics": [text]},
            environment={text: text, "device": text},
            data={"fingerprint": text},
            seconds={text: 2.0},
            **words,
        ),
        references=[text],
    )
    spoilt = ({**run.samples[0], "words": [text] * 12, "image": text, "source": text}, *run.samples[1:])
    run = replace(run, samples=spoilt, captions={text: text}, files={text: text}, id=text, seed=text)
    page, plain = made(run, gallery), made(*sampled(record(**COCO), sentinel=True))
    assert {name for _, name, _ in Page(page).attributes} <= {name for _, name, _ in Page(plain).attributes} | {"dir"}
    assert page.count("<script") == page.count("</script") == 1
    markdown = model_card(run, gallery)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", page + markdown)
    body = re.sub(r"(`{3,})\w+\n.*?\n\1\n", "", markdown.split("---\n", 2)[2], flags=re.DOTALL)
    assert not re.search(r"</?(script|b)>|\]\(y\)", re.sub(r"(`+)[^`].*?(?<!`)\1(?!`)", "", body))
    assert front(markdown)["model-index"][0]["results"][0]["dataset"]["name"]
    yaml.safe_load(config(run))


SPOILT = {
    "samples no list": {"samples": "a"},
    "sample no object": {"samples": [1, None, "a"]},
    "no words": {"samples": [{"pick": "best"}]},
    "unknown pick": {"samples": [{"pick": "other", "words": ["a"]}]},
    "maps no base64": {"samples": [{"pick": "best", "words": ["a"], "grid": [1, 1], "peak": 1, "maps": "%"}]},
    "maps too few": {"samples": [{"pick": "best", "words": ["a", "b"], **looked(("a",))}]},
    "huge grid": {"samples": [{"pick": "best", "words": ["a"], "grid": [10**9, 10**9], "peak": 1, "maps": "AA=="}]},
    "peak no number": {"samples": [{"pick": "best", "words": ["a"], "grid": [1, 1], "peak": "x", "maps": "AA=="}]},
    "peak below nothing": {"samples": [{"pick": "best", "words": ["a"], "grid": [1, 1], "peak": -9, "maps": "AQ=="}]},
    "picture a script": {"samples": [{"pick": "best", "words": ["a"], "picture": "data:text/html,<script>"}]},
    "picture an svg": {"samples": [{"pick": "best", "words": ["a"], "picture": "data:image/svg+xml;base64,PHN2Zz4="}]},
    "picture broken": {"samples": [{"pick": "best", "words": ["a"], "picture": "data:image/png;base64,AAAA"}]},
    "source a script": {"samples": [{"pick": "best", "words": ["a"], "source": "javascript:alert(1)"}]},
    "curve of nothing": {"curve": [{}, {"epoch": "x"}, {"epoch": 1, "loss": float("nan")}]},
    "numbers that are none": {"throughput": {"beam_images_per_sec": "x"}, "flops": {"encode": None}, "params": "x"},
    "no rounds": {"timing": {"beam_images_per_sec": {"items": 0, "min_seconds": 0, "max_seconds": 0}}},
}


@pytest.mark.parametrize("changes", SPOILT.values(), ids=SPOILT)
def test_what_does_not_fit_is_left_out(changes):
    run = record(**changes)
    page = made(run)
    Page(page)
    assert not re.search(r'data:(text|image/svg)|"javascript:|NaN|(?<!Prove)nan', page)
    assert "data:image" not in page
    assert front(model_card(run, {}))


def test_the_same_sample_is_shown_where_it_fits():
    page = made(record(samples=[{"pick": "best", "words": ["a"], "picture": picture(), **looked(("a",), side=1)}]))
    assert len(pngs(page)) == 1
    assert page.count("data:image") == 2


def test_a_picture_larger_than_any_card_is_left_out():
    run, _ = sampled(record(), picture=picture(size=(2100, 2)))
    assert all(one.picture is None for one in shown(run, {}))


def test_cards_are_small():
    big = picture("JPEG", size=(320, 240), noise=24.0)
    assert 18_000 < len(base64.b64decode(big.partition(",")[2])) < 26_000
    for side in (7, 14):
        run, gallery = sampled(record(**COCO), shared=False, side=side, sentinel=True, picture=big)
        assert len(made(run, gallery).encode()) <= 300_000
        assert len(made(run).encode()) <= 80_000


def test_of_rewarded_training_the_reward_is_drawn_and_not_the_loss():
    curve = tuple({"epoch": at, "loss": -0.2, "reward": 0.5 + 0.1 * at, "validation": 0.6} for at in (1, 2, 3))
    signature = "STANDARD_wInit+Cider-D[n4,s6.0]+average[nspi5]"
    request = {**record().request, "start_from": "0123456789ab"}
    run = replace(record(**COCO), curve=curve, reward=signature, request=request)
    text = unescape(made(run)).replace("<wbr>", "")
    assert "Reward of samples" in text
    assert "Training loss" not in text
    assert signature in text
    assert "--start-from runs/0123456789ab" in text
    assert 'start_from: "runs/0123456789ab"' in text


def test_the_config_asks_for_the_same_run(tmp_path, capsys):
    asked = ["check", "configs/quickstart.yaml", "--attention", "bahdanau", "--seeds", "3", "--training.epochs", "2"]
    asked += ["--dataset", "scenes(train=20, validation=4, test=6)", "--training.weight_decay", "1e-5"]
    assert cli.main(asked) == 0
    wanted = capsys.readouterr().out.split()[1]
    from benchmarks.config import Training

    settings = vars(Training(epochs=2, decay_epochs=9, captions_per_image=2, max_words=20, weight_decay=1e-5))
    settings = {name: str(value) if name == "objective" else value for name, value in settings.items()}
    parts = {"backbone": "efficientnet_lite", "attention": "bahdanau", "decoder": "lstm(dim=128, dropout=0.1)"}
    request = {"metrics": ["bleu", "meteor", "rouge", "cider"], "training": settings, "sources": {}}
    request |= {"decoding": {"num_beams": 5, "max_length": 20, "length_penalty": 0.7}}
    run = record(
        parts=parts, seed=3, request=request, dataset="scenes(test=6, train=20, validation=4)", experiment="on: off"
    )
    file = tmp_path / "again.yaml"
    file.write_text(config(run))
    assert cli.main(["check", str(file)]) == 0
    assert capsys.readouterr().out.split()[1] == wanted


def test_commands_name_what_has_to_be_given():
    run = record(**COCO, origins={"attention": "folder/my part.py", "decoder": "zoo-extras 1.0"}, id="0123456789ab")
    for text in (told(made(run)), model_card(run, {})):
        line = next(line for line in re.split(r"\n|Copy", text) if "caption-zoo reproduce" in line)
        command = "caption-zoo reproduce 0123456789ab.json --dataset \"coco(root='FOLDER', split='karpathy')\""
        assert f"{command} --plugin 'my part.py'" in line
        assert "zoo-extras 1.0" in text
    run = record(dataset="x'; rm -rf ~ #`$(id)`")
    assert "rm -rf" not in next(line for line in model_card(run, {}).splitlines() if "reproduce" in line)


def test_notices_stand_at_the_head():
    limited = record(**(COCO | {"dataset": "coco(limit=50, split='karpathy')"}), origins={"attention": "mine.py"})
    assert "A sample of the data set" in told(made(limited))
    assert "A part comes from the plug-in mine.py." in told(made(limited))
    assert "Synthetic scenes, not photographs" in told(made(record()))
    assert "Backbones with random weights" in told(made(record(weights="random")))


def test_the_front_matter_is_what_hubs_read():
    run, _ = sampled(record(**COCO), shared=False)
    found = front(model_card(run, {}))
    assert found["pipeline_tag"] == "image-to-text"
    assert "datasets" not in found
    (result,) = found["model-index"][0]["results"]
    cider = next(metric for metric in result["metrics"] if metric["type"] == "cider")
    assert cider == {"type": "cider", "name": "CIDEr, times 100", "value": round(100 * run.scores["CIDEr"], 4)}
    official = tuple({**each, "source": "http://images.cocodataset.org/val2017/1.jpg"} for each in run.samples)
    assert front(model_card(replace(run, samples=official), {}))["datasets"] == ["coco"]
    with pytest.raises(ValueError, match="failed, so there is no model"):
        model_card(failure(), {})


def test_cards_lie_beside_the_page_and_go_with_their_runs(tmp_path):
    files = write([*FEW, failure(attention="luong"), record("hard", id="../../evil")], tmp_path)
    assert sorted(path.stem for path in files[3:]) == sorted(run.id for run in FEW)
    (tmp_path / "runs" / "notes.html").write_text("mine")
    assert stale([*FEW[1:], record("luong", seed=5)], tmp_path)
    write(FEW[:1], tmp_path)
    assert {path.name for path in (tmp_path / "runs").iterdir()} == {f"{FEW[0].id}.html", "notes.html"}
    assert stale(FEW[:1], tmp_path) == []
    (tmp_path / "runs" / f"{FEW[0].id}.html").write_text("edited")
    assert stale(FEW[:1], tmp_path) == [tmp_path / "runs" / f"{FEW[0].id}.html"]
    assert not [*tmp_path.rglob("*evil*"), *tmp_path.parent.glob("evil*")]


def test_the_command_finds_galleries_and_checks_cards(tmp_path, capsys):
    run, gallery = sampled(record(**COCO), shared=False)
    folder = tmp_path / "runs" / run.id
    folder.mkdir(parents=True)
    run.save(folder)
    write_gallery(gallery, folder)
    assert Galleries(tmp_path / "runs").keys() == {run.id}
    assert cli.main(["leaderboard", str(tmp_path / "runs")]) == 0
    made_card = tmp_path / "runs" / "leaderboard" / "runs" / f"{run.id}.html"
    assert "what person 3 said" in made_card.read_text()
    (made_card.with_name("0123456789ab.html")).write_text("left over")
    capsys.readouterr()
    assert cli.main(["leaderboard", str(tmp_path / "runs"), "--check"]) == 1  # its invented scores do not hold either
    told_of = [line for line in capsys.readouterr().err.splitlines() if "not what the records give" in line]
    assert len(told_of) == 1
    assert "runs/0123456789ab.html" in told_of[0]
    (folder / "gallery.json").write_text(json.dumps([1]))
    assert cli.main(["leaderboard", str(tmp_path / "runs")]) == 2
    assert "is no gallery" in capsys.readouterr().err
