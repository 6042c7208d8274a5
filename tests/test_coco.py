"""COCO from a folder: both layouts, disjoint splits, and one clear line for every broken file."""

import hashlib
import math
import os
from pathlib import Path

import pytest
import torch
from folders import change, coco_folder, write

from benchmarks.data import UnreadableImage
from benchmarks.data.coco import Coco
from benchmarks.features.cache import FeatureCache, compute_features
from zoo.registries import BACKBONES

CPU = torch.device("cpu")
SAMPLE = Path(__file__).parents[2] / "shared" / "coco-sample"


@pytest.fixture
def folder(tmp_path):
    return coco_folder(tmp_path / "coco")


def ids(examples):
    return {example.image_id for example in examples}


def test_official_layout_holds_out_a_tenth_of_training(folder):
    data = Coco(root=str(folder))
    assert (len(data.train), len(data.validation), len(data.test)) == (10, 2, 6)
    assert ids(data.train) | ids(data.validation) == set(range(1, 13))
    assert data.split == "val2017"
    assert all(len(example.captions) == 5 for example in data.test)


def test_karpathy_joins_restval_and_tests_on_test_where_there_is_one(folder):
    data = Coco(root=str(folder), split="karpathy")
    assert data.split == "karpathy-val"
    assert len(data.train) + len(data.validation) == 12

    def with_test(content):
        for image in content["images"][-3:]:
            image["split"] = "test"

    change(folder / "dataset_coco.json", with_test)
    data = Coco(root=str(folder), split="karpathy")
    assert (data.split, len(data.train), len(data.validation), len(data.test)) == ("karpathy-test", 12, 3, 3)


def test_karpathy_without_val_holds_out_a_tenth(folder):
    def val_to_test(content):
        for image in content["images"]:
            image["split"] = image["split"].replace("val", "test") if image["split"] == "val" else image["split"]

    change(folder / "dataset_coco.json", val_to_test)
    data = Coco(root=str(folder), split="karpathy")
    assert (data.split, len(data.train), len(data.validation), len(data.test)) == ("karpathy-test", 10, 2, 6)


@pytest.mark.parametrize(("split", "source"), [("2017", "train2017"), ("karpathy", "karpathy-train")])
def test_a_holdout_takes_the_place_of_the_test_images(folder, split, source):
    whole = Coco(root=str(folder), split=split)
    training = {number: float_of(number) for number in range(1, 13)}  # both layouts train on these and those of val
    held_out = Coco(root=str(folder), split=split, holdout=0.4)
    assert (held_out.split, held_out.held_out_from) == (f"{source}-holdout", source)
    assert ids(held_out.test) == {number for number, place in training.items() if place < 0.4}
    assert ids(held_out.train) | ids(held_out.validation) | ids(held_out.test) == set(training)
    used = [ids(part) for part in (held_out.train, held_out.validation, held_out.test)]
    assert sum(map(len, used)) == len(training), "an image is in two splits"
    assert not ids(whole.test) & set.union(*used)
    assert held_out.fingerprint != whole.fingerprint
    assert whole.held_out_from == ""


def float_of(number):
    """The share below which an image is held out, worked out by hand: bits 64 to 116 of SHA-256."""
    return int(hashlib.sha256(str(number).encode()).hexdigest()[16:32], 16) // 2**11 / 2**53


def test_what_is_held_out_depends_on_the_image_alone(folder):
    def reversed_and_fewer(content):
        content["images"] = content["images"][:3:-1]

    less, more = (ids(Coco(root=str(folder), holdout=share).test) for share in (0.3, 0.6))
    assert less < more
    change(folder / "annotations" / "captions_train2017.json", reversed_and_fewer)
    assert ids(Coco(root=str(folder), holdout=0.6).test) == more & set(range(5, 13))


@pytest.mark.parametrize("share", [0, 1, -0.1, math.nan])
def test_a_holdout_that_is_no_share_is_refused(folder, share):
    with pytest.raises(ValueError, match="should lie between 0 and 1"):
        Coco(root=str(folder), holdout=share)


@pytest.mark.parametrize(("share", "held_out"), [(1e-9, 0), (1 - 1e-9, 12)])
def test_a_holdout_that_leaves_nothing_is_refused(folder, share, held_out):
    with pytest.raises(ValueError, match=f"holds out {held_out} of 12 training images"):
        Coco(root=str(folder), holdout=share)


def test_images_of_the_test_split_are_no_training_images_of_a_holdout(folder):
    def test_on_a_training_image(content):
        content["images"][0]["split"] = "test"

    change(folder / "dataset_coco.json", test_on_a_training_image)
    with pytest.raises(ValueError, match=r"1 images of .* are in both"):
        Coco(root=str(folder), split="karpathy", train="2017", holdout=0.5)


