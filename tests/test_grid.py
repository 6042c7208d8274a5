"""Every attention with every decoder: it learns, captions and comes back from its files; or it is refused, and why."""

from functools import cache

import pytest
import torch
from test_train import cell
from torch.nn.utils.rnn import pad_sequence

from benchmarks.config import Training
from benchmarks.data.scenes import Scenes
from benchmarks.plan.compatibility import feature_shape, incompatibility
from benchmarks.training.batches import Batch
from benchmarks.training.step import TrainStep
from registry import Spec
from zoo import checkpoint
from zoo.attention import ScoreAttention
from zoo.backbones import RANDOM
from zoo.backbones.patches import Patches
from zoo.captioner import Captioner
from zoo.parts import Parts
from zoo.registries import ATTENTIONS, BACKBONES, DECODERS
from zoo.vocabulary import PAD, Vocabulary

SETTINGS = Training(learning_rate=3e-3, label_smoothing=0.0, warmup_steps=0)
SMALL = {"transformer": "transformer(dim=32, num_layers=2)"}


def problem(cell):
    try:
        shape = cached_shape(cell.backbone)
    except ValueError as error:
        return str(error)
    return incompatibility(shape, cell.attention, cell.decoder)


cached_shape = cache(feature_shape)


def refused(attention, decoder):
    """What the papers leave no room for: a sentinel needs scores to compete with, and a draw one look per word."""
    if decoder == "adaptive" and not issubclass(ATTENTIONS[attention], ScoreAttention):
        return "has no scores to use"
    if decoder == "transformer" and ATTENTIONS[attention].samples:
        return "learns from one attention per word"
    return None


@pytest.fixture(scope="module")
def batch():
    """Pixels, captions and pictures of six drawn scenes, and their words."""
    data = Scenes(train=6, validation=1, test=1)
    vocabulary = Vocabulary.of((caption for example in data.train for caption in example.captions), min_count=1)
    numbers = [
        [vocabulary.encode(caption, max_length=12) for caption in example.captions[:2]] for example in data.train
    ]
    captions = pad_sequence([torch.tensor(caption) for both in numbers for caption in both], True, PAD).view(
        len(numbers), 2, -1
    )
    return [data.load(example) for example in data.train], captions, vocabulary


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("attention", ATTENTIONS)
def test_any_attention_goes_with_any_decoder_or_is_refused(attention, decoder, batch, tmp_path):
    spelt = SMALL.get(decoder, f"{decoder}(dim=32)")
    why = problem(cell(attention=Spec.parse(attention), decoder=Spec.parse(spelt)))
    if reason := refused(attention, decoder):
        assert reason in why
        return
    assert why is None
    pictures, captions, vocabulary = batch
    torch.manual_seed(0)
    model = Captioner.build(Parts.parse("patches(dim=32)", attention, spelt), vocabulary).train()
    rows = torch.stack([model.backbone.preprocess.to_tensor(picture) for picture in pictures])
    step, batch = TrainStep.of(model, SETTINGS, {}), Batch.of(range(len(rows)), captions, rows=rows)
    losses = [step(batch)[0].item() for _ in range(12)]
    assert sum(losses[-3:]) < 0.95 * sum(losses[:3]), losses
    model.eval()
    said = model.caption(pictures, num_beams=2, max_length=10)
    assert len(said) == len(pictures)
    checkpoint.save(model, tmp_path, weights=RANDOM)
    assert checkpoint.load(tmp_path).caption(pictures, num_beams=2, max_length=10) == said


@pytest.mark.parametrize("attention", ["local", "area"])
def test_what_needs_a_grid_is_refused_where_there_is_none(attention, monkeypatch):
    class Listed(Patches):
        def forward(self, images):
            return super().forward(images)._replace(grid=None)

    monkeypatch.setitem(BACKBONES._factories, "listed", Listed)
    assert "lie on no grid" in problem(cell(backbone=Spec("listed"), attention=Spec(attention)))


def test_a_backbone_that_looks_at_values_is_tried_for_real(monkeypatch):
    class Looking(Patches):
        def forward(self, images):
            return super().forward(images if images.sum().item() < 1 else images + 1)

    monkeypatch.setitem(BACKBONES._factories, "looking", Looking)
    assert problem(cell(backbone=Spec("looking"), attention=Spec("local"))) is None


def test_what_does_not_fit_is_refused_in_one_line():
    why = problem(cell(attention=Spec.parse("multihead(num_heads=5)"), decoder=Spec.parse("lstm(dim=32)")))
    assert why == "multihead(num_heads=5) does not divide the query's 32 channels"
