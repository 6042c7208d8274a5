"""Fine-tuning of backbones: rates by layer, stochastic depth, recomputed activations, augmented pixels."""

import math

import pytest
import torch
from repeatable import repeatable
from test_train import build, cell, stored
from timm.layers import DropPath
from torch import nn
from torchvision.transforms.v2 import functional as transforms

from benchmarks.config import Training
from benchmarks.data.scenes import Scenes
from benchmarks.plan.compatibility import feature_shape
from benchmarks.training.augmentation import augment, refuse_augmentation
from benchmarks.training.ema import EMA
from benchmarks.training.optim import make_optimizer
from benchmarks.training.trainer import Trainer
from registry import Spec
from zoo.backbones import RANDOM, Backbone, Preprocess
from zoo.backbones.cut import Cut, frozen_stem, trainable_tail
from zoo.backbones.cutting import find_cut
from zoo.backbones.layouts import from_map
from zoo.captioner import Captioner
from zoo.parts import Parts
from zoo.registries import BACKBONES
from zoo.vocabulary import SPECIAL, Vocabulary

RESNET = "timm/test_resnet(pretrained=False, {})"
VIT = "timm/test_vit(pretrained=False, {})"
CONVNEXT = "timm/test_convnext(pretrained=False, {})"
MOBILENET = "timm/mobilenetv3_small_050(pretrained=False, image_size=64, {})"  # several blocks in a stage
LITE = "efficientnet_lite(pretrained=False, {})"
EFFICIENTNET = "timm/test_efficientnet(pretrained=False, {})"


@pytest.fixture(scope="module")
def data():
    return Scenes(train=16, validation=2, test=2)


def captioner(spec):
    torch.manual_seed(0)
    model = Captioner.build(Parts.parse(spec, "mean", "lstm(dim=8)"), Vocabulary([*SPECIAL, "dog"])).train()
    for module in model.backbone.modules():  # timm starts some of them at 0, and then their branch does not count
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1, 0.2)
    return model


def trained(data, folder, backbone, *, checkpointing=False, **settings):
    model = build(data, "mean", "lstm(dim=16, dropout=0.3)", backbone).eval()
    if checkpointing:
        model.backbone.set_grad_checkpointing()
    store = stored(data, model, folder)
    common = {"epochs": 1, "decay_epochs": 2, "batch_size": 8, "warmup_steps": 0, "min_count": 1}
    settings = Training(**common | {"backbone_learning_rate": 1e-2} | settings)
    result = Trainer(model, data.train, store, settings, seed=0, validate_fn=lambda model: 0.0).run()
    return model, result.curve, store


# Stochastic depth


def rates(spec):
    return [module.drop_prob for module in BACKBONES.build(spec).modules() if isinstance(module, DropPath)]


@pytest.mark.parametrize("spec", [RESNET, VIT, CONVNEXT])
def test_the_rate_of_stochastic_depth_rises_to_the_one_asked_for(spec):
    given = rates(spec.format("trainable=1, drop_path=0.4"))
    assert given == sorted(given)
    assert given[-1] == pytest.approx(0.4)


def test_a_model_keeps_the_rate_that_it_has_in_timm_unless_another_is_given():
    swin = "timm/swin_tiny_patch4_window7_224(pretrained=False, trainable=True{})"
    with torch.device("meta"):
        assert max(rates(swin.format(""))) == pytest.approx(0.1)
        assert rates(swin.format(", drop_path=0.0")) == []


@pytest.mark.parametrize("spec", [RESNET, VIT, CONVNEXT])
def test_stochastic_depth_changes_no_weight_and_no_evaluation(spec):
    plain, none, dropping = (
        captioner(spec.format(f"trainable=True{option}")).backbone
        for option in ("", ", drop_path=0.0", ", drop_path=0.5")
    )
    images = torch.randn(4, 3, *plain.preprocess.size)
    for other in (none, dropping):
        assert list(other.state_dict()) == list(plain.state_dict())
        assert all(map(torch.equal, other.state_dict().values(), plain.state_dict().values()))
    assert torch.equal(plain(images).tokens, none(images).tokens)
    assert not torch.equal(plain(images).tokens, dropping(images).tokens)
    assert not torch.equal(dropping(images).tokens, dropping(images).tokens)
    for each in (plain, dropping):
        each.load_state_dict(plain.state_dict())
        each.eval()
    assert torch.equal(plain(images).tokens, dropping(images).tokens)


