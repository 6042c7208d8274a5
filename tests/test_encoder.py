"""What encodes on a processor: torch, or a graph that ONNX Runtime runs, whichever is right and faster."""

import hashlib
import json
import shutil
import sys
from importlib.metadata import version
from math import inf

import pytest
import torch
from torch import nn

from benchmarks.data import DATASETS
from benchmarks.features import runtime, trial
from benchmarks.features.cache import FeatureCache
from benchmarks.features.runtime import encoding_fast, fast_encoder, runtime_of
from benchmarks.features.weights import add_weights
from zoo.backbones import RANDOM, Backbone, Preprocess
from zoo.backbones.build import build_backbone
from zoo.backbones.onnx import OnnxBackbone, write_backbone
from zoo.captioner import Captioner, Parts
from zoo.registries import BACKBONES
from zoo.types import Features
from zoo.vocabulary import Vocabulary

CPU = torch.device("cpu")
RESNET = "timm/resnet10t(pretrained=False, image_size=64)"


def build(spec=RESNET):
    torch.manual_seed(0)
    backbone = build_backbone(BACKBONES.check(spec)).eval()
    for module in backbone.modules():  # statistics of a trained network, so that folding them shows
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 2)
    return backbone


@pytest.fixture(autouse=True)
def tried(monkeypatch):
    """A graph is made however few images there are and however slow it is."""
    monkeypatch.setattr(runtime, "_MUCH", 0.0)
    monkeypatch.setattr(runtime, "_FEW", 1)
    monkeypatch.setattr(trial, "_FASTER", 0.0)


@pytest.fixture(scope="module")
def graphs(tmp_path_factory):
    """A folder with the graph of RESNET."""
    folder = tmp_path_factory.mktemp("cache") / "graphs"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"_MUCH": 0.0, "_FEW": 1}.items():
            patch.setattr(runtime, name, value)
        patch.setattr(trial, "_FASTER", 0.0)
        assert isinstance(fast_encoder(build(), folder, named="resnet", images=inf), OnnxBackbone)
    return folder


@pytest.fixture
def no_export(monkeypatch):
    def refuse(*_):
        raise AssertionError("a graph is made")

    monkeypatch.setattr(trial, "write_backbone", refuse)


@torch.inference_mode()
def features(backbone, images=5):
    pixels = torch.randint(256, (images, 3, *backbone.preprocess.size), dtype=torch.uint8)
    return pixels, backbone(backbone.preprocess.normalize(pixels))


def trials(folder):
    return [json.loads(file.read_text()) for file in folder.glob("*.json")]


@pytest.mark.parametrize("images", [1, 5])
def test_the_graph_gives_the_same_features(images, graphs, no_export):
    backbone = build()
    fast = fast_encoder(backbone, graphs, named="resnet", images=inf)
    pixels, ours = features(backbone, images)
    theirs = fast(fast.preprocess.normalize(pixels))
    torch.testing.assert_close(theirs.tokens, ours.tokens, rtol=1e-4, atol=1e-5)
    assert (theirs.grid, theirs.mask, fast.feature_dim) == (ours.grid, None, backbone.feature_dim)
    assert runtime_of(fast) == f"onnxruntime {version('onnxruntime')}"
    assert runtime_of(backbone) == f"torch {version('torch')}"


def test_a_transformer_has_its_grid(tmp_path):
    backbone = build("timm/vit_tiny_patch16_224(pretrained=False, image_size=64)")
    fast = fast_encoder(backbone, tmp_path, named="vit", images=inf)
    pixels, ours = features(backbone, 3)
    theirs = fast(fast.preprocess.normalize(pixels))
    assert isinstance(fast, OnnxBackbone)
    torch.testing.assert_close(theirs.tokens, ours.tokens, rtol=1e-3, atol=1e-4)
    assert theirs.grid == ours.grid == (4, 4)


