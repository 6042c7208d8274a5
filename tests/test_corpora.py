"""Bad inputs that others have collected: each is read or refused in one line, and touches nothing beside it."""

import csv
import io
import json
from collections import Counter
from pathlib import Path

import pytest
import torch
from folders import own_folder
from PIL import Image
from records import record
from sandbox import calls_here

from benchmarks.cli.config_file import read_config
from benchmarks.data import DATASETS
from benchmarks.data.formats.coco_json import read_results
from benchmarks.data.formats.references import read_references
from benchmarks.data.formats.rows import read_rows
from benchmarks.evaluation.scorer import Scorer
from benchmarks.features.cache import FeatureCache
from benchmarks.inference.caption_files import FileCaptioner
from benchmarks.inference.image_files import listed
from benchmarks.leaderboard import write
from benchmarks.records.record import RunRecord
from benchmarks.runtime.text import plain
from zoo import create_model
from zoo.checkpoint import load
from zoo.decoding import Decoding
from zoo.pictures import open_picture
from zoo.registries import BACKBONES
from zoo.vocabulary import Vocabulary, tokenize

CORPORA = Path(__file__).parents[2] / "shared" / "corpora"
pytestmark = pytest.mark.skipif(not CORPORA.is_dir(), reason="needs ../shared/corpora")
IMAGES = sorted(path for path in (CORPORA / "images").glob("*") if path.is_file())
TEXTS = sorted((CORPORA / "json").rglob("*.json"))


@pytest.fixture(scope="module", autouse=True)
def _calls_here():
    with calls_here():
        yield


@pytest.fixture(scope="module")
def strings():
    return json.loads((CORPORA / "naughty_strings.json").read_text(encoding="utf-8"))


def readable(file):
    try:
        open_picture(file)
    except OSError:
        return False
    return True


def test_a_bad_image_is_named_and_the_captions_of_others_are_the_same(tmp_path, capsys):
    torch.manual_seed(0)
    model = create_model("patches(dim=8)", "multihead(num_heads=2)", "lstm(dim=8)", vocabulary=["red", "a", "circle"])
    good = []
    for number in range(len(IMAGES) + 1):
        good.append(tmp_path / f"{number}.png")
        Image.effect_noise((40, 40), 40 + number).convert("RGB").save(good[-1])
    mixed = [file for pair in zip(good, IMAGES, strict=False) for file in pair] + good[-1:]

    def captions(files):
        captioner = FileCaptioner(model, Decoding(num_beams=2, max_length=5), batch_size=1)
        return {
            each.image: each.caption for batch in captioner.caption(listed(list(map(str, files)))) for each in batch
        }, captioner

    alone, _ = captions(good)
    beside, captioner = captions(mixed)
    assert {file: beside[file] for file in map(str, good)} == alone
    sound = sum(map(readable, IMAGES))
    assert len(beside) == len(good) + sound
    assert captioner.unreadable == len(IMAGES) - sound
    assert 20 < sound < len(IMAGES)
    assert len(capsys.readouterr().err.splitlines()) == captioner.unreadable


def test_a_run_leaves_bad_images_out_and_keeps_the_rows_of_others(tmp_path):
    folders, rows = [], []
    for name, more in (("alone", ()), ("beside", IMAGES)):
        folder = tmp_path / name
        own_folder(folder, images=120, captions=1)
        lines = (folder / "captions.csv").read_text().splitlines()
        for number, image in enumerate(more):
            copied = folder / f"bad {number}{image.suffix}"
            copied.write_bytes(image.read_bytes())
            lines.append(f"{copied.name},a bad one")
        split = [
            f"{line},{'test' if 'summer' in line else 'validation' if 'winter' in line and ' 1' in line else 'train'}"
            for line in lines[1:]
        ]
        (folder / "captions.csv").write_text("\n".join([f"{lines[0]},split", *split]))
        data = DATASETS.build(f"folder(root={str(folder)!r})")
        backbone = BACKBONES.build("patches(dim=8, trainable=False)").eval()
        torch.manual_seed(0)
        for parameter in backbone.parameters():
            parameter.data.normal_()
        store = FeatureCache(tmp_path / f"{name}-cache", torch.device("cpu")).store(
            data, backbone, named="", hflip=False
        )
        folders.append(data)
        rows.append({example.source: store.batch([example.image_id]) for example in data.test})
    assert rows[0].keys() == rows[1].keys()
    assert all(torch.equal(rows[0][name], rows[1][name]) for name in rows[0])
    assert len(store.skipped) == len(IMAGES) - sum(map(readable, IMAGES))


def _record(file):
    return RunRecord.load(file)


def _model(file):
    folder = file.parent / f"{file.stem} model"
    folder.mkdir()
    (folder / "config.json").write_bytes(file.read_bytes())
    return load(folder)


def _lines(file):
    other = file.with_suffix(".jsonl")
    other.write_bytes(file.read_bytes())
    return read_rows(other)


@pytest.mark.parametrize("read", [read_references, read_results, read_rows, _lines, _record, read_config, _model])
def test_every_json_is_read_or_refused_in_one_line(tmp_path, read):
    assert len(TEXTS) > 300
    ends = Counter()
    for number, file in enumerate(TEXTS):
        copied = tmp_path / f"{number}.json"
        copied.write_bytes(file.read_bytes())
        try:
            read(str(copied) if read is read_config else copied)
            ends["read"] += 1
        except (ValueError, OSError) as error:
            ends["refused"] += 1
            message = str(error)
            assert "\n" not in message, (file, message)
            assert len(message) < 1000, (file, len(message))
            assert str(tmp_path) in message, (file, message)
    assert ends["refused"] > 200


def test_naughty_strings_are_words_or_none_and_move_no_score(strings):
    vocabulary = Vocabulary.of([*strings, "a dog"], min_count=1)
    assert all(vocabulary.decode(vocabulary.encode(text, max_length=10_000)) == tokenize(text) for text in strings)
    references = {number: [text if tokenize(text) else "nothing", "a red dog"] for number, text in enumerate(strings)}
    images = list(references)
    plain_captions = dict.fromkeys(images, "a red dog")
    naughty = {image: strings[image] if image % 2 else "a red dog" for image in images}
    scorer = Scorer(references, ["bleu", "rouge", "cider"])
    one, other = scorer.score(plain_captions), scorer.score(naughty)
    for column, scores in one.per_image.items():
        changed = [image for image in images if image % 2 == 0 and scores[image] != other.per_image[column][image]]
        assert not changed, column


def test_naughty_strings_leave_page_table_and_terminal_whole(strings, tmp_path):
    runs = []
    for number, text in enumerate(strings):
        try:
            text.encode()
        except UnicodeEncodeError:
            continue
        runs.append(record(f"a{number}", images=4, experiment=text, captions={"0": text, "1": "b", "2": "c", "3": "d"}))
    write(runs, tmp_path / "page")
    page = (tmp_path / "page" / "index.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page.lower()
    table = next((tmp_path / "page").glob("*.csv")).read_text(encoding="utf-8")
    rows = list(csv.reader(io.StringIO(table)))
    assert len({len(row) for row in rows}) == 1
    assert len(rows) == len(runs) + 1
    assert all(plain(text).isprintable() for text in strings)
