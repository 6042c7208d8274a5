"""The captions of a folder in each form that people have them in: found by what lies there, with the splits it says."""

import csv
import json
from pathlib import Path

import pytest
from folders import picture, write
from PIL import Image
from sandbox import calls_here, flickr_folder

from benchmarks.cli.main import main
from benchmarks.data.folder import Folder
from benchmarks.data.formats.references import read_references
from benchmarks.data.formats.splits import numbers

CONFIG = Path(__file__).parents[1] / "configs" / "own-images.yaml"
SPLITS = {"train": ("a", "b", "c"), "val": ("d",), "test": ("e", "f")}
LETTERS = "abcdef"  # by a hash of `a.png` and so on with these shares, e is tested, b and d choose the epoch
HALF = {"validation": 0.05, "test": 0.2}
SAID = {letter: [f"{letter}, with a comma", f'the "{letter}" again'] for letter in LETTERS}


def held(data):
    """The images of each split by the letter in their names, with their captions."""
    parts = (data.train, data.validation, data.test)
    assert all(data.load(photo).size == (8, 8) for part in parts for photo in part)
    return [{Path(photo.source).stem[-1]: list(photo.captions) for photo in part} for part in parts]


def said(*parts):
    return [{letter: SAID[letter] for letter in part} for part in parts]


AS_TOLD = said("abc", "d", "ef")
BY_HASH = said("acf", "bd", "e")


def _karpathy(root, filepath=None):
    entries = []
    for split, letters in SPLITS.items():
        for letter in letters:
            picture(root / (filepath or "Flicker8k_Dataset") / f"{letter}.png")
            entry = {"imgid": len(entries), "filename": f"{letter}.png", "split": "restval" if letter == "c" else split}
            entry |= {"filepath": filepath, "cocoid": 70 + len(entries)} if filepath else {}
            entries.append({**entry, "sentences": [{"raw": text, "tokens": []} for text in SAID[letter]]})
    return {"images": entries, "dataset": "flickr8k"}


def _karpathy_flickr8k(root):
    write(root / "dataset_flickr8k.json", _karpathy(root))


def _karpathy_coco(root):
    write(root / "dataset_coco.json", _karpathy(root, "val2014"))


def _tokens(root):
    lines = []
    for split, name in (("train", "train"), ("val", "dev"), ("test", "test")):
        write(root / f"text/Flickr_8k.{name}Images.txt", "".join(f"{letter}.png\r\n" for letter in SPLITS[split]))
        for letter in SPLITS[split]:
            picture(root / "Flicker8k_Dataset" / f"{letter}.png")
            lines += [f"{letter}.png#{number}\t{text}\n" for number, text in enumerate(SAID[letter])]
    lines.append("g.png.1#0\tan image that is in no list and nowhere\n")
    write(root / "text/Flickr8k.token.txt", "".join(lines))
    write(root / "text/Flickr8k.lemma.token.txt", "".join(lines).upper())
    write(root / "text/CrowdFlowerAnnotations.txt", "a.png\tb.png#2\t0\t0\t3\n")


def _tokens_of_flickr30k(root):
    _pictures(root / "flickr30k-images")
    lines = [f"{letter}.png#{number}\t{text}\n" for letter in LETTERS for number, text in enumerate(SAID[letter])]
    write(root / "results_20130124.token", "".join(lines))


def _pictures(folder):
    for letter in LETTERS:
        picture(folder / f"{letter}.png")


def _kaggle_flickr8k(root):
    _pictures(root / "Images")
    quoted = [(letter, text.replace('"', '""')) for letter in LETTERS for text in SAID[letter]]
    write(root / "captions.txt", "image,caption\n" + "".join(f'{letter}.png,"{text}"\n' for letter, text in quoted))


def _kaggle_flickr30k(root):
    _pictures(root / "flickr30k_images/flickr30k_images")
    lines = ["image_name| comment_number| comment\n"]
    for letter in LETTERS:
        stroke = "|" if letter != "e" else "  "  # as in line 19,999 of the real file
        lines += [f"{letter}.png| 0| {SAID[letter][0]}\n", f"{letter}.png| 1{stroke} {SAID[letter][1]}\n"]
    write(root / "flickr30k_images/results.csv", "".join(lines))


