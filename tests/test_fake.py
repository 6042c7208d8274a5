"""The stand-in for photographs has their number, the length of their captions and their size."""

import pytest

from benchmarks.data.fake import Fake
from zoo.vocabulary import SPECIAL, Vocabulary


def test_fake_photographs_are_as_many_and_as_long_as_those_of_coco():
    made = Fake(train=2000, validation=7, test=5, words=50)
    lengths = [len(caption.split()) for example in made.train for caption in example.captions]
    assert [len(split) for split in (made.train, made.validation, made.test)] == [2000, 7, 5]
    assert sum(lengths) / len(lengths) == pytest.approx(10.5, abs=0.1)
    captions = [caption for example in made.train for caption in example.captions]
    assert len(set(Vocabulary.of(captions, min_count=5).words)) == len(SPECIAL) + 50
    assert made.load(made.test[0]).size == (640, 480)


@pytest.mark.parametrize("wrong", [{"train": 0}, {"words": 0}, {"test": 1_000_001}])
def test_fake_photographs_have_limits(wrong):
    with pytest.raises(ValueError, match="fake needs at least one image"):
        Fake(**wrong)