def test_the_cache_of_features_is_made_by_it_and_says_so(tmp_path, graphs, no_export):
    data = DATASETS.build(DATASETS.check("scenes(train=6, validation=2, test=2)"))
    (tmp_path / "fast").mkdir()
    (tmp_path / "fast" / "graphs").symlink_to(graphs)
    backbone, caches = build(), [FeatureCache(tmp_path / name, CPU) for name in ("fast", "slow")]
    fast = caches[0].store(data, backbone, named="resnet", hflip=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runtime, "_FEW", 11)
        slow = caches[1].store(data, backbone, named="resnet", hflip=False)
    ids = [example.image_id for example in data.train]
    torch.testing.assert_close(fast.batch(ids), slow.batch(ids), rtol=1e-2, atol=1e-3)  # as float16 rounds
    assert (fast.runtime, slow.runtime) == (f"onnxruntime {version('onnxruntime')}", f"torch {version('torch')}")
    assert isinstance(caches[0].encoder(fast, backbone, named="resnet"), OnnxBackbone)
    assert caches[1].encoder(slow, backbone, named="resnet") is backbone
    again = FeatureCache(tmp_path / "fast", CPU).store(data, backbone, named="resnet", hflip=False)
    assert again.runtime == fast.runtime


def test_other_weights_have_another_graph(graphs, monkeypatch):
    made = []
    monkeypatch.setattr(trial, "write_backbone", lambda *arguments: made.append(arguments) or _fail())
    other = build()
    next(other.parameters()).data.add_(1)
    for backbone, name in ((build(), "resnet"), (other, "resnet"), (build(), "another")):
        fast_encoder(backbone, graphs, named=name, images=inf)
    assert len(made) == 2


def _fail():
    raise ValueError("not here")


def test_a_damaged_graph_is_made_again(graphs, monkeypatch):
    made, write = [], trial.write_backbone
    monkeypatch.setattr(trial, "write_backbone", lambda *arguments: made.append(1) or write(*arguments))
    (graph,) = graphs.glob("*.onnx")
    graph.write_bytes(graph.read_bytes()[:-100])
    for _ in range(2):
        assert isinstance(fast_encoder(build(), graphs, named="resnet", images=inf), OnnxBackbone)
    assert made == [1]


@pytest.fixture
def copied(graphs, monkeypatch):
    """The graph of RESNET is what any backbone gets."""
    (graph,) = graphs.glob("*.onnx")
    monkeypatch.setattr(trial, "write_backbone", lambda backbone, images, file: shutil.copy(graph, file))


def test_another_answer_is_not_taken(tmp_path, copied):
    backbone = build()
    nn.init.normal_(next(backbone.parameters()))
    assert fast_encoder(backbone, tmp_path, named="resnet", images=inf) is backbone
    assert "features deviate by" in trials(tmp_path)[0]["unfit"]
    assert list(tmp_path.glob("*.onnx")) == []


def test_what_is_not_faster_is_not_taken(tmp_path, monkeypatch, copied):
    monkeypatch.setattr(trial, "_FASTER", inf)
    backbone = build()
    assert fast_encoder(backbone, tmp_path, named="resnet", images=inf) is backbone
    assert trials(tmp_path)[0]["unfit"].endswith("times as fast as torch")
    assert [file.name for file in tmp_path.iterdir() if file.suffix not in (".json", ".lock")] == []


class Moody(Backbone):
    """One whose way depends on what it sees, which no tracer follows."""

    feature_dim, trainable = 4, False
    preprocess = Preprocess((64, 64))

    def __init__(self, masked=False):
        super().__init__()
        self.layer, self.masked = nn.Conv2d(3, 4, 32, 32), masked

    def load_pretrained(self):
        return RANDOM

    def forward(self, images):
        maps = self.layer(images) if self.masked or float(images.sum()) > 0 else -self.layer(images)
        tokens = maps.flatten(2).mT
        return Features(tokens, (2, 2), torch.ones(tokens.shape[:2], dtype=torch.bool) if self.masked else None)