def _beside(root):
    _pictures(root / "10_things")
    for letter in LETTERS:
        write(root / f"10_things/{letter}.txt", "\r\n".join(["", *SAID[letter], ""]))
        write(root / f"10_things/{letter}.json", {"key": letter, "width": 8})  # as img2dataset writes
    write(root / "requirements.txt", "torch\n")


def _beside_by_split(root):
    for split, letters in SPLITS.items():
        for letter in letters:
            picture(root / split / f"{letter}.png")
            write(root / split / f"{letter}.txt", "\n".join(SAID[letter]))


def _metadata(root, entry):
    for split, letters in SPLITS.items():
        for letter in letters:
            picture(root / "data" / split / f"{letter}.png")
        write(root / f"data/{split}/metadata.jsonl", "".join(json.dumps(entry(letter)) + "\n" for letter in letters))


def _metadata_by_split(root):
    _metadata(root, lambda letter: {"file_name": f"{letter}.png", "captions": SAID[letter]})


def _metadata_nested(root):
    _metadata(
        root,
        lambda letter: {
            "image": {"file_name": f"{letter}.png", "size": {"width": 8}},
            "annotations": [{"caption": text, "worker": {"id": 3}} for text in SAID[letter]],
        },
    )


def _metadata_of_objects(root):
    _metadata(
        root, lambda letter: {"file_name": f"{letter}.png", "sentences": [{"raw": text} for text in SAID[letter]]}
    )


