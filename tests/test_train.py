"""Training learns, repeats itself, keeps the best epoch, and treats padding and batches rightly."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from benchmarks.config import Decoding, Training
from benchmarks.data.scenes import Scenes
from benchmarks.evaluation.decode import attention_maps, decode
from benchmarks.features.cache import FeatureCache
from benchmarks.plan.cell import Cell
from benchmarks.training.batches import Batch, iter_batches, tokenize
from benchmarks.training.ema import EMA
from benchmarks.training.optim import lr_factor
from benchmarks.training.step import TrainStep
from benchmarks.training.trainer import Trainer
from registry import Spec
from zoo.captioner import Captioner
from zoo.parts import Parts
from zoo.vocabulary import PAD, START, Vocabulary

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def data():
    return Scenes(train=24, validation=4, test=4)


def build(
    data, attention="bahdanau(hidden_dim=16)", decoder="lstm(dim=48, dropout=0.0)", backbone="patches(dim=32, patch=8)"
):
    torch.manual_seed(0)
    vocabulary = Vocabulary.of((caption for example in data.train for caption in example.captions), min_count=1)
    return Captioner.build(Parts.parse(backbone, attention, decoder), vocabulary)


def stored(data, model, tmp_path):
    return FeatureCache(tmp_path, CPU).store(data, model.backbone, named="", hflip=True)


def test_what_is_frozen_is_not_averaged(data):
    model = build(data, backbone="timm/test_resnet(pretrained=False, trainable=1)")
    average = EMA(model, 0.5)
    assert len(average.values) == sum(parameter.requires_grad for parameter in model.parameters())
    assert len(average.values) < len(list(model.parameters()))


@pytest.mark.parametrize("decoder", ["lstm(dim=64, dropout=0.0)", "lstm(dim=64, dropout=0.0, attend='after')"])
def test_a_few_images_are_learnt_by_heart(data, tmp_path, decoder):
    model = build(data, decoder=decoder)
    settings = Training(
        epochs=60,
        decay_epochs=0,
        batch_size=8,
        captions_per_image=1,
        warmup_steps=0,
        label_smoothing=0.0,
        ema_decay=0,
        learning_rate=1e-2,
    )
    few = [type(example)(example.image_id, example.captions[:1]) for example in data.train[:8]]
    store = stored(data, model, tmp_path)
    Trainer(model, few, store, settings, seed=0, validate_fn=lambda model: 0.0).run()
    said = decode(model, [example.image_id for example in few], [store], Decoding(num_beams=1, max_length=30))
    right = sum(
        model.vocabulary.encode(example.captions[0], max_length=30)[1:-1]
        == model.vocabulary.token_ids(said[example.image_id])[1:]
        for example in few
    )
    assert right >= 7


def test_the_best_epoch_is_kept(data, tmp_path):
    model, kept = build(data), []
    marks = iter([0.1, 0.9, 0.3])

    def validate_fn(model):
        kept.append(model.decoder.bias.detach().clone())
        return next(marks)

    outcome = Trainer(
        model, data.train, stored(data, model, tmp_path), Training(epochs=3), seed=0, validate_fn=validate_fn
    ).run()
    assert outcome.best_epoch == 2
    assert [entry["validation"] for entry in outcome.curve] == [0.1, 0.9, 0.3]
    assert torch.equal(model.decoder.bias, kept[1])
    assert not torch.equal(kept[1], kept[2])


def test_padding_is_not_learnt_from(data, tmp_path):
    rows, gradients = None, []
    for extra in (0, 5):
        model = build(data)
        store = stored(data, model, tmp_path)
        numbers = [model.vocabulary.encode(example.captions[0], max_length=20) for example in data.train[:4]]
        captions = pad_sequence([torch.tensor(caption) for caption in numbers], batch_first=True, padding_value=PAD)
        captions = F.pad(captions, (0, extra), value=PAD)[:, None]
        rows = store.batch([example.image_id for example in data.train[:4]])
        settings = Training(max_grad_norm=0)
        TrainStep.of(model, settings, {})(Batch.of(range(4), captions, rows=rows, grid=store.grid))
        gradients.append([parameter.grad for parameter in model.parameters()])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def drawn(model, data, store, **settings):
    """Rows and captions of an epoch, batch by batch."""
    settings = Training(**settings)
    told = tokenize(model.vocabulary, data.train, settings)
    batches = iter_batches(told, settings, np.random.default_rng(3), views=store.views)
    return [(store.batch(batch.images, batch.views), batch.captions) for batch in batches]


def test_each_epoch_sees_every_image_once_with_its_captions(data, tmp_path):
    model = build(data)
    batches = drawn(model, data, stored(data, model, tmp_path), batch_size=7, captions_per_image=3)
    assert [len(rows) for rows, _ in batches] == [7, 7, 7, 3]
    assert all(captions.shape[:2] == (len(rows), 3) for rows, captions in batches)
    assert len({rows[place].numpy().tobytes() for rows, _ in batches for place in range(len(rows))}) == 24
    told = tokenize(model.vocabulary, data.train, Training())
    known = {tuple(caption) for _, captions in told for caption in captions}
    said = {
        tuple(word for word in caption.tolist() if word != PAD)
        for _, captions in batches
        for caption in captions.flatten(0, 1)
    }
    assert said <= known
    assert len(said) == 24 * 3


def test_buckets_put_captions_of_one_length_together_and_lose_no_image(data, tmp_path):
    model = build(data)
    store = stored(data, model, tmp_path)
    plain, bucketed = (
        drawn(model, data, store, batch_size=4, captions_per_image=2, bucket_batches=count) for count in (1, 6)
    )
    for batches in (plain, bucketed):
        assert len({row.numpy().tobytes() for rows, _ in batches for row in rows}) == len(data.train)
        assert [len(rows) for rows, _ in batches] == [4] * 6
    padding = [sum(int((captions == PAD).sum()) for _, captions in batches) for batches in (plain, bucketed)]
    assert padding[1] < padding[0]
    widths = [captions.shape[2] for _, captions in bucketed]
    assert widths != sorted(widths), "short ones always first"


def test_settings_that_came_later_leave_the_ids_of_earlier_runs_alone():
    assert cell().id == cell(training=Training(bucket_batches=1, compile=False)).id
    assert cell().id != cell(training=Training(bucket_batches=8)).id
    assert "compile" not in cell().request["training"]


def test_the_average_is_the_average(data):
    model = build(data)
    parameter, average = model.decoder.bias, EMA(model.decoder, 0.5)
    start = parameter.detach().clone()
    for value in (1.0, 2.0):
        parameter.data.fill_(value)
        average.update()
    with average.in_place():
        first, second = 2 / 11, 3 / 12  # the start counts for less: (1 + t) / (10 + t)
        torch.testing.assert_close(parameter.data, second * (first * start + (1 - first) * 1) + (1 - second) * 2)
    assert (parameter == 2).all()


def test_the_rate_rises_and_falls_in_lines():
    settings = Training(warmup_steps=4, epochs=2, decay_epochs=10)
    assert [lr_factor(number, 2, settings) for number in (0, 3, 10, 19, 20)] == pytest.approx(
        [0.25, 17 / 20, 0.5, 1 / 20, 0]
    )
    assert lr_factor(1000, 2, Training(warmup_steps=0, decay_epochs=0)) == 1


def test_a_loss_that_is_no_number_stops_the_cell(data, tmp_path):
    model = build(data)
    model.decoder.bias.data.fill_(float("nan"))
    with pytest.raises(FloatingPointError, match="lower learning_rate"):
        Trainer(
            model, data.train, stored(data, model, tmp_path), Training(epochs=1), seed=0, validate_fn=lambda model: 0.0
        ).run()


def test_maps_stand_behind_their_words(data, tmp_path):
    model = build(data).eval()
    store, example = stored(data, model, tmp_path), data.test[0]
    words = model.vocabulary.decode(model.vocabulary.encode(data.train[0].captions[0], max_length=30))
    seen = attention_maps(model, {example.image_id: words}, [store])[example.image_id]
    assert seen.words == tuple(words)
    assert seen.maps.shape == (len(words), 8, 8)
    np.testing.assert_allclose(seen.maps.sum((1, 2)), 1, rtol=1e-5)
    tokens = torch.tensor([[[START, *model.vocabulary.token_ids(words)[1:3]]]])
    pixels = model.backbone.preprocess.normalize(store.batch([example.image_id]))
    with torch.inference_mode():
        weights = model.teacher_force(model.encode(pixels), tokens, need_weights=True).weights
    np.testing.assert_allclose(seen.maps[2].ravel(), weights[0, 0, 2], rtol=1e-4, atol=1e-6)


def cell(**changes):
    base = {
        "experiment": "x",
        "located_dataset": Spec("coco", None, {"root": "a"}),
        "dataset": Spec("coco"),
        "fingerprint": "f",
        "split": "test",
        "synthetic": False,
        "backbone": Spec("patches"),
    }
    base |= {
        "attention": Spec("mean"),
        "decoder": Spec("lstm"),
        "seed": 0,
        "metrics": (Spec("cider"),),
        "training": Training(),
        "decoding": Decoding(),
    }
    return Cell(**{**base, **changes})


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"fingerprint": "g"},
        {"attention": Spec("luong")},
        {"training": Training(epochs=2)},
        {"decoding": Decoding(num_beams=2)},
        {"sources": {"attention": "abc"}},
        {"metrics": (Spec("bleu"),)},
    ],
)
def test_another_request_is_another_id(change):
    assert cell(**change).id != cell().id


@pytest.mark.parametrize(
    "change",
    [{"experiment": "y"}, {"located_dataset": Spec("coco", None, {"root": "b"})}, {"origins": {"attention": "x"}}],
)
def test_what_does_not_decide_the_outcome_is_not_in_the_id(change):
    assert cell(**change).id == cell().id