@pytest.mark.parametrize(("masked", "why"), [(False, "cannot be made of these parts"), (True, "a mask")])
def test_what_cannot_be_traced_is_tried_once(masked, why, tmp_path, monkeypatch):
    backbone = Moody(masked).eval()
    assert fast_encoder(backbone, tmp_path, named="moody", images=inf) is backbone
    assert why in trials(tmp_path)[0]["unfit"]
    monkeypatch.setattr(runtime, "try_graph", None)
    assert fast_encoder(backbone, tmp_path, named="moody", images=inf) is backbone


def test_few_images_need_no_graph(tmp_path, monkeypatch, no_export):
    backbone = build()
    monkeypatch.setattr(runtime, "_FEW", 64)
    assert fast_encoder(backbone, tmp_path, named="resnet", images=63) is backbone
    monkeypatch.setattr(runtime, "_MUCH", 2e12)
    assert fast_encoder(backbone, tmp_path, named="resnet", images=64) is backbone
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("module", ["onnxruntime", "onnxscript"])
def test_without_the_libraries_torch_encodes(module, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    backbone = build()
    assert fast_encoder(backbone, tmp_path, named="resnet", images=inf) is backbone


def test_a_kept_graph_without_its_library_is_not_used(graphs, monkeypatch, no_export):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    backbone = build()
    assert fast_encoder(backbone, graphs, named="resnet", images=inf) is backbone


@pytest.mark.parametrize("content", [b"", b"no graph", b"\x08\x08"])
def test_what_the_runtime_cannot_read_is_tried_once(content, tmp_path, monkeypatch):
    monkeypatch.setattr(trial, "write_backbone", lambda backbone, images, file: file.write_bytes(content))
    backbone = build()
    assert fast_encoder(backbone, tmp_path, named="resnet", images=inf) is backbone
    assert trials(tmp_path)[0]["unfit"]


@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), MemoryError()])
def test_a_passing_fault_is_not_remembered(fault, tmp_path, monkeypatch, graphs):
    def fail(*_):
        raise fault

    monkeypatch.setattr(trial, "write_backbone", fail)
    backbone = build()
    assert fast_encoder(backbone, tmp_path, named="resnet", images=inf) is backbone
    assert trials(tmp_path) == []


def test_a_full_disk_is_none_of_the_graph_s_faults(tmp_path):
    with pytest.raises(OSError, match="absent"):
        write_backbone(build(), torch.rand(2, 3, 64, 64), tmp_path / "absent" / "graph.onnx")


def test_weights_in_bfloat16_have_a_name():
    digest = hashlib.sha256()
    add_weights(digest, build().to(torch.bfloat16))
    assert digest.hexdigest()


def test_where_no_file_can_be_written_torch_encodes(tmp_path):
    (tmp_path / "graphs").write_text("a file in the way")
    backbone = build()
    assert fast_encoder(backbone, tmp_path / "graphs", named="resnet", images=inf) is backbone


def test_a_captioner_says_the_same_with_it(tmp_path, monkeypatch):
    from PIL import Image

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    parts = Parts.parse(RESNET, "bahdanau(hidden_dim=8)", "lstm(dim=8)")
    captioner = Captioner.build(parts, Vocabulary.of(["a red cube on a blue one"], min_count=1), build()).eval()
    pictures = [Image.effect_mandelbrot((80, 60), (-2, -1, 1, 1 + step), 50).convert("RGB") for step in range(3)]
    before, backbone = captioner.caption(pictures), captioner.backbone
    with encoding_fast(captioner, inf):
        assert isinstance(captioner.backbone, OnnxBackbone)
        assert captioner.caption(pictures) == before
        assert captioner.explain(pictures[0]).caption == before[0]
    assert captioner.backbone is backbone  # which can be saved
    assert list((tmp_path / "caption-zoo" / "graphs").glob("*.onnx"))
