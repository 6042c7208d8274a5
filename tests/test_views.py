"""The stored views of an image: the whole picture, random crops of it, and each mirrored."""

import random
from collections import Counter

import numpy as np
import pytest
import torch
from folders import coco_folder
from PIL import Image

from benchmarks.config import Training
from benchmarks.data.coco import Coco
from benchmarks.features.cache import FeatureCache
from benchmarks.features.views import Views, crop_box
from benchmarks.training.batches import iter_batches, tokenize
from zoo.registries import BACKBONES
from zoo.vocabulary import Vocabulary

CPU = torch.device("cpu")
RESNET = "timm/test_resnet(pretrained=False, image_size=64)"
LAST = "timm/test_resnet(pretrained=False, image_size=64, trainable=1)"
SHADES = np.mgrid[:60, :80].transpose(1, 2, 0).astype(np.uint8)  # each pixel tells its own place
PLACES = Image.fromarray(np.concatenate([SHADES, np.zeros((60, 80, 1), np.uint8)], axis=2))


@pytest.fixture
def data(tmp_path):
    return Coco(root=str(coco_folder(tmp_path / "coco")))


def build(spec):
    torch.manual_seed(0)
    return BACKBONES.build(spec).eval()


def stored(data, folder, backbone, **views):
    return FeatureCache(folder, CPU).store(data, backbone, named="it", **views)


def test_a_crop_keeps_its_share_of_the_area_and_its_aspect_ratio() -> None:
    rng, ratios = random.Random(0), []
    for _ in range(2000):
        top, left, rows, columns = crop_box((300, 400), [rng.random() for _ in range(4)], 0.4)
        assert 0 <= top <= 300 - rows
        assert 0 <= left <= 400 - columns
        ratios.append(rows * columns / 120_000)
        assert 0.745 < (columns / rows) / (400 / 300) < 1.342
    assert 0.395 < min(ratios) < 0.41
    assert 0.98 < max(ratios) <= 1
    assert np.mean(ratios) == pytest.approx(0.7, abs=0.02)


def test_the_whole_picture_comes_first_and_crops_are_parts_of_it() -> None:
    whole, *crops = Views(False, 3, 0.3).of(PLACES, 7)
    assert whole is PLACES
    for crop in crops:
        pixels = np.asarray(crop).astype(int)
        rows, columns = pixels[..., 0], pixels[..., 1]
        assert (rows == rows[0, 0] + np.arange(crop.height)[:, None]).all()
        assert (columns == columns[0, 0] + np.arange(crop.width)).all()
        assert 0.29 < crop.height * crop.width / 4800 < 1
    assert len({crop.tobytes() for crop in crops}) == 3


def test_crops_of_an_image_depend_on_its_id_alone() -> None:
    def crops(image: int, count: int) -> list[bytes]:
        return [crop.tobytes() for crop in list(Views(False, count, 0.3).of(PLACES, image))[1:]]

    assert crops(7, 2) == crops(7, 4)[:2]
    assert crops(7, 2) != crops(8, 2)


@pytest.mark.parametrize("spec", [RESNET, LAST])
def test_the_store_holds_each_view_and_its_mirrored_one(data, tmp_path, spec):
    backbone = build(spec)
    store = stored(data, tmp_path, backbone, hflip=True, crops=2, crop_scale=0.5)
    plain = stored(data, tmp_path, backbone, hflip=True)
    assert (store.views, plain.views) == (6, 2)
    others = [example.image_id for example in (*data.validation, *data.test)]
    assert store.source.shape[0] == 6 * len(data.train) + len(others)
    torch.testing.assert_close(store.batch(others), plain.batch(others))
    ids = [example.image_id for example in data.train]
    for view in (0, 1):
        torch.testing.assert_close(store.batch(ids, view), plain.batch(ids, view))
    example = data.train[3]
    picture = data.load(example)
    for number, view in enumerate(Views(False, 2, 0.5).of(picture, example.image_id)):
        alone = One(data, example.image_id, view)
        expected = stored(alone, tmp_path, backbone, hflip=True)
        for flip in (0, 1):
            found = store.batch([example.image_id], 2 * number + flip)
            torch.testing.assert_close(found, expected.batch([example.image_id], flip), atol=2e-3, rtol=2e-3)
    assert not torch.equal(store.batch(ids, 0), store.batch(ids, 2))


class One(Coco):
    """The same images, one of which shows another picture."""

    def __init__(self, data, image, picture):
        self.__dict__.update(data.__dict__)
        self.fingerprint, self.image, self.picture = str(hash(picture.tobytes())), image, picture

    def load(self, example):
        return self.picture if example.image_id == self.image else super().load(example)


def test_other_views_are_another_store_and_without_crops_it_is_the_one_of_before(data, tmp_path):
    backbone, folder = build(RESNET), tmp_path / "images"
    stored(data, tmp_path, backbone, hflip=True)
    for more in ({"crop_scale": 0.5}, {"crops": 0}):
        stored(data, tmp_path, backbone, hflip=True, **more)
    assert len([each for each in folder.iterdir() if each.is_dir()]) == 1
    for more in ({"crops": 1}, {"crops": 2}, {"crops": 2, "crop_scale": 0.7}):
        stored(data, tmp_path, backbone, hflip=True, **{"crop_scale": 0.5} | more)
    stored(data, tmp_path, backbone, hflip=False, crops=2, crop_scale=0.5)
    assert len([each for each in folder.iterdir() if each.is_dir()]) == 5


def test_training_takes_all_views_alike(data):
    settings = Training(batch_size=4, min_count=1)
    words = Vocabulary.of((caption for example in data.train for caption in example.captions), min_count=1)
    tokenized, order = tokenize(words, data.train, settings), np.random.default_rng(0)
    taken = Counter(
        view for _ in range(120) for batch in iter_batches(tokenized, settings, order, views=6) for view in batch.views
    )
    assert sorted(taken) == [0, 1, 2, 3, 4, 5]
    assert max(taken.values()) < 1.4 * min(taken.values())
