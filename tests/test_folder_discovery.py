"""Which files of a folder are listed and read: the same on every machine, and none lost without a word."""

import json
import os
import sys
from pathlib import Path

import pytest
from folders import picture, write

from benchmarks.data.folder import Folder
from benchmarks.data.formats.references import read_references
from benchmarks.data.local.listing import Listing

LETTERS = "abcdef"
SPLITS = {"train": "abc", "val": "d", "test": "ef"}
HALF = {"validation": 0.05, "test": 0.2}  # by the names a.png and so on: e is tested, b and d choose the epoch


@pytest.fixture
def root(tmp_path):
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


@pytest.fixture(params=[False, True], ids=["sorted", "reversed"])
def _any_order(request, monkeypatch):
    """The file system's own order, one way and the other."""
    scandir = os.scandir

    class Ordered:
        def __init__(self, path):
            with scandir(path) as entries:
                self.entries = iter(sorted(entries, key=lambda entry: entry.name, reverse=request.param))

        __enter__ = __iter__ = lambda self: self
        __exit__ = close = lambda self, *error: None

        def __next__(self):
            return next(self.entries)

    monkeypatch.setattr(os, "scandir", Ordered)


def rows(letters, folder=""):
    return [{"file": f"{folder}{letter}.png", "caption": f"it is {letter}"} for letter in letters]


def table(letters, folder=""):
    return "file,caption\n" + "".join(f"{folder}{letter}.png,it is {letter}\n" for letter in letters)


def pictures(folder, letters=LETTERS):
    for letter in letters:
        picture(folder / f"{letter}.png")


def held(data):
    return [
        "".join(sorted(Path(photo.source).stem for photo in part)) for part in (data.train, data.validation, data.test)
    ]


def captioned(data):
    return "".join(sorted("".join(held(data))))


@pytest.mark.usefixtures("_any_order")
@pytest.mark.parametrize(("parent", "child"), [("all", "val"), ("val", "all")])
def test_links_to_a_folder_and_into_it_lose_no_image(root, parent, child):
    target = root.parent / "target"
    picture(target / "x.png")
    picture(target / "sub/y.png")
    (root / parent).symlink_to(target)
    (root / child).symlink_to(target / "sub")
    expected = ["all/sub/y.png", "all/x.png"] if parent == "all" else ["all/y.png", "val/x.png"]
    assert sorted(Listing(root).images) == expected


@pytest.mark.usefixtures("_any_order")
def test_of_two_links_to_one_folder_the_first_by_name_is_listed(root):
    pictures(root.parent / "target", "ba")
    for name in ("m", "b", "z"):
        (root / name).symlink_to(root.parent / "target")
    assert Listing(root).images == ["b/a.png", "b/b.png"]


@pytest.mark.usefixtures("_any_order")
def test_a_folder_is_listed_by_its_own_name_before_that_of_a_link(root):
    picture(root / "z/x.png")
    picture(root / ".store/y.png")
    (root / "a").symlink_to(root / "z")
    (root / "b").symlink_to(root / ".store")
    (root / "up").symlink_to(root.parent)
    (root / "z/round").symlink_to(root)
    assert Listing(root).images == ["z/x.png", "b/y.png"]


def test_a_pattern_that_was_found_means_the_files_it_was_made_of(root):
    for split, letters in SPLITS.items():
        pictures(root / "images", letters)
        write(root / f"{split}.json", rows(letters))
    write(root / "images/a.json", {"width": 8, "height": 8})
    assert held(Folder(root=str(root))) == ["abc", "d", "ef"]
    assert held(Folder(root=str(root), captions="*.json")) == ["abc", "d", "ef"]


def test_files_of_coco_without_captions_stay_passed_over_where_the_others_share_a_pattern(root):
    for split, letters in SPLITS.items():
        pictures(root / split, letters)
        write(root / f"annotations/{split}.json", rows(letters))
    write(root / "annotations/instances_val2017.json", {"images": [], "annotations": [{"bbox": []}]})
    assert held(Folder(root=str(root))) == ["abc", "d", "ef"]


@pytest.mark.parametrize("pattern", [None, "*/captions.txt", "*captions.txt"])
def test_tables_that_end_in_txt_may_be_split_by_folder(root, pattern):
    for split, letters in SPLITS.items():
        pictures(root / split, letters)
        write(root / split / "captions.txt", table(letters))
    assert held(Folder(root=str(root), captions=pattern)) == ["abc", "d", "ef"]


def test_tokens_may_be_split_by_file(root):
    for split, letters in SPLITS.items():
        pictures(root / "Images", letters)
        write(root / f"flickr_{split}.token.txt", "".join(f"{letter}.png#0\tit is {letter}\n" for letter in letters))
    assert held(Folder(root=str(root))) == ["abc", "d", "ef"]


@pytest.mark.parametrize("name", ["cafe\u0301/captions.csv", "cafe\u0301.json"])
def test_captions_whose_name_is_spelt_in_decomposed_unicode_are_read(root, name):
    pictures(root)
    write(root / name, table(LETTERS) if name.endswith("csv") else rows(LETTERS))
    assert captioned(Folder(root=str(root), **HALF)) == LETTERS


def test_text_beside_images_may_be_spelt_in_decomposed_unicode(root):
    for letter in LETTERS:
        picture(root / f"cafe\u0301/{letter}.png")
        write(root / f"cafe\u0301/{letter}.txt", f"it is {letter}")
    assert captioned(Folder(root=str(root), validation=0.3, test=0.3)) == LETTERS


