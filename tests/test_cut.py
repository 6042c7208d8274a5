"""A backbone that learns in part: the frozen part runs once, and the rest gives and learns what the whole would."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

from zoo.backbones import RANDOM, Backbone, Preprocess
from zoo.backbones.cut import Cut, frozen_stem, trainable_tail
from zoo.backbones.cutting import find_cut
from zoo.backbones.layouts import from_map
from zoo.captioner import Captioner
from zoo.parts import Parts
from zoo.registries import BACKBONES
from zoo.vocabulary import Vocabulary

SWIN = "timm/swin_tiny_patch4_window7_224(pretrained=False, image_size=64, trainable=1)"
CUT = {
    "timm/test_resnet(pretrained=False, trainable=1)": "model.layer3",
    "timm/test_resnet(pretrained=False, trainable=2)": "model.layer2",
    "timm/test_resnet(pretrained=False, trainable=1, stages=(3, 4))": "model.layer3",
    "timm/test_efficientnet(pretrained=False, trainable=2)": "model.blocks.2",
    "timm/test_convnext(pretrained=False, trainable=1)": "model.stages.2",
    "efficientnet_lite(pretrained=False, image_size=64, trainable=2)": "model.blocks.4",
    "timm/test_vit(pretrained=False, trainable=2)": "model.blocks.3",
    "timm/mobilenetv3_small_050(pretrained=False, image_size=64, trainable=2)": "model.blocks.3",
    SWIN: "model.layers.2",
}


def build(spec):
    torch.manual_seed(0)
    backbone = BACKBONES.build(spec).eval()
    for module in backbone.modules():  # statistics as of a trained model, so that training and evaluation differ
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.normal_(module.weight, 1, 0.2)
    return backbone.to(memory_format=torch.channels_last)


def pictures(backbone, count=4):
    pixels = torch.randint(256, (count, 3, *backbone.preprocess.size), dtype=torch.uint8)
    return backbone.preprocess.normalize(pixels)


def learned(backbone, features):
    loss = features.tokens.square().mean()
    names, parameters = zip(*[(n, p) for n, p in backbone.named_parameters() if p.requires_grad], strict=True)
    return dict(zip(names, torch.autograd.grad(loss, parameters, allow_unused=True), strict=True))


@pytest.mark.parametrize("spec", CUT)
def test_what_is_kept_gives_and_teaches_what_pixels_do(spec):
    backbone = build(spec)
    cut, images = find_cut(backbone), pictures(backbone)
    assert isinstance(cut, Cut), cut
    assert cut.modules[-1] == CUT[spec]
    with frozen_stem(backbone, cut) as run, torch.no_grad():
        kept = run(images)
    assert kept.shape[1:] == cut.shape
    assert kept.is_contiguous()
    whole, part = backbone(images), trainable_tail(backbone, cut, kept.half())
    assert part.grid == whole.grid
    assert (part.tokens - whole.tokens).norm() < 2e-3 * whole.tokens.norm()
    expected, given = learned(backbone, whole), learned(backbone, part)
    for name, gradient in expected.items():
        assert (given[name] is None) == (gradient is None), name
        assert gradient is None or (given[name] - gradient).norm() <= 2e-2 * gradient.norm() + 1e-9, name
    assert torch.equal(backbone(images).tokens, whole.tokens)  # nothing was left behind in the model


def test_frozen_stages_are_not_run_in_the_tail():
    backbone = build("timm/test_resnet(pretrained=False, trainable=1)")
    cut = find_cut(backbone)
    for module in (backbone.model.conv1[0], backbone.model.layer1[0].conv1, backbone.model.layer3[0].conv2):
        module.register_forward_hook(lambda *_: pytest.fail("a frozen convolution ran"))
    trainable_tail(backbone, cut, torch.randn(2, *cut.shape))


def test_in_training_what_learns_keeps_its_own_statistics():
    words = Vocabulary.of(["a"], min_count=1)
    parts = Parts.parse("timm/test_resnet(pretrained=False, trainable=1)", "mean", "lstm(dim=8)")
    torch.manual_seed(0)
    model = Captioner.build(parts, words).train()
    backbone, images = model.backbone, pictures(model.backbone)
    cut = find_cut(backbone)
    assert model.training
    assert backbone.model.layer4.training
    assert not backbone.model.layer3.training
    state = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
    whole = backbone(images).tokens
    means = backbone.model.layer4[0].bn1.running_mean.clone()
    backbone.load_state_dict(state)
    with frozen_stem(backbone, cut) as run, torch.no_grad():
        kept = run(images)
    backbone.load_state_dict(state)
    torch.testing.assert_close(trainable_tail(backbone, cut, kept).tokens, whole)
    torch.testing.assert_close(backbone.model.layer4[0].bn1.running_mean, means)


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ("patches", "all of it learns"),
        ("timm/test_resnet(pretrained=False, trainable=5)", "all of it learns"),
        ("timm/test_vit(pretrained=False, trainable=2, stages=(0, 3))", "sees more of the frozen part"),
        ("timm/hrnet_w18_small(pretrained=False, image_size=64, trainable=1)", "sees more|more than one array"),
    ],
)
def test_where_there_is_no_cut_it_says_why(spec, why):
    assert re.search(why, find_cut(build(spec)))


class Odd(Backbone):
    """Frozen stages and one that learns, and in between what `glue` makes of both."""

    def __init__(self, glue):
        super().__init__()
        self.glue, self.feature_dim, self.trainable, self.preprocess = glue, 4, True, Preprocess((8, 8))
        self.one, self.two, self.learns = nn.Conv2d(3, 4, 2, 2), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1)
        self.scale = nn.Parameter(torch.ones(()))
        self.one.requires_grad_(False)
        self.two.requires_grad_(False)

    def load_pretrained(self):
        return RANDOM

    def forward(self, images):
        return from_map(self.learns(self.glue(self, images)))


@pytest.mark.parametrize(
    "glue",
    [
        lambda model, images: (one := model.one(images)) + model.two(one),
        lambda model, images: model.two(model.one(images)) + images[:, :1, ::2, ::2],
        lambda model, images: model.two(model.one(images) * model.scale),
        lambda model, images: model.two(model.two(model.one(images))),
        lambda model, images: model.two(model.one(images)) * model.one(images).mean(),
    ],
    ids=["a way around", "pixels again", "learns in front", "called twice", "called again"],
)
def test_a_model_whose_cut_would_be_wrong_is_not_cut(glue):
    torch.manual_seed(0)
    assert isinstance(find_cut(Odd(glue)), str)


def test_an_operation_behind_the_last_frozen_module_stays():
    torch.manual_seed(0)
    backbone = Odd(lambda model, images: model.two(model.one(images)) * model.scale)
    cut, images = find_cut(backbone), pictures(backbone)
    with frozen_stem(backbone, cut) as run, torch.no_grad():
        kept = run(images)
    part, whole = (learned(backbone, features) for features in (trainable_tail(backbone, cut, kept), backbone(images)))
    torch.testing.assert_close(part["scale"], whole["scale"])


def test_threads_may_share_a_head():
    backbone = build("timm/test_vit(pretrained=False, trainable=2)")
    cut = find_cut(backbone)
    batches = [pictures(backbone, 2) for _ in range(6)]
    with frozen_stem(backbone, cut) as run, ThreadPoolExecutor(3) as pool:
        together = list(pool.map(torch.no_grad()(run), batches))
        assert all(torch.equal(kept, run(images)) for kept, images in zip(together, batches, strict=True))