def test_overlapping_splits_are_refused(folder):
    def test_on_a_training_image(content):
        content["images"][0]["split"] = "test"

    change(folder / "dataset_coco.json", test_on_a_training_image)
    with pytest.raises(ValueError, match=r"1 images of .* are in both .*train.* for example 1"):
        Coco(root=str(folder), split="karpathy", train="2017")


def test_the_fingerprint_tells_content_and_not_place(folder, tmp_path):
    moved = coco_folder(tmp_path / "elsewhere")
    assert Coco(root=str(folder)).fingerprint == Coco(root=str(moved)).fingerprint
    change(
        moved / "annotations" / "captions_val2017.json", lambda c: c["annotations"][0].update(caption="Something else.")
    )
    assert Coco(root=str(folder)).fingerprint != Coco(root=str(moved)).fingerprint


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ([], "the file: not an object"),
        ({"images": []}, "no 'annotations'"),
        ({"images": [], "annotations": []}, "the file: holds no caption"),
        (
            {"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [{"image_id": 1, "caption": 3}]},
            r"entry 1 of annotations: caption is 3, not a string",
        ),
        (
            {"images": [{"id": 1, "file_name": "../../x.jpg"}], "annotations": [{"image_id": 1, "caption": "a"}]},
            r"entry 1 of images: file name .* leads out",
        ),
        *(
            (
                {"images": [{"id": 1, "file_name": name}], "annotations": [{"image_id": 1, "caption": "a"}]},
                "entry 1 of images: .* is no name that a file can have",
            )
            for name in ("", "a\0.jpg", "x" * 300)
        ),
        (
            {"images": [{"id": 1, "file_name": "a.jpg"}] * 2, "annotations": [{"image_id": 1, "caption": "a"}]},
            "entry 2 of images: id 1 is that of an earlier image",
        ),
        ({"images": [3], "annotations": []}, "entry 1 of images: not an object"),
        (
            {"images": [{"id": 1}], "annotations": [{"image_id": 1, "caption": "a"}]},
            "entry 1 of images: has no 'file_name'",
        ),
        ({"images": [], "annotations": [{"image_id": 1.9, "caption": "a"}]}, "image_id is 1.9, not an integer"),
        ({"images": [], "annotations": [{"image_id": True, "caption": "a"}]}, "image_id is True, not an integer"),
        ({"images": [], "annotations": [{"image_id": 1, "caption": "a"}]}, "holds no image with a caption"),
    ],
)
def test_files_that_are_not_coco_are_named(folder, content, problem):
    write(folder / "annotations" / "captions_val2017.json", content)
    with pytest.raises(ValueError, match=problem) as error:
        Coco(root=str(folder))
    assert "captions_val2017.json" in str(error.value)


def test_missing_files_say_what_there_is(folder):
    with pytest.raises(ValueError, match=r"no annotations/captions_train2014.json .* dataset_coco.json"):
        Coco(root=str(folder), split="2014")
    with pytest.raises(ValueError, match="no COCO folder"):
        Coco(root=str(folder / "none"))
    (folder / "annotations" / "captions_val2017.json").write_text('{"images": [')
    with pytest.raises(ValueError, match=r"captions_val2017\.json: the file: no JSON"):
        Coco(root=str(folder))


def test_numbers_and_nesting_that_no_file_needs_are_one_line(folder):
    change(folder / "annotations" / "captions_val2017.json", lambda c: c["annotations"][1].update(image_id=math.inf))
    with pytest.raises(ValueError, match=r"captions_val2017.json: entry 2 of annotations: image_id is inf"):
        Coco(root=str(folder))
    change(folder / "dataset_coco.json", lambda c: c["images"][1].update(cocoid=math.inf))
    with pytest.raises(ValueError, match=r"dataset_coco.json: entry 2 of images: cocoid is inf"):
        Coco(root=str(folder), split="karpathy")
    (folder / "dataset_coco.json").write_text("[" * 100_000)
    with pytest.raises(ValueError, match=r"dataset_coco.json: the file: no JSON"):
        Coco(root=str(folder), split="karpathy")


@pytest.mark.parametrize("empty", [" \n", "."])
def test_captions_without_a_word_are_left_out(folder, empty):
    change(folder / "annotations" / "captions_val2017.json", lambda c: c["annotations"][0].update(caption=empty))
    data = Coco(root=str(folder))
    assert sorted(len(example.captions) for example in data.test) == [4, 5, 5, 5, 5, 5]
    assert data.notes == ("captions_val2017.json: 1 captions without a word left out",)


def test_what_is_left_out_is_counted(folder):
    def spoil(content):
        content["images"] += [{"id": 9, "file_name": "9.jpg"}, {"id": 8, "file_name": "8.jpg"}]
        content["annotations"] += [
            {"image_id": 5, "caption": "a"},
            {"image_id": 8, "caption": "b", "is_rejected": True},
        ]

    change(folder / "annotations" / "captions_val2017.json", spoil)
    data = Coco(root=str(folder))
    assert len(data.test) == 6
    assert [note.removeprefix("captions_val2017.json: ") for note in data.notes] == [
        "1 captions that it marks as rejected or precanned left out",
        "1 captions of images that it does not list left out",
        "2 images without captions left out",
    ]
    assert Coco(root=str(folder), split="karpathy").notes == ()


