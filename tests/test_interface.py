"""The Python interface: names by pattern, models by name, errors in one line."""

import re
import subprocess
import sys

import pytest
import torch
from PIL import Image

import zoo
from zoo import checkpoint
from zoo.vocabulary import SPECIAL, Vocabulary

WORDS = ["a", "circle", "red"]
SMALL = ("patches(dim=8)", "mean", "lstm(dim=8)")


def test_importing_and_listing_what_has_no_variants_costs_no_torch():
    code = (
        "import sys, zoo\n"
        "assert not {'torch', 'timm', 'numpy', 'pytest'} & set(sys.modules)\n"
        "assert zoo.list_attentions('*dan*') == ['bahdanau'] and 'lstm' in zoo.list_decoders()\n"
        "assert not {'torch', 'timm'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_is_public_is_there():
    assert all(hasattr(zoo, name) for name in zoo.__all__)


def test_a_pattern_is_held_against_whole_spellings():
    lite = zoo.list_backbones("*lite*")
    assert {"efficientnet_lite", "timm/tf_efficientnet_lite0", "timm/tf_efficientnet_lite0.in1k"} <= set(lite)
    assert all("lite" in name for name in lite)
    assert zoo.list_backbones("lite") == zoo.list_decoders("*/*") == []


def test_without_a_pattern_come_all_names_that_can_be_built():
    names = zoo.list_backbones()
    assert len(names) > 1000
    assert {"patches", "timm/resnet50"} <= set(names)
    assert "timm" not in names
    assert zoo.list_attentions() == sorted(zoo.ATTENTIONS)


def test_a_model_is_made_of_names_and_captions_pictures():
    model = zoo.create_model(*SMALL, vocabulary=WORDS)
    assert str(model.parts) == "patches(dim=8) + mean + lstm(dim=8)"
    assert model.vocabulary.words == (*SPECIAL, *WORDS)
    assert not model.training
    (said,) = model.caption([Image.new("RGB", (70, 50), "red")], max_length=3)
    assert set(said.split()) <= {*WORDS, *SPECIAL}


def test_a_vocabulary_is_taken_as_it_is():
    vocabulary = Vocabulary([*SPECIAL, *WORDS])
    assert zoo.create_model(*SMALL, vocabulary=vocabulary).vocabulary is vocabulary


def test_the_backbone_has_the_weights_that_its_spec_asks_for():
    def first(spec):
        model = zoo.create_model(spec, "mean", "lstm(dim=8)", vocabulary=WORDS)
        return next(model.backbone.parameters())

    ours = first("efficientnet_lite")
    assert torch.equal(ours, first("efficientnet_lite"))
    assert not torch.equal(ours, first("efficientnet_lite(pretrained=False)"))


@pytest.mark.parametrize(
    ("parts", "vocabulary", "said"),
    [
        (("patchs",), WORDS, "Did you mean 'patches'?"),
        (("timm",), WORDS, "needs a variant"),
        (("patches", "bahdanu"), WORDS, "Did you mean 'bahdanau'?"),
        (("patches", "mean", "lstm(din=8)"), WORDS, "Did you mean 'dim'?"),
        (("patches", "multihead(num_heads=7)", "lstm(dim=8)"), WORDS, "does not divide"),
        (SMALL, "red", "not the one string 'red'"),
        (SMALL, ["a", "a"], "no word twice"),
    ],
)
def test_mistakes_are_answered_in_one_line(parts, vocabulary, said):
    with pytest.raises(ValueError, match=re.escape(said)) as error:
        zoo.create_model(*parts, vocabulary=vocabulary)
    assert "\n" not in str(error.value)


def test_what_is_saved_comes_back_and_says_the_same(tmp_path):
    model, pictures = zoo.create_model(*SMALL, vocabulary=WORDS), [Image.new("RGB", (9, 9), "blue")]
    checkpoint.save(model, tmp_path, weights=model.backbone.load_pretrained())
    again = zoo.from_pretrained(tmp_path)
    assert again.caption(pictures) == model.caption(pictures)
    assert not again.training
    with pytest.raises(ValueError, match="no folder"):
        zoo.from_pretrained(tmp_path / "none")
