"""Files of captions: what is read, and what a broken one is answered with."""

import json

import pytest
from pycocotools.coco import COCO

from benchmarks.data.formats.coco_json import read_results, write_results
from benchmarks.data.formats.references import read_references
from benchmarks.evaluation.scorer import Scorer


def write(folder, content):
    path = folder / "file.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def test_results_keep_their_order(tmp_path):
    path = write(tmp_path, [{"image_id": 7, "caption": "a cat"}, {"image_id": 3, "caption": "", "id": 1}])
    assert list(read_results(path).items()) == [(7, "a cat"), (3, "")]
    assert read_results(str(path)) == read_results(path)


def test_references_in_coco_form_are_gathered_by_image(tmp_path):
    said = [{"image_id": 7, "caption": "a"}, {"image_id": 3, "caption": "b"}, {"image_id": 7, "caption": "c"}]
    path = write(tmp_path, {"images": [{"id": 7}, {"id": 3}], "annotations": said})
    assert read_references(path).captions == {7: ["a", "c"], 3: ["b"]}


@pytest.mark.parametrize("ids", [{"cocoid": 42, "imgid": 0}, {"imgid": 42}])
def test_references_in_karpathys_form_are_read(tmp_path, ids):
    image = {**ids, "split": "test", "sentences": [{"raw": "A cat.", "tokens": ["a", "cat"]}, {"raw": "Cats."}]}
    assert read_references(write(tmp_path, {"images": [image], "dataset": "coco"})).captions == {
        42: ["A cat.", "Cats."]
    }


def test_captions_that_vizwiz_rejected_are_no_references(tmp_path):
    marks = [{"is_rejected": False, "is_precanned": False}, {"is_rejected": True}, {"is_precanned": True}]
    annotations = [{"image_id": 7, "caption": f"{place}", **mark} for place, mark in enumerate(marks)]
    assert read_references(write(tmp_path, {"annotations": annotations})).captions == {7: ["0"]}


def test_pycocotools_reads_what_is_written(tmp_path, capsys):
    path, captions = tmp_path / "captions.json", {7: "a café", 3: ""}
    write_results(captions, path)
    assert read_results(path) == captions
    assert capsys.readouterr().out == ""  # pycocotools would say what it loads, into a user's JSON
    coco = COCO()
    coco.dataset = {"images": [{"id": image} for image in (3, 7, 9)], "annotations": []}
    coco.createIndex()
    results = coco.loadRes(str(path))
    assert {each["image_id"]: each["caption"] for each in results.loadAnns(results.getAnnIds())} == captions


def test_a_byte_order_mark_is_no_error(tmp_path):
    path = write(tmp_path, b'\xef\xbb\xbf[{"image_id": 1, "caption": "a"}]')
    assert read_results(path) == {1: "a"}


GOOD = {"image_id": 1, "caption": "a"}
BAD_RESULTS = [
    (b"", "no JSON"),
    (b"[{", "no JSON"),
    (b"\xff\xfe", "no JSON"),
    (b"[" * 100_000, "no JSON"),
    ({"annotations": [GOOD]}, "not a list"),
    ([], "empty"),
    ([GOOD, "a cat"], "entry 2 of the file: not an object"),
    ([{"caption": "a"}], "entry 1 of the file: has no 'image_id'"),
    ([{"image_id": 1}], "entry 1 of the file: has no 'caption'"),
    ([{"image_id": "1", "caption": "a"}], "image_id is '1', not an integer"),
    ([{"image_id": True, "caption": "a"}], "image_id is True, not an integer"),
    ([{"image_id": 1, "caption": None}], "caption is None, not a string"),
    ([{"image_id": 1, "caption": ["a"]}], "caption is ['a'], not a string"),
    ([GOOD, {"image_id": 2, "caption": "b"}, GOOD], "entry 3 of the file: image 1 has a caption already"),
]
BAD_REFERENCES = [
    (b"no", "no JSON"),
    ([GOOD], "not an object"),
    ({"images": [{"id": 1}]}, "has no 'annotations'"),
    ({"annotations": {}}, "annotations is {}, not a list"),
    ({"annotations": []}, "the file: holds no caption"),
    ({"annotations": [GOOD, 3]}, "entry 2 of annotations: not an object"),
    ({"annotations": [{"image_id": 1, "bbox": []}]}, "entry 1 of annotations: has no 'caption'"),
    ({"annotations": [{"image_id": 1.5, "caption": "a"}]}, "image_id is 1.5, not an integer"),
    ({"annotations": [{**GOOD, "is_rejected": True}]}, "the file: holds no caption"),
    (
        {"annotations": [{**GOOD, "id": 4}, {**GOOD, "id": 4}]},
        "entry 2 of annotations: id 4 is that of an earlier entry",
    ),
    ({"annotations": [GOOD], "images": [{"id": 1.0}]}, "entry 1 of images: id is 1.0, not an integer"),
    ({"annotations": [GOOD], "images": [{"id": 1}] * 2}, "entry 2 of images: id 1 is that of an earlier image"),
    ({"images": [{"cocoid": 1, "sentences": []}]}, "the file: holds no caption"),
    (
        {"images": [{"cocoid": 1, "sentences": [{"raw": "a"}]}] * 2},
        "entry 2 of images: cocoid 1 is that of an earlier image",
    ),
    ({"images": [{"sentences": [{"raw": "a"}]}]}, "entry 1 of images: has no 'imgid'"),
    (
        {"images": [{"cocoid": 1, "sentences": [{"tokens": ["a"]}]}]},
        "entry 1 of sentences of entry 1 of images: has no 'raw'",
    ),
]


@pytest.mark.parametrize(
    ("read", "content", "problem"),
    [(read_results, *case) for case in BAD_RESULTS] + [(read_references, *case) for case in BAD_REFERENCES],
)
def test_a_malformed_file_is_named_in_one_line_with_place_and_remedy(tmp_path, read, content, problem):
    path = write(tmp_path, content)
    with pytest.raises(ValueError, match=r"^[^\n]*$") as caught:
        read(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert problem in message
    assert '"caption": "a cat"' in message


@pytest.mark.parametrize("read", [read_results, read_references])
@pytest.mark.parametrize(("name", "why"), [("absent.json", "No such file"), (".", "Is a directory")])
def test_a_file_that_cannot_be_opened_is_named(tmp_path, read, name, why):
    with pytest.raises(ValueError, match=why) as caught:
        read(tmp_path / name)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    ("candidates", "message"),
    [
        ({}, "no captions to score"),
        (
            {8: "a", 9: "b"},
            r"none of the captioned images \(8, 9\) has references, which are of images 1, 2, 3 and 1 more:",
        ),
        (dict.fromkeys(range(9), "a"), "no references for image 0, 4, 5 and 3 more"),
        ({1: "a", 4: "b"}, "no references for image 4"),
    ],
)
def test_captions_without_references_are_refused(candidates, message):
    with pytest.raises(ValueError, match=message):
        Scorer({1: ["a"], 2: ["b"], 3: ["c"], 4: []}).score(candidates)