def test_a_byte_order_mark_is_no_error(folder):
    file = folder / "annotations" / "captions_val2017.json"
    before = Coco(root=str(folder)).fingerprint
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert Coco(root=str(folder)).fingerprint == before


def store(folder, tmp_path, backbone="timm/test_resnet(pretrained=False)", hflip=True):
    torch.manual_seed(0)
    model = BACKBONES.build(backbone).eval().requires_grad_(False)
    cache = FeatureCache(tmp_path / "cache", CPU)
    return model, cache.store(Coco(root=str(folder)), model, named=backbone, hflip=hflip)


def test_stored_features_are_what_the_backbone_sees(folder, tmp_path):
    model, stored = store(folder, tmp_path)
    data, grids = Coco(root=str(folder)), set()

    def encoded(split, view):
        features = compute_features(model, stored.batch([example.image_id for example in split], view), stored.grid)
        grids.add(features.grid)
        return features.tokens

    for split, views in ((data.train, (0, 1)), (data.validation, (0,)), (data.test, (0,))):
        pixels = torch.stack([model.preprocess.to_tensor(data.load(example)) for example in split])
        for view in views:
            seen = model(model.preprocess.normalize(pixels.flip(-1) if view else pixels))
            grids.add(seen.grid)
            torch.testing.assert_close(encoded(split, view), seen.tokens, atol=2e-2, rtol=2e-3)
    assert len(grids) == 1
    assert not torch.equal(encoded(data.train, 0), encoded(data.train, 1))
    with pytest.raises(IndexError):
        stored.batch([data.test[0].image_id], 1)


def test_the_store_is_made_once_and_again_for_another_backbone(folder, tmp_path):
    made = [store(folder, tmp_path)[1].seconds for _ in range(2)]
    assert made[0] == made[1]
    assert store(folder, tmp_path, hflip=False)[1].seconds != made[0]
    assert store(folder, tmp_path, "timm/test_vit(pretrained=False)")[1].seconds != made[0]


def test_backbones_of_other_code_share_no_features(folder, tmp_path):
    model = BACKBONES.build("timm/test_resnet(pretrained=False)").eval().requires_grad_(False)
    data = Coco(root=str(folder))
    made = [FeatureCache(tmp_path, CPU).store(data, model, named=name, hflip=True) for name in ("one", "other", "one")]
    assert made[0].seconds == made[2].seconds != made[1].seconds


def test_a_mended_image_is_encoded(folder, tmp_path):
    image = folder / "train2017" / f"{2:012}.jpg"
    content = image.read_bytes()
    image.write_bytes(content[:300])
    assert len(store(folder, tmp_path)[1].rows) == 17
    image.write_bytes(content)
    assert len(store(folder, tmp_path)[1].rows) == 18


def test_a_trainable_backbone_gets_pixels(folder, tmp_path):
    model, stored = store(folder, tmp_path, "patches")
    rows = stored.batch([1001, 1002])
    assert (rows.dtype, rows.shape) == (torch.uint8, (2, 3, 64, 64))
    assert compute_features(model, rows, stored.grid).tokens.shape == (2, 16, 64)


def test_unreadable_training_images_are_left_out_and_named(folder, tmp_path):
    (folder / "train2017" / f"{2:012}.jpg").unlink()
    truncated = folder / "train2017" / f"{3:012}.jpg"
    os.truncate(truncated, truncated.stat().st_size // 2)
    _, stored = store(folder, tmp_path)
    assert {2, 3}.isdisjoint(stored.rows)
    assert len(stored.rows) == 16
    assert sorted(line.split(": ")[0] for line in stored.skipped) == [
        f"train2017/{2:012}.jpg",
        f"train2017/{3:012}.jpg",
    ]
    assert str(tmp_path) not in str(stored.skipped)  # records repeat it


def test_unreadable_test_images_are_refused(folder, tmp_path):
    (folder / "val2017" / f"{1002:012}.jpg").write_bytes(b"no picture")
    with pytest.raises(UnreadableImage, match=r"test image .*000000001002.jpg.*scores need every image"):
        store(folder, tmp_path)
    assert not [path for path in (tmp_path / "cache" / "images").iterdir() if path.suffix == ""]


@pytest.mark.skipif(not SAMPLE.is_dir(), reason="no COCO sample beside the project")
def test_both_layouts_of_real_coco_agree():
    official, karpathy = Coco(root=str(SAMPLE)), Coco(root=str(SAMPLE), split="karpathy")
    assert official.fingerprint == karpathy.fingerprint
    assert (len(official.train), len(official.validation), len(official.test)) == (2040, 227, 347)
    assert official.load(official.test[0]).size[0] > 200