def test_frozen_blocks_are_never_left_out():
    model = captioner(VIT.format("trainable=2, drop_path=0.9")).backbone.model
    assert [module.training for module in model.modules() if isinstance(module, DropPath)] == [False] * 6 + [True] * 4


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (VIT.format("drop_path=0.1"), "needs trainable=True"),
        (VIT.format("drop_path=1.0, trainable=True"), "less than 1"),
        (VIT.format("drop_path=-0.1, trainable=True"), "at least 0"),
        ("timm/vgg11(pretrained=False, drop_path=0.1, trainable=True)", "timm/vgg11 has no stochastic depth"),
        ("timm/vgg11(pretrained=False, drop_path=0.1, trainable=True, image_size=64)", "has no stochastic depth"),
    ],
)
def test_stochastic_depth_that_makes_no_sense_is_refused_by_the_check(spec, why):
    with pytest.raises(ValueError, match=why) as caught:
        feature_shape(Spec.parse(spec))
    assert "\n" not in str(caught.value)


# Gradient checkpointing


def learned(backbone, features):
    """Output, gradients and buffers, after one forward and backward pass with the same random numbers."""
    backbone.zero_grad()
    torch.manual_seed(1)
    tokens = features().tokens
    tokens.square().mean().backward()
    gradients = {name: each.grad for name, each in backbone.named_parameters() if each.grad is not None}
    return {"tokens": tokens.detach()} | gradients | {name: each.clone() for name, each in backbone.named_buffers()}


def twins(spec):
    plain, checkpointing = (captioner(spec).backbone for _ in range(2))
    checkpointing.set_grad_checkpointing()
    return plain, checkpointing, torch.randn(4, 3, *plain.preprocess.size)


def check_same(one, other):
    assert one.keys() == other.keys()
    for name, expected in one.items():
        assert torch.equal(other[name], expected), name


@pytest.mark.parametrize(
    "spec",
    [
        spec.format(options)
        for spec in (RESNET, VIT, EFFICIENTNET)
        for options in ("trainable=True", "trainable=True, drop_path=0.5", "trainable=1", "trainable=2, stages=-1")
    ]
    + [LITE.format("trainable=True"), LITE.format("trainable=2")],
)
def test_recomputed_activations_give_the_same_bits(spec):
    plain, checkpointing, images = twins(spec)
    check_same(*(learned(each, lambda each=each: each(images)) for each in (plain, checkpointing)))


@pytest.mark.parametrize(
    "spec",
    [
        spec.format(options)
        for spec in (RESNET, VIT, EFFICIENTNET, MOBILENET)
        for options in ("trainable=1", "trainable=2, drop_path=0.5")
    ]
    + [LITE.format("trainable=2")],
)
def test_recomputed_activations_behind_a_cut_give_the_same_bits(spec):
    plain, checkpointing, images = twins(spec)
    cut = find_cut(checkpointing)
    assert isinstance(cut, Cut)
    assert cut.modules == find_cut(plain).modules  # a store's key is made of them
    modes = {module: module.training for module in plain.modules()}
    with frozen_stem(plain.eval(), cut) as run, torch.no_grad():
        kept = run(images)
    for module, mode in modes.items():
        module.training = mode
    tails = [lambda each=each: trainable_tail(each, cut, kept) for each in (plain, checkpointing)]
    check_same(*(learned(each, tail) for each, tail in zip((plain, checkpointing), tails, strict=True)))


class Twice(Backbone):
    """A frozen sequence that runs again behind what learns."""

    def __init__(self):
        super().__init__()
        self.feature_dim, self.trainable, self.preprocess = 3, True, Preprocess((4, 4))
        self.frozen = nn.Sequential(nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)).requires_grad_(False)
        self.learns = nn.Conv2d(3, 3, 1)

    def load_pretrained(self):
        return RANDOM

    def forward(self, images):
        return from_map(self.frozen(self.learns(self.frozen(images))))


def test_a_frozen_sequence_that_runs_again_behind_the_cut_is_computed():
    torch.manual_seed(0)
    model, images = Twice(), torch.randn(2, 3, 4, 4)
    tail = trainable_tail(model, Cut(("frozen",), (), (3, 4, 4), False), model.frozen(images))
    assert torch.equal(tail.tokens, model(images).tokens)