def _metadata_dotted(root):
    _pictures(root)
    with (root / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        rows = [(f"{letter}.png", text) for letter in LETTERS for text in SAID[letter]]
        csv.writer(file).writerows([("image.file_name", "annotation.caption"), *rows])


def _vizwiz(root):
    number = 0
    for split, letters in SPLITS.items():
        images, annotations = [], []
        for letter in letters:
            number += 1
            picture(root / split / f"VizWiz_{split}_{letter}.png")
            images.append({"id": number, "file_name": f"VizWiz_{split}_{letter}.png", "text_detected": True})
            marks = [(text, False, False) for text in SAID[letter]]
            marks += [("Quality issues are too severe.", False, True), ("spam", True, False)]
            annotations += [
                {"id": 10 * number + place, "image_id": number, "caption": text, "is_rejected": rejected,
                 "is_precanned": precanned, "text_detected": False}
                for place, (text, rejected, precanned) in enumerate(marks)
            ]  # fmt: skip
        content = {"info": {}, "images": images, "annotations": annotations}
        write(root / f"annotations/{split}.json", content)


def _nocaps(root):
    images, annotations = [], []
    for number, letter in enumerate(LETTERS):
        picture(root / "validation" / f"00{letter}.png")
        url = f"https://s3.amazonaws.com/nocaps/val/00{letter}.png"
        named = {"coco_url": url} if letter in "ab" else {"file_name": f"00{letter}.png", "coco_url": url}
        images.append({"id": number, "domain": "near-domain", "license": 0, **named})
        annotations += [{"image_id": number, "id": 9 * number + k, "caption": SAID[letter][k]} for k in (0, 1)]
    write(root / "nocaps_val_4500_captions.json", {"licenses": [], "images": images, "annotations": annotations})


def _textcaps(root):
    for split, letters in SPLITS.items():
        data = []
        for letter in letters:
            Image.new("RGB", (8, 8)).save(_parent(root / f"{split}_images/00{letter}.jpg"))
            whole = {"image_id": f"00{letter}", "image_path": f"{split}/00{letter}.jpg", "set_name": split}
            data += [
                {**whole, "caption_id": 5, "caption_str": text, "reference_strs": SAID[letter]} for text in SAID[letter]
            ]
        write(root / f"TextCaps_0.1_{split}.json", {"dataset_name": "textcaps", "dataset_version": 0.1, "data": data})


def _parent(file):
    file.parent.mkdir(parents=True, exist_ok=True)
    return file


def _hub_cache(root):
    """A snapshot whose files are links to blobs outside of it; two pictures of one content are one blob."""
    blobs = root.parent / "blobs"
    picture(blobs / "one.png")
    for split, letters in SPLITS.items():
        for letter in letters:
            _parent(root / split / f"{letter}.png").symlink_to(blobs / "one.png")
        rows = [{"file_name": f"{letter}.png", "captions": SAID[letter]} for letter in letters]
        write(blobs / split, "".join(json.dumps(row) + "\n" for row in rows))
        (root / split / "metadata.jsonl").symlink_to(blobs / split)


def _linked_folder(root):
    """Images in a folder elsewhere, which is linked; links that lead round do no harm."""
    _pictures(root.parent / "elsewhere/deep")
    (root.parent / "elsewhere/deep/round").symlink_to(root.parent / "elsewhere")
    (root / "Images").symlink_to(root.parent / "elsewhere/deep")
    (root / "again").symlink_to(root)
    write(root / "captions.json", {f"{letter}.png": SAID[letter] for letter in LETTERS})


@pytest.fixture
def root(tmp_path):
    (tmp_path / "data set").mkdir()
    return tmp_path / "data set"


TOLD = [
    _karpathy_flickr8k, _karpathy_coco, _tokens, _beside_by_split, _metadata_by_split, _metadata_nested,
    _metadata_of_objects, _vizwiz, _textcaps, _hub_cache,
]  # fmt: skip
DRAWN = [_tokens_of_flickr30k, _kaggle_flickr8k, _kaggle_flickr30k, _metadata_dotted, _linked_folder]


@pytest.mark.parametrize("form", TOLD, ids=lambda form: form.__name__)
def test_a_form_is_found_and_its_splits_are_its_own(root, form):
    form(root)
    data = Folder(root=str(root))
    assert held(data) == AS_TOLD
    assert data.split == "test"


@pytest.mark.parametrize("form", DRAWN, ids=lambda form: form.__name__)
def test_a_form_without_splits_is_found_and_drawn_by_the_names_that_it_gives(root, form):
    form(root)
    data = Folder(root=str(root), **HALF)
    assert held(data) == BY_HASH
    assert data.notes == ()


def test_text_beside_images_and_other_names_are_drawn_too(root):
    _beside(root)
    assert {**(parts := held(Folder(root=str(root), validation=0.3, test=0.3)))[0], **parts[1], **parts[2]} == SAID


def test_a_single_file_of_one_split_is_drawn(root):
    _nocaps(root)
    data = Folder(root=str(root), validation=0.3, test=0.3)
    train, validation, test = held(data)
    assert train | validation | test == SAID
    assert {photo.image_id for part in (data.train, data.validation, data.test) for photo in part} == set(range(6))


def test_open_images_ids_stand_for_names_where_there_is_no_other(root):
    Image.new("RGB", (8, 8)).save(root / "00a.jpg")
    write(
        root / "x.json",
        {"images": [{"id": 1, "open_images_id": "00a"}], "annotations": [{"image_id": 1, "caption": "a"}]},
    )
    with pytest.raises(ValueError, match="1 images with captions, and none is in"):  # so it was found
        Folder(root=str(root))


def test_ids_are_those_of_the_file_so_that_its_references_fit(root):
    _karpathy_coco(root)
    data = Folder(root=str(root))
    references = read_references(root / "dataset_coco.json").captions
    assert {photo.image_id: list(photo.captions) for photo in data.test} == {
        number: references[number] for number in (74, 75)
    }


def test_references_of_the_plain_forms_fit_their_images_too(root):
    for form, file in ((_kaggle_flickr8k, "captions.txt"), (_kaggle_flickr30k, "flickr30k_images/results.csv")):
        form(root / form.__name__)
        data = Folder(root=str(root / form.__name__), **HALF)
        references = read_references(root / form.__name__ / file).captions
        assert all(references[photo.image_id] == list(photo.captions) for photo in data.test)


def test_ids_that_each_file_counts_anew_are_made_of_the_names(root):
    for split, letters in SPLITS.items():
        for letter in letters:
            picture(root / split / f"{letter}.png")
        images = [{"id": number, "file_name": f"{letter}.png"} for number, letter in enumerate(letters)]
        annotations = [{"image_id": k, "caption": text} for k, letter in enumerate(letters) for text in SAID[letter]]
        write(root / split / "_annotations.coco.json", {"images": images, "annotations": annotations})
    data = Folder(root=str(root))
    assert held(data) == AS_TOLD
    assert data.validation[0].image_id == numbers("val/d.png")[0]
    (note,) = data.notes
    assert "ids are made of the names" in note


def test_what_is_left_out_is_counted(root):
    _vizwiz(root / "vizwiz")
    write(root / "vizwiz/annotations/test.json", {"info": {}, "images": [{"id": 9, "file_name": "x.png"}]})
    data = Folder(root=str(root / "vizwiz"))
    assert data.split == "validation"
    assert data.notes[:3] == (
        "annotations/test.json holds no caption and is left out",
        "train.json: 6 captions that it marks as rejected or precanned left out",
        "val.json: 2 captions that it marks as rejected or precanned left out",
    )
    assert "2 images of" in data.notes[3]
    assert "have no caption" in data.notes[3]
    _tokens(root / "flickr")
    picture(root / "flickr/Flicker8k_Dataset/h.png")
    data = Folder(root=str(root / "flickr"))
    assert data.notes[0] == "text/Flickr8k.token.txt: 1 images in none of the lists left out, such as 'g.png.1'"
    assert "1 images of" in data.notes[1]
    assert len(data.notes) == 2


def test_images_in_no_list_that_are_there_are_not_called_captionless(root):
    _tokens(root)
    picture(root / "Flicker8k_Dataset/g.png.1.png")
    text = (root / "text/Flickr8k.token.txt").read_text().replace("g.png.1#", "g.png.1.png#")
    write(root / "text/Flickr8k.token.txt", text)
    assert len(Folder(root=str(root)).notes) == 1


def test_lists_and_images_may_lie_beside_their_captions(root):
    _tokens(root)
    for file in (root / "Flicker8k_Dataset").iterdir():
        file.rename(root / "text" / file.name)
    assert held(Folder(root=str(root))) == AS_TOLD


def test_where_only_one_split_has_captions_its_images_are_drawn(root):
    _vizwiz(root)
    for split in ("val", "test"):
        write(root / f"annotations/{split}.json", {"images": []})
    with pytest.raises(ValueError, match=r"3 images with captions, and none is in .*: add images, raise the shares"):
        Folder(root=str(root), validation=0.01, test=0.01)


def test_several_forms_are_listed_with_the_option_that_decides(root):
    _vizwiz(root)
    write(root / "more/TextCaps.json", {})
    for split, letters in SPLITS.items():
        for letter in letters if split != "val" else ():
            write(root / f"{split}/VizWiz_{split}_{letter}.txt", "a note")
    with pytest.raises(ValueError, match="several captions files") as error:
        Folder(root=str(root))
    assert str(error.value).endswith(
        "with captions='annotations/*.json' or captions='more/TextCaps.json' or captions='*.txt'"
    )
    assert held(Folder(root=str(root), captions="annotations/*.json")) == AS_TOLD
    with pytest.raises(ValueError, match=r"no file that matches captions='none/\*.json'"):
        Folder(root=str(root), captions="none/*.json")
    with pytest.raises(ValueError, match=r"no text beside an image that matches captions='val/\*.txt'"):
        Folder(root=str(root), captions="val/*.txt")


def test_files_of_coco_that_hold_no_captions_are_passed_over(root):
    for split, letters in SPLITS.items():
        images = [{"id": ord(letter), "file_name": f"{letter}.png"} for letter in letters]
        texts = [{"image_id": ord(letter), "caption": text} for letter in letters for text in SAID[letter]]
        for letter in letters:
            picture(root / f"{split}2017" / f"{letter}.png")
        write(root / f"annotations/captions_{split}2017.json", {"images": images, "annotations": texts})
        write(root / f"annotations/instances_{split}2017.json", {"images": images, "annotations": [{"bbox": []}]})
    assert held(Folder(root=str(root))) == AS_TOLD


@pytest.mark.parametrize(
    ("form", "file", "old", "new", "problem"),
    [
        (_tokens, "text/Flickr8k.token.txt", "b.png#1\t", "b.png ", r"Flickr8k.token.txt, line 4: 'b.png .* should be an image, #"),
        (_tokens, "text/Flickr8k.token.txt", "b.png#", "../b.png#", "line 3: '../b.png' leads out of the folder"),
        (_tokens, "text/Flickr_8k.testImages.txt", "e.png", "a.png", r"Flickr_8k.testImages.txt, line 1: 'a.png' is in Flickr_8k.trainImages.txt too"),
        (_kaggle_flickr8k, "captions.txt", '"', "", r"captions.txt, line 2: 3 values for 2 columns"),
        (_kaggle_flickr30k, "flickr30k_images/results.csv", "b.png| 0", "b.png| x", r"results.csv, line 4: 'b.png\| x.* should be image_name\|"),
        (_kaggle_flickr30k, "flickr30k_images/results.csv", "b.png", "no.png", r"results.csv, line 4: no image 'no.png'.*1 of 6 images"),
        (_metadata_by_split, "data/val/metadata.jsonl", "d.png", "../train/a.png", r"val/metadata.jsonl, line 1: '../train/a.png' leads out"),
        (_metadata_by_split, "data/val/metadata.jsonl", "captions", "words", r"val/metadata.jsonl, line 1: has 'file_name', 'words'; needs one of"),
        (_metadata_nested, "data/val/metadata.jsonl", '"file_name"', '"called"', r"metadata.jsonl, line 1: has 'image', 'annotations'; needs"),
        (_metadata_of_objects, "data/val/metadata.jsonl", '"raw"', '"words"', r"metadata.jsonl, line 1: sentences is {.*, not text"),
        (_karpathy_flickr8k, "dataset_flickr8k.json", '"restval"', '"extra"', "entry 3 of images: split is 'extra', not train"),
        (_karpathy_flickr8k, "dataset_flickr8k.json", '"filename": "a', '"filename": "/a', "entry 1 of images: '/a.png' leads out"),
        (_vizwiz, "annotations/val.json", '"file_name"', '"name"', "val.json: entry 1 of images: has no 'file_name'"),
        (_vizwiz, "annotations/val.json", "VizWiz_val_d", "../d", "entry 1 of images: '../d.png' leads out"),
        (_vizwiz, "annotations/val.json", '"caption": "d,', '"words": "d,', "val.json: entry 1 of annotations: has no 'caption'"),
        (_textcaps, "TextCaps_0.1_val.json", '"image_id": "00d"', '"image_id": 7', "TextCaps_0.1_val.json, entry 1 of data: .* should be an object with image_id"),
        (_textcaps, "TextCaps_0.1_val.json", '"00d"', '"../00d"', "TextCaps_0.1_val.json, entry 1 of data: '../00d.jpg' leads out"),
        (_beside_by_split, "val/d.txt", "comma", "\udcff", r"val/d.txt, line 1: not in UTF-8 \(byte 0xff\)"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line_with_file_and_place(root, form, file, old, new, problem):
    form(root)
    text = (root / file).read_text()
    assert old in text
    (root / file).write_bytes(text.replace(old, new).encode("utf-8", "surrogateescape"))
    with pytest.raises(ValueError, match=problem) as error:
        Folder(root=str(root), **({} if form in TOLD else HALF))
    assert "\n" not in str(error.value)


def test_one_text_for_two_images_and_one_name_for_two_are_refused(root):
    _kaggle_flickr8k(root)
    picture(root / "small/a.png")
    with pytest.raises(ValueError, match=r"captions.txt, line 2: 'a.png' may be '.*' or '.*': write the folder too"):
        Folder(root=str(root), **HALF)
    picture(root / "small/a.webp")
    write(root / "small/a.txt", "a")
    with pytest.raises(ValueError, match=r"a.txt lies beside two images, 'small/a.*"):
        Folder(root=str(root), captions="*.txt")


def test_the_command_line_finds_flickr8k_and_says_what_is_wrong(tmp_path, capsys):
    flickr_folder(tmp_path / "flickr")
    words = [
        "check",
        str(CONFIG),
        "--dataset",
        f"folder(root={str(tmp_path / 'flickr')!r})",
        "--backbone",
        "patches(dim=8)",
    ]
    with calls_here():
        assert main(words) == 0
        (tmp_path / "flickr" / "other.json").write_text("{}")
        assert main(words) == 2
    error = capsys.readouterr().err
    assert "captions='Flickr8k.token.txt' or captions='other.json'" in error
    assert "Traceback" not in error
