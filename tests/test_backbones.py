"""Backbones: which stages are read and trained, whose weights they have, and how their outputs lie."""

import json
import os
import pickle
from types import SimpleNamespace

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

from benchmarks.config import Training
from benchmarks.training.optim import make_optimizer
from registry import Registry, RegistryError, Spec
from zoo import checkpoint
from zoo.backbones import RANDOM
from zoo.backbones.layouts import fits, from_tokens
from zoo.captioner import Captioner
from zoo.parts import Parts
from zoo.registries import BACKBONES
from zoo.vocabulary import SPECIAL, Vocabulary

RESNET = "timm/test_resnet(pretrained=False, {})"
VIT = "timm/test_vit(pretrained=False, {})"


def backbone(spec):
    torch.manual_seed(0)
    return BACKBONES.build(spec).eval()


def captioner(spec):
    torch.manual_seed(0)
    return Captioner.build(Parts.parse(spec, "bahdanau(hidden_dim=8)", "lstm(dim=16)"), Vocabulary([*SPECIAL, "dog"]))


def picture(part):
    return torch.rand(2, 3, *part.preprocess.size, generator=torch.Generator().manual_seed(1))


def as_map(features):
    return features.tokens.mT.unflatten(2, features.grid)


# Stages


@pytest.mark.parametrize(("name", "stage"), [("test_resnet", 2), ("test_vit", -2), ("swin_tiny_patch4_window7_224", 1)])
@torch.no_grad()
def test_a_stage_is_the_one_that_timm_counts(name, stage):
    part = backbone(f"timm/{name}(pretrained=False, stages={stage})")
    reference = timm.create_model(name, features_only=True).eval()
    count = len(reference.feature_info)
    theirs = timm.create_model(name, num_classes=0).eval()
    theirs.load_state_dict(part.model.state_dict(), strict=False)
    expected = theirs.forward_intermediates(picture(part), indices=[stage % count], intermediates_only=True)[0]
    assert torch.allclose(as_map(part(picture(part))), expected, atol=1e-5)


@torch.no_grad()
def test_a_stage_is_that_of_timms_own_feature_extractor():
    part = backbone(RESNET.format("stages=3"))
    reference = timm.create_model("test_resnet", features_only=True, out_indices=[3]).eval()
    reference.load_state_dict(part.model.state_dict())
    assert torch.allclose(as_map(part(picture(part))), reference(picture(part))[0], atol=1e-5)