@pytest.mark.parametrize(("spec", "share"), [(RESNET, 0.7), (VIT, 0.2), (LITE, 0.4)])
def test_recomputed_activations_are_not_kept(spec, share):
    def kept(backbone):
        sizes = []
        hooks = (lambda tensor: sizes.append(tensor.nbytes) or tensor, lambda tensor: tensor)
        with torch.autograd.graph.saved_tensors_hooks(*hooks):
            backbone(images)
        return sum(sizes)

    plain, checkpointing, images = twins(spec.format("trainable=True"))
    before = kept(plain)
    assert kept(checkpointing) < share * before
    checkpointing.set_grad_checkpointing(False)
    assert kept(checkpointing) == before


@pytest.mark.parametrize(
    "backbone",
    [
        RESNET.format("trainable=True, image_size=64"),
        RESNET.format("trainable=2, image_size=64, drop_path=0.5"),
        VIT.format("trainable=True, image_size=64, drop_path=0.5"),
    ],
)
def test_a_training_with_recomputed_activations_is_the_same_training(data, tmp_path, backbone):
    plain, checkpointing = (trained(data, tmp_path, backbone, checkpointing=mode) for mode in (False, True))
    assert repeatable(plain[1]) == repeatable(checkpointing[1])
    check_same(plain[0].state_dict(), checkpointing[0].state_dict())


@pytest.mark.parametrize(
    "spec",
    ["patches", "torchvision/resnet18(pretrained=False, trainable=True)", "timm/hrnet_w18_small(trainable=True)"],
)
def test_a_backbone_without_checkpointing_says_so(spec):
    with torch.device("meta"):
        backbone = BACKBONES.build(spec)
    with pytest.raises(ValueError, match="has no gradient checkpointing: a smaller batch_size"):
        backbone.set_grad_checkpointing()
    backbone.set_grad_checkpointing(False)


# What is frozen


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("stages", ["", ", stages=(2, 4)"])  # from a stored stem, and from pixels
def test_frozen_layers_and_their_statistics_are_the_same_after_training(data, tmp_path, stages, checkpointing):
    backbone = RESNET.format(f"trainable=1, image_size=64{stages}")
    first = build(data, "mean", "lstm(dim=16, dropout=0.3)", backbone).backbone.model.state_dict()
    model, _, store = trained(data, tmp_path, backbone, checkpointing=checkpointing)
    assert (store.batch([]).dtype == torch.uint8) == bool(stages)
    moved = {name for name, each in model.backbone.model.state_dict().items() if not torch.equal(each, first[name])}
    assert {name.partition(".")[0] for name in moved} == {"layer4"}
    assert {"layer4.0.bn1.running_mean", "layer4.0.bn1.running_var", "layer4.0.bn1.weight"} <= moved


def test_the_average_has_the_weights_of_a_backbone_and_the_latest_statistics(data):
    model = build(data, backbone=RESNET.format("trainable=True")).train()
    average = EMA(model, 0.5)
    norm = model.backbone.model.bn1
    with torch.no_grad():
        norm.weight.fill_(3)
    norm.running_mean.fill_(5)
    average.update()
    with average.in_place():
        assert norm.weight.unique().item() == pytest.approx(1 + 2 * (1 - 2 / 11))
        assert (norm.running_mean == 5).all()
    assert (norm.weight == 3).all()


# Rates by layer


def groups(spec, **settings):
    model = captioner(spec)
    return model, make_optimizer(
        model, Training(learning_rate=1.0, backbone_learning_rate=0.1, **settings)
    ).param_groups


@pytest.mark.parametrize(
    ("spec", "count"),
    [
        (RESNET, 5),
        (VIT, 7),
        (CONVNEXT, 5),
        (LITE, 8),
    ],
)
def test_each_layer_learns_slower_than_the_next(spec, count):
    model, (decoder, *layers) = groups(spec.format("trainable=True"), layer_decay=0.5)
    assert decoder["lr"] == 1.0
    assert [layer["lr"] for layer in layers] == [0.1 * 0.5**behind for behind in reversed(range(count))]
    names = {parameter: name for name, parameter in model.backbone.model.named_parameters()}
    inside = [[names[parameter] for parameter in layer["params"]] for layer in layers]
    assert sorted(name for layer in inside for name in layer) == sorted(names.values())
    assert all(name.startswith(("conv", "bn", "stem", "patch", "cls", "pos", "reg")) for name in inside[0])
    if spec == VIT:
        assert {name.partition(".")[2].partition(".")[0] for name in inside[3]} == {"2"}
        assert {"norm.weight", "norm.bias"} < set(inside[-1])