def test_a_table_at_the_top_counts_before_what_lies_below_and_beside_images(root):
    pictures(root / "images")
    write(root / "captions.csv", table(LETTERS, "images/"))
    write(root / "images/b.txt", "a note")
    write(root / "old/predictions.json", {})
    assert captioned(Folder(root=str(root), validation=0.3, test=0.3)) == LETTERS


def test_a_text_beside_one_image_is_not_taken_for_its_caption(root):
    pictures(root)
    write(root / "b.txt", "a note")
    with pytest.raises(ValueError, match=r"no \.txt beside most images: say which one"):
        Folder(root=str(root))
    write(root / "set/captions.csv", table(LETTERS))
    assert captioned(Folder(root=str(root), **HALF)) == LETTERS


def test_two_tables_at_the_top_are_listed(root):
    write(root / "captions.csv", table(LETTERS))
    write(root / "captions.txt", table(LETTERS))
    with pytest.raises(ValueError, match=r"with captions='captions.csv' or captions='captions.txt'$"):
        Folder(root=str(root))


def lists(folder, letters=LETTERS):
    for split, name in (("train", "train"), ("val", "dev"), ("test", "test")):
        names = [f"{letter}.png\n" for letter in SPLITS[split] if letter in letters]
        write(folder / f"Flickr_8k.{name}Images.txt", "".join(names))


def test_lists_of_splits_fit_rows_that_name_the_folder_too(root):
    pictures(root / "Images", LETTERS + "g")
    write(root / "captions.txt", table(LETTERS + "g", "Images/"))
    lists(root)
    data = Folder(root=str(root))
    assert held(data) == ["abc", "d", "ef"]
    assert data.notes == ("captions.txt: 1 images in none of the lists left out, such as 'Images/g.png'",)


def test_a_row_keeps_its_own_split_whatever_the_lists_hold(root):
    pictures(root)
    own = dict(zip("abcd", ("test", "train", "train", "val"), strict=True))
    write(root / "captions.json", [{**row, "split": own.get(row["file"][0])} for row in rows(LETTERS)])
    lists(root, "abce")
    data = Folder(root=str(root))
    assert held(data) == ["bc", "d", "ae"]
    assert data.notes[0] == "captions.json: 1 images in none of the lists left out, such as 'f.png'"


def test_lists_of_other_images_are_refused(root):
    pictures(root)
    write(root / "captions.csv", table(LETTERS))
    write(root / "Flickr_8k.trainImages.txt", "x.png\n")
    with pytest.raises(
        ValueError, match=r"captions.csv: none of its images is in the lists of splits beside it, such as 'a.png'"
    ):
        Folder(root=str(root))


@pytest.mark.parametrize("name", ["{}/rgb.jpg", "{}/color/rgb.jpg"])
def test_to_find_a_name_that_many_folders_hold_takes_no_pass_over_all_of_them(root, name):
    names = [name.format(f"scene{number}") for number in range(400)]
    for each in names:
        write(root / "scans" / each, "")
    listing, calls = Listing(root), 0

    def count(*_):
        nonlocal calls
        calls += 1

    sys.setprofile(count)
    try:
        found = [listing.find(each) for each in names]
    finally:
        sys.setprofile(None)
    assert found == [root / "scans" / each for each in names]
    assert calls < len(names) ** 2 / 2


def test_a_name_that_several_folders_hold_is_ambiguous_and_one_that_none_holds_is_not_there(root):
    for name in ("a/x/rgb.jpg", "b/x/rgb.jpg", "c/y/rgb.jpg"):
        write(root / name, "")
    listing = Listing(root)
    assert listing.find("y/rgb.jpg") == root / "c/y/rgb.jpg"
    assert [listing.find(name) for name in ("z/rgb.jpg", "gb.jpg", "a/b/c/x/rgb.jpg")] == [None] * 3
    for name in ("rgb.jpg", "x/rgb.jpg"):
        with pytest.raises(ValueError, match=f"'{name}' may be 'a/x/rgb.jpg' or 'b/x/rgb.jpg'"):
            listing.find(name)


def nocaps(file, url):
    images = [{"id": number, "coco_url": url.format(letter)} for number, letter in enumerate(LETTERS)]
    captions = [{"image_id": number, "caption": f"it is {letter}"} for number, letter in enumerate(LETTERS)]
    write(file, {"images": images, "annotations": captions})


def test_a_url_names_its_file_as_it_is_spelt_there(root):
    for letter in LETTERS:
        picture(root / f"a café {letter}.png")
    nocaps(root / "nocaps.json", "https://example.org/val/a%20caf%C3%A9%20{}.png?size=8")
    data = Folder(root=str(root), validation=0.3, test=0.3)
    assert {photo.file.name for part in (data.train, data.validation, data.test) for photo in part} == {
        f"a café {letter}.png" for letter in LETTERS
    }


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("https://[x/{}.png", r"coco_url is 'https://\[x/a.png', no URL"),
        ("https://example.org/%2E%2E%2F{}.png", r"'../a.png' leads out of the folder"),
    ],
)
def test_a_url_that_is_none_is_named_with_file_and_entry(root, url, problem):
    nocaps(root / "nocaps.json", url)
    with pytest.raises(ValueError, match=rf"nocaps.json.* entry 1 of images: {problem}"):
        Folder(root=str(root))


@pytest.mark.parametrize("coco", [False, True])
def test_a_json_file_is_parsed_once(root, monkeypatch, coco):
    pictures(root)
    nocaps(root / "captions.json", "{}.png") if coco else write(root / "captions.json", rows(LETTERS))
    parse, texts = json.loads, []
    monkeypatch.setattr(json, "loads", lambda text, **options: texts.append(text) or parse(text, **options))
    Folder(root=str(root), **HALF)
    read_references(root / "captions.json")
    assert texts == [(root / "captions.json").read_text()] * 2