@torch.no_grad()
def test_several_stages_lie_side_by_side_on_the_coarsest_grid():
    both, fine, coarse = (backbone(RESNET.format(f"stages={stages}")) for stages in ("(-1, 2)", "2", "4"))
    for one in (fine, coarse):
        one.model.load_state_dict({name: both.model.state_dict()[name] for name in one.model.state_dict()})
    images = picture(both)
    fine_map, coarse_map = as_map(fine(images)), as_map(coarse(images))
    expected = torch.cat([F.avg_pool2d(fine_map, fine_map.shape[2] // coarse_map.shape[2]), coarse_map], dim=1)
    assert both(images).grid == coarse(images).grid == (5, 5)
    assert torch.allclose(as_map(both(images)), expected, atol=1e-5)


def test_layers_behind_the_last_stage_are_left_out():
    sizes = [sum(p.numel() for p in backbone(RESNET.format(f"stages={stage}")).parameters()) for stage in range(5)]
    assert sizes == sorted({*sizes})


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (RESNET.format("stages=5"), "has no stages"),
        (RESNET.format("stages=(0, -9)"), "has no stages"),
        (RESNET.format("trainable=9"), "1 to 5"),
        (RESNET.format("trainable=0"), "1 to 5"),
        ("timm/poolformerv2_s12(pretrained=False, trainable=1)", "tells no stages apart"),
        (RESNET.format("image_size=(96, 96, 96)"), "image_size should be"),
        (RESNET.format("image_size=0"), "image_size should be"),
        ("timm/test_vit(pretrained=False, image_size=100)", "cannot be tried on an image of 100 x 100"),
        ("torchvision/resnet18(layer='layer5')", "no layer of torchvision/resnet18"),
        ("torchvision/resnet18(layer='flatten')", "neither a map nor tokens"),
        ("torchvision/vit_b_32(image_size=(224, 192))", "cannot be tried on"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(spec, why):
    with torch.device("meta"), pytest.raises(ValueError, match=why) as caught:
        BACKBONES.build(spec)
    assert "\n" not in str(caught.value)


# Training the last stages


def moved(spec):
    """Names of what one step of training changes in a backbone, buffers too."""
    model = captioner(spec).train()
    before = {name: tensor.clone() for name, tensor in model.backbone.state_dict().items()}
    optimizer = make_optimizer(model, Training(weight_decay=0.1))
    tokens = torch.randint(len(SPECIAL) + 1, (2, 1, 3), generator=torch.Generator().manual_seed(0))
    model(picture(model.backbone), tokens).logsumexp(-1).sum().backward()
    optimizer.step()
    return {
        name.removeprefix("model.")
        for name, tensor in model.backbone.state_dict().items()
        if not torch.equal(tensor, before[name])
    }


def test_only_the_last_stages_learn_and_the_statistics_of_the_others_stand_still():
    changed = moved(RESNET.format("trainable=2"))
    assert {name.partition(".")[0] for name in changed} == {"layer3", "layer4"}
    assert any(name.endswith("running_mean") for name in changed)
    assert moved(RESNET.format("")) == set()
    assert any(name.startswith("conv1") for name in moved(RESNET.format("trainable=True")))


def test_the_last_norm_goes_with_the_last_block():
    last = max(int(name.split(".")[1]) for name in backbone(VIT.format("")).model.state_dict() if "blocks." in name)
    changed = {".".join(name.split(".")[:2]) for name in moved(VIT.format("trainable=1"))}
    assert changed == {f"blocks.{last}", "norm.weight", "norm.bias"}
    learning = [
        name
        for name, tensor in backbone("timm/test_convnext(trainable=1)").model.named_parameters()
        if tensor.requires_grad
    ]
    assert {".".join(name.split(".")[:2]) for name in learning} == {"stages.3", "head.norm"}


# Weights from a file


class Evil:
    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return os.system, (f"touch {self.file}",)


@pytest.fixture
def tensors():
    torch.manual_seed(7)
    return timm.create_model("test_resnet", num_classes=10).state_dict()


def loaded(file):
    part = backbone(RESNET.format(f"weights={str(file)!r}"))
    return part, part.load_pretrained()


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("mine.safetensors", lambda tensors, file: save_file(tensors, file)),
        ("mine.pth", lambda tensors, file: torch.save(tensors, file)),
        ("mine.pt", lambda tensors, file: torch.save({"epoch": 3, "state_dict": tensors}, file)),
        ("mine.bin", lambda tensors, file: torch.save({"model": tensors}, file)),
    ],
)
def test_weights_come_from_a_local_file(tmp_path, tensors, name, write):
    write(tensors, tmp_path / name)
    part, weights = loaded(tmp_path / name)
    assert weights.source.startswith(f"{name}, sha256 ")
    assert not weights.published
    assert all(torch.equal(tensor, tensors[key]) for key, tensor in part.model.state_dict().items())


def test_old_files_without_counts_of_batches_do(tmp_path, tensors):
    save_file(
        {name: tensor for name, tensor in tensors.items() if "num_batches" not in name}, tmp_path / "a.safetensors"
    )
    loaded(tmp_path / "a.safetensors")


def test_wrong_files_are_refused_in_one_line(tmp_path, tensors):
    def refused(name, content, why):
        file = tmp_path / name
        content(file)
        with pytest.raises(ValueError, match=why) as caught:
            loaded(file)
        assert "\n" not in str(caught.value)
        assert name in str(caught.value)

    name = "layer1.0.conv1.weight"
    refused("none.pth", lambda file: None, "No such file")
    refused(
        "less.pth", lambda file: torch.save({k: v for k, v in tensors.items() if k != name}, file), f"no tensor {name}"
    )
    refused(
        "wide.pth",
        lambda file: torch.save({**tensors, name: torch.zeros(2, 3)}, file),
        rf"{name} in .* is \(2, 3\), not",
    )
    refused("text.txt", lambda file: file.write_text("a"), "should end in .safetensors, .pth")
    refused("text.safetensors", lambda file: file.write_text("a"), "cannot read weights")
    refused("text.pth", lambda file: file.write_text("a"), "text.pth")
    refused("list.pth", lambda file: torch.save([1], file), "no state_dict")
    evil = tmp_path / "executed"
    refused("evil.pth", lambda file: torch.save({"a": Evil(evil)}, file), "not tensors alone")
    refused("pickle.pth", lambda file: file.write_bytes(pickle.dumps(Evil(evil), protocol=2)), "not tensors alone")
    assert not evil.exists()


def test_a_run_knows_its_weights_file_by_its_content(tmp_path, tensors):
    """And does not begin with another one, where its process starts long after the plan."""
    from benchmarks.config import Training
    from benchmarks.executors import jobs
    from benchmarks.plan.matrix import _provenance
    from benchmarks.runtime.resources import Resources
    from zoo.backbones.weights import digest

    file = tmp_path / "mine.pth"
    parts = {"backbone": Spec.parse(RESNET.format(f"weights={str(file)!r}"))}
    experiment = type("Experiment", (), {"dataset": Spec.parse("scenes"), "metrics": (), "training": Training()})
    with pytest.raises(ValueError, match="No such file"):
        _provenance(experiment, parts, digest)
    torch.save(tensors, file)
    before = _provenance(experiment, parts, digest)["sources"]
    file.write_bytes(b"edited")
    assert {*before} == {"backbone weights"}
    assert before != _provenance(experiment, parts, digest)["sources"]
    fields = {"attention": Spec("mean"), "decoder": Spec("lstm"), "sources": before, **parts, **vars(experiment)}
    cell = SimpleNamespace(**fields, located_dataset=experiment.dataset)
    for job, given in ((jobs.prepared, 1), (jobs.assisted, 2), (jobs.ran, 2)):
        rest = [{}, jobs.Watch()] if job is jobs.ran else []
        with pytest.raises(ValueError, match="backbone weights: its file was edited while the cell waited"):
            next(job(cell, *[tmp_path] * given, (), Resources(), *rest))


@pytest.mark.parametrize(
    ("spec", "stored"),
    [
        (RESNET.format(""), True),
        (RESNET.format("weights='{file}'"), True),
        (RESNET.format("weights='{file}', trainable=1"), True),
        (VIT.format("trainable=2, stages=(0, 3)"), True),
        ("efficientnet_lite", False),
        ("torchvision/squeezenet1_1(pretrained=False, image_size=64)", True),
    ],
)
def test_a_checkpoint_needs_no_file_of_the_user(tmp_path, tensors, spec, stored):
    file = tmp_path / "mine.pth"
    torch.save(tensors, file)
    model = captioner(spec.replace("{file}", str(file)))
    weights = model.backbone.load_pretrained()
    checkpoint.save(model, tmp_path, weights=weights)
    file.unlink()
    config = json.loads((tmp_path / checkpoint.CONFIG).read_text())
    assert (config["backbone_weights"], config["backbone_stored"]) == (weights.source, stored)
    again = checkpoint.load(tmp_path).state_dict()
    assert all(torch.equal(tensor, again[name]) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize(("size", "side"), [(0, 224), (1, 240), (2, 260)])
def test_efficientnet_lite_has_an_image_size_of_its_own(size, side):
    assert backbone(f"efficientnet_lite(pretrained=False, size={size})").preprocess.size == (side, side)
    assert backbone(f"efficientnet_lite(pretrained=False, size={size}, image_size=96)").preprocess.size == (96, 96)


def test_efficientnet_lite_reads_any_image_size_and_learns_in_its_last_stages_as_timm_does():
    options = "(pretrained=False, image_size=(96, 160), trainable=2)"
    ours, theirs = backbone(f"efficientnet_lite{options}"), backbone(f"timm/tf_efficientnet_lite0{options}")
    shared = {name: tensor for name, tensor in ours.model.state_dict().items() if "classifier" not in name}
    theirs.model.load_state_dict(shared)
    assert ours.preprocess.size == theirs.preprocess.size == (96, 160)
    pixels = torch.randint(256, (2, 3, 96, 160), dtype=torch.uint8)
    found, expected = (each.eval()(each.preprocess.normalize(pixels)) for each in (ours, theirs))
    assert found.grid == expected.grid == (3, 5)
    assert torch.equal(found.tokens, expected.tokens)
    learning = [{name for name, each in side.model.named_parameters() if each.requires_grad} for side in (ours, theirs)]
    assert learning[0] - {"classifier.weight", "classifier.bias"} == learning[1]


@pytest.mark.parametrize(
    ("option", "problem"),
    [("image_size=0", "image_size should be"), ("trainable=9", "trainable should be True, False")],
)
def test_what_efficientnet_lite_cannot_be_is_refused(option, problem):
    with pytest.raises(ValueError, match=problem):
        backbone(f"efficientnet_lite(pretrained=False, {option})")


def test_there_is_nothing_to_load_where_nothing_was_asked_for():
    for spec in (RESNET.format(""), "torchvision/squeezenet1_1(pretrained=False)", "patches"):
        assert backbone(spec).load_pretrained() == RANDOM


# Layouts


@pytest.mark.parametrize(
    "spec",
    [
        RESNET.format("image_size=(96, 160)"),
        VIT.format("image_size=(96, 160)"),
        "timm/test_mambaout(pretrained=False, image_size=(96, 160))",
        "timm/coat_lite_tiny(pretrained=False, image_size=(96, 160))",
        "torchvision/squeezenet1_1(pretrained=False, image_size=(96, 160))",
        "torchvision/swin_t(pretrained=False, image_size=(96, 160), layer='features.1')",
    ],
)
@torch.no_grad()
def test_a_wide_image_keeps_its_shape(spec):
    part = backbone(spec)
    images = picture(part)
    grid = part(images).grid
    assert grid[0] / grid[1] == pytest.approx(96 / 160, rel=0.15)
    for left in (True, False):
        spotted = images.clone()
        spotted[:, :, :24, slice(24) if left else slice(-24, None)] += 3
        change = as_map(part(spotted)._replace(tokens=part(spotted).tokens - part(images).tokens)).norm(dim=1).sum(0)
        row, column = divmod(int(change.flatten().argmax()), grid[1])
        assert row < grid[0] / 2
        assert (column < grid[1] / 2) == left


@torch.no_grad()
def test_class_tokens_are_no_places():
    for name, prefix in (("test_vit", 1), ("deit_tiny_distilled_patch16_224", 2), ("test_vit4", 1)):
        part = backbone(f"timm/{name}(pretrained=False)")
        expected = part.model.forward_features(picture(part))[:, prefix:]
        assert torch.equal(part(picture(part)).tokens, expected)


@pytest.mark.parametrize("name", ["coat_tiny", "crossvit_tiny_240", "efficientvim_m1"])
@torch.no_grad()
def test_of_several_maps_the_last_is_read(name):
    part = backbone(f"timm/{name}(pretrained=False)")
    last = part.model.forward_features(picture(part))[-1]
    features = part(picture(part))
    expected = last.mT if name == "efficientvim_m1" else last[:, 1:]
    assert torch.equal(features.tokens, expected)
    assert features.grid[0] == features.grid[1]


def test_tokens_find_their_grid():
    assert from_tokens(torch.zeros(1, 16, 2), (99, 96)).grid == (4, 4)
    assert from_tokens(torch.zeros(1, 16, 2), (96, 160)).tokens.shape[1] == 15
    assert from_tokens(torch.zeros(1, 13, 2), (32, 32), prefix=1, declared=(3, 4)).grid == (3, 4)
    assert from_tokens(torch.zeros(1, 13, 2), (32, 32), prefix=1).grid is None
    assert fits((4, 6), (100, 180))
    assert not fits((6, 4), (100, 180))


# torchvision


@torch.no_grad()
def test_a_resnet_is_torchvisions_up_to_its_pool():
    from torchvision.models import resnet18

    part, theirs = backbone("torchvision/resnet18(pretrained=False)"), resnet18().eval()
    theirs.load_state_dict(part.model.state_dict(), strict=False)
    images = picture(part)
    stem = torch.nn.Sequential(*list(theirs.children())[:-2])
    assert torch.allclose(as_map(part(images)), stem(images), atol=1e-5)
    third = backbone("torchvision/resnet18(pretrained=False, layer='layer3')")
    third.model.load_state_dict({name: part.model.state_dict()[name] for name in third.model.state_dict()})
    assert torch.allclose(as_map(third(images)), stem[:-1](images), atol=1e-5)


def test_a_model_of_torchvision_learns_whole_or_not_at_all():
    assert moved("torchvision/squeezenet1_1(pretrained=False, image_size=64)") == set()
    assert "features.0.weight" in moved("torchvision/squeezenet1_1(pretrained=False, image_size=64, trainable=True)")


def test_torchvision_weights_come_from_a_whole_models_file(tmp_path):
    from torchvision.models import squeezenet1_1

    torch.save(squeezenet1_1().state_dict(), tmp_path / "whole.pth")
    part = backbone(f"torchvision/squeezenet1_1(weights={str(tmp_path / 'whole.pth')!r})")
    assert part.load_pretrained().source.startswith("whole.pth")


FAMILIES = """alexnet convnext_tiny densenet121 efficientnet_b0 googlenet inception_v3 mnasnet0_5 mobilenet_v2
    mobilenet_v3_small regnet_x_400mf resnet18 shufflenet_v2_x0_5 squeezenet1_0 swin_t swin_v2_t vgg11 vit_b_32"""


def check_torchvision(name):
    with torch.device("meta"), torch.no_grad():
        part = BACKBONES.build(f"torchvision/{name}(pretrained=False)").eval()
        features = part(torch.empty(2, 3, *part.preprocess.size))
    assert features.tokens.shape == (2, features.grid[0] * features.grid[1], part.feature_dim)
    assert fits(features.grid, part.preprocess.size)


@pytest.mark.parametrize("name", FAMILIES.split())
def test_a_model_of_this_family_of_torchvision_gives_features(name):
    check_torchvision(name)


@pytest.mark.every_torchvision_model
@pytest.mark.parametrize("name", BACKBONES["torchvision"].variants())
def test_every_model_of_torchvision_gives_features(name):
    check_torchvision(name)


# Options


def test_options_take_several_numbers_as_tuples_or_lists():
    from collections.abc import Sequence

    class Part:
        def __init__(
            self,
            *,
            size: int | tuple[int, int] | None = None,
            some: tuple[float, ...] = (),
            stages: int | Sequence[int] = 0,
            last: bool | int = False,
            depth: int = 1,
        ):
            self.size = size

    registry = Registry("part", home="tests_no_such_home", name="PARTS", group="caption_zoo.part")
    registry.register("part")(Part)
    for fine in (
        "size=(1, 2)",
        "size=[1, 2]",
        "size=3",
        "some=(1, 2.5)",
        "some=()",
        "stages=[0, -1]",
        "last=2",
        "last=True",
    ):
        registry.build(f"part({fine})")
    for wrong, wanted in {
        "size=(1, 2, 3)": "a whole number or 2 whole numbers or None",
        "size=(1, 'a')": "a whole number or 2 whole numbers or None",
        "size='ab'": "a whole number or 2 whole numbers or None",
        "some=3": "numbers",
        "stages=(0, True)": "a whole number or whole numbers",
        "depth=True": "a whole number",
        "last='2'": "True or False or a whole number",
    }.items():
        with pytest.raises(RegistryError, match=f"should be {wanted}$"):
            registry.build(f"part({wrong})")


def test_lists_of_a_config_do_as_well():
    part = BACKBONES.build(Spec.parse({"name": "timm/test_resnet", "pretrained": False, "image_size": [96, 160]}))
    assert part.preprocess.size == (96, 160)