def test_of_a_backbone_that_learns_in_part_the_last_layer_has_the_whole_rate():
    _, found = groups(VIT.format("trainable=2"), layer_decay=0.5)
    assert [group["lr"] for group in found] == [1.0, 0.05, 0.1]


def test_without_decay_the_backbone_is_one_group_in_the_order_of_its_parameters():
    model, (_, backbone) = groups(VIT.format("trainable=True"))
    assert backbone["lr"] == 0.1
    assert [id(each) for each in backbone["params"]] == [id(each) for each in model.backbone.parameters()]


@pytest.mark.parametrize(
    "spec",
    [
        "patches(trainable=True)",
        "torchvision/resnet18(pretrained=False, trainable=True)",
        "timm/poolformerv2_s12(pretrained=False, trainable=True)",
    ],
)
def test_a_backbone_without_layers_has_no_rates_by_layer(spec):
    with pytest.raises(ValueError, match=r"apart.*layer_decay"):
        groups(spec, layer_decay=0.5)
    assert len(groups(spec)[1]) == 2


def test_in_training_the_rates_of_all_layers_follow_the_schedule(data, tmp_path):
    model = build(data, "mean", "lstm(dim=8)", VIT.format("trainable=True, image_size=64"))
    settings = Training(epochs=1, decay_epochs=2, batch_size=8, warmup_steps=0, layer_decay=0.5)
    trainer = Trainer(model, data.train, stored(data, model, tmp_path), settings, seed=0, validate_fn=lambda model: 0.0)
    trainer.run()
    layers = [group["lr"] for group in trainer.step.optimizer.param_groups[1:]]
    assert layers == pytest.approx([1e-4 * 0.75 * 0.5**behind for behind in reversed(range(7))])


# Augmentation


def coordinates(count, height, width):
    """Images whose first channel counts rows from 0 and whose second counts columns."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([rows, columns, torch.full((height, width), 255)]).to(torch.uint8).expand(count, -1, -1, -1)


@pytest.mark.parametrize(("height", "width"), [(128, 128), (96, 200)])
@pytest.mark.parametrize("least", [0.2, 0.7])
def test_crops_keep_the_area_the_aspect_and_the_size(height, width, least):
    torch.manual_seed(0)
    images = coordinates(300, height, width)
    cropped = augment(images, crop_scale=least, color_jitter=0.0)
    assert (cropped.shape, cropped.dtype) == (images.shape, torch.uint8)
    assert (cropped[:, 2] == 255).all()  # nothing from outside
    rows, columns = cropped[:, 0, :, 0].float(), cropped[:, 1, 0].float()
    high = (rows[:, -1] - rows[:, 0] + 1) / height
    wide = (columns[:, -1] - columns[:, 0] + 1) / width
    area, aspect = high * wide, wide / high
    assert least - 0.03 < area.min() < least + 0.05
    assert area.max() > 0.95
    assert area.mean() == pytest.approx((1 + least) / 2, abs=0.04)  # uniform
    assert 3 / 4 - 0.04 < aspect.min() < 0.85
    assert 1.18 < aspect.max() < 4 / 3 + 0.06
    assert aspect.log().mean().abs() < 0.03
    free = 1 - high
    assert (rows[:, 0] / height).sum() == pytest.approx(free.sum().item() / 2, rel=0.15)  # anywhere in the image
    assert len(set(zip(rows[:, 0].tolist(), columns[:, 0].tolist(), high.tolist(), strict=True))) > 250


def test_a_crop_is_torchvisions(monkeypatch):
    images = torch.randint(256, (3, 3, 40, 60), dtype=torch.uint8)
    calls, crop = [], transforms.resized_crop
    monkeypatch.setattr(
        transforms, "resized_crop", lambda image, *box: calls.append((image, *box)) or crop(image, *box)
    )
    cropped = augment(images, crop_scale=0.3, color_jitter=0.0)
    assert len({box[1:5] for box in ((None, *call[1:]) for call in calls)}) == 3
    for image, result, (given, top, left, height, width, size) in zip(images, cropped, calls, strict=True):
        assert torch.equal(given, image)
        assert 0 <= top <= 40 - height
        assert 0 <= left <= 60 - width
        assert torch.equal(result, transforms.resize(image[:, top : top + height, left : left + width], list(size)))


def test_colours_change_as_torchvision_changes_them():
    images = torch.randint(256, (8, 3, 16, 20), dtype=torch.uint8)
    torch.manual_seed(3)
    changed = augment(images, crop_scale=1.0, color_jitter=0.4)
    torch.manual_seed(3)
    factors = 1 + 0.4 * (2 * torch.rand(3, 8) - 1)
    assert factors.min() < 0.75
    assert factors.max() > 1.25
    for image, result, (bright, contrast, saturated) in zip(images, changed, factors.T.tolist(), strict=True):
        expected = transforms.adjust_brightness(image / 255, bright)
        expected = transforms.adjust_contrast(expected, contrast)
        expected = transforms.adjust_saturation(expected, saturated)
        assert (result - 255 * expected).abs().max() <= 0.51


def test_grey_pictures_keep_no_colour_of_their_own_and_hues_stay():
    grey = torch.randint(256, (4, 1, 8, 8), dtype=torch.uint8).expand(-1, 3, -1, -1)
    changed = augment(grey, crop_scale=1.0, color_jitter=0.9).int()
    assert (changed - changed[:, :1]).abs().max() <= 1


def test_augmentation_draws_from_the_generator_of_training_and_only_where_asked_for():
    images = torch.randint(256, (4, 3, 32, 32), dtype=torch.uint8)
    state = torch.get_rng_state()
    assert augment(images, crop_scale=1.0, color_jitter=0.0) is images
    assert torch.equal(torch.get_rng_state(), state)
    first = augment(images, crop_scale=0.5, color_jitter=0.2)
    assert not torch.equal(first, augment(images, crop_scale=0.5, color_jitter=0.2))
    torch.set_rng_state(state)
    assert torch.equal(first, augment(images, crop_scale=0.5, color_jitter=0.2))


def test_crops_of_one_pixel_are_crops():
    images = torch.randint(256, (64, 3, 5, 7), dtype=torch.uint8)
    assert augment(images, crop_scale=1e-6, color_jitter=0.0).shape == images.shape


@pytest.mark.parametrize("settings", [{"crop_scale": 0.7}, {"color_jitter": 0.1}])
def test_what_is_no_pixels_cannot_be_augmented(data, tmp_path, settings):
    for options in ("", "trainable=1"):
        model = build(data, "mean", "lstm(dim=8)", RESNET.format(f"image_size=64, {options}")).eval()
        rows = stored(data, model, tmp_path).batch([])
        with pytest.raises(ValueError, match="trainable=True") as caught:
            refuse_augmentation(Training(**settings), pixels=rows.dtype == torch.uint8)
        assert "\n" not in str(caught.value)
        refuse_augmentation(Training(), pixels=False)
    whole = build(data, "mean", "lstm(dim=8)", RESNET.format("image_size=64, trainable=True")).eval()
    refuse_augmentation(Training(**settings), pixels=stored(data, whole, tmp_path).batch([]).dtype == torch.uint8)


def test_crops_that_are_stored_go_with_frozen_layers_alone():
    settings = Training(crop_scale=0.7, cached_crops=2)
    refuse_augmentation(settings, pixels=False)
    with pytest.raises(ValueError, match="cached_crops=2 is for what frozen layers give"):
        refuse_augmentation(settings, pixels=True)
    with pytest.raises(ValueError, match=r"color_jitter=0.1 change pixels"):
        refuse_augmentation(Training(crop_scale=0.7, cached_crops=2, color_jitter=0.1), pixels=False)


# Settings


def test_stored_crops_leave_earlier_ids_alone_and_are_smaller_than_the_image():
    assert cell().id == cell(training=Training(cached_crops=0)).id
    assert cell(training=Training(cached_crops=2, crop_scale=0.5)).request["training"]["cached_crops"] == 2
    for wrong in ({"cached_crops": -1, "crop_scale": 0.5}, {"cached_crops": 2}):
        with pytest.raises(ValueError, match="cached_crops"):
            Training(**wrong)


@pytest.mark.parametrize("name", ["layer_decay", "crop_scale", "color_jitter"])
def test_settings_of_fine_tuning_are_checked_and_leave_earlier_ids_alone(name):
    default = getattr(Training(), name)
    assert cell().id == cell(training=Training(**{name: default})).id
    assert name not in cell().request["training"]
    assert cell(training=Training(**{name: 0.5})).request["training"][name] == 0.5
    for wrong in (-0.1, 1.5, math.nan, 1.0 - default):
        with pytest.raises(ValueError, match=name):
            Training(**{name: wrong})
