"""One update of the weights: the same however the batch is cut, and none where a number is not finite."""

from dataclasses import replace

import pytest
import torch
from torch.nn.utils.rnn import pad_sequence

from benchmarks.config import Training
from benchmarks.training.batches import Batch
from benchmarks.training.curve import refuse_divergence
from benchmarks.training.objectives import Loss
from benchmarks.training.step import TrainStep
from zoo.captioner import Captioner
from zoo.parts import Parts
from zoo.registries import DECODERS
from zoo.vocabulary import PAD, SPECIAL, Vocabulary

IMAGES, CAPTIONS, PLACES, WIDTH = 7, 2, 9, 12
VOCABULARY = Vocabulary([*SPECIAL, *(f"w{number}" for number in range(20))])
REFERENCES = {image: (f"w{image} w1 w2", f"w3 w{image}") for image in range(IMAGES)}


RESNET = "timm/test_resnet(pretrained=False, trainable=True, image_size=64)"


def model(decoder="lstm", attention="bahdanau", backbone=f"patches(dim={WIDTH}, trainable=False)"):
    options = "dim=16, dropout=0.0" + (", num_layers=2, num_heads=2" if decoder == "transformer" else "")
    torch.manual_seed(0)
    return Captioner.build(Parts.parse(backbone, attention, f"{decoder}({options})"), VOCABULARY).train()


def pixels(images=IMAGES, seed=1):
    rows = torch.randint(256, (images, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))
    return replace(batch(images, seed), rows=rows, grid=None)


def batch(images=IMAGES, seed=1):
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(2, 8, (images * CAPTIONS,), generator=generator).tolist()
    captions = [torch.tensor([1, *torch.randint(4, 24, (n,), generator=generator).tolist(), 2]) for n in lengths]
    padded = pad_sequence(captions, batch_first=True, padding_value=PAD).view(images, CAPTIONS, -1)
    return Batch.of(range(images), padded, rows=torch.randn(images, PLACES, WIDTH, generator=generator), grid=(3, 3))


def trained(step, steps=20):
    for number in range(steps):
        step(batch(seed=number))
    return torch.cat([parameter.detach().flatten() for parameter in step.parameters])


def largest_difference(one, other):
    """Of any parameter, relative; without keys' biases, whose gradient is 0 but for rounding, which Adam makes large."""
    differences = {}
    for (name, mine), theirs in zip(one.named_parameters(), other.parameters(), strict=True):
        if name.endswith("query_key_value.bias"):
            mine, theirs = (torch.cat([part.chunk(3)[0], part.chunk(3)[2]]) for part in (mine, theirs))
        differences[name] = distance(mine.detach(), theirs.detach())
    return max(differences.values())


def distance(one, other):
    return ((one - other).norm() / other.norm()).item()


@pytest.mark.parametrize("attention", ["bahdanau(hidden_dim=8)", "luong"])
@pytest.mark.parametrize("decoder", sorted(DECODERS))
def test_a_step_in_parts_ends_with_the_same_weights(decoder, attention):
    settings = Training(learning_rate=1e-3)
    whole = TrainStep.of(model(decoder, attention), settings, {})
    parts = TrainStep.of(model(decoder, attention), settings, {}, micro_batch=3)
    for step in (whole, parts):
        trained(step)
    assert largest_difference(parts.objective, whole.objective) < 2e-6  # 1.1e-6 with torch 2.15


def test_auxiliary_losses_and_what_they_learn_from_a_batch_do_not_mind_parts():
    settings, found = Training(learning_rate=1e-3), []
    for micro_batch in (0, 2):
        captioner = model("lstm", "hard(score='luong', soft=1.0, entropy=0.1)")
        weights = trained(TrainStep.of(captioner, settings, {}, micro_batch=micro_batch), steps=5)
        found.append((weights, captioner.decoder.attention.baseline))
    assert distance(found[1][0], found[0][0]) < 1e-5
    torch.testing.assert_close(found[1][1], found[0][1])
    assert found[0][1] != 0


def test_a_mean_over_each_part_would_be_another_gradient():
    """The mistake that parts invite, planted: it is far from what the whole batch gives."""
    settings = Training(learning_rate=1e-3)
    step = TrainStep.of(model(), settings, {}, micro_batch=3)
    objective = step.objective.forward
    step.objective.forward = lambda part: scaled(objective(part), part.words / len(part.word_index) / 3)
    assert distance(trained(step), trained(TrainStep.of(model(), settings, {}))) > 1e-3


def scaled(loss, factor):
    return Loss(loss.total * factor, loss.words, loss.reported)


class Full:
    """An objective on a device that holds so many images."""

    def __init__(self, step, images):
        self.forward, self.images, self.calls = step.objective.forward, images, []
        step.objective.forward = self

    def __call__(self, part):
        self.calls.append(len(part))
        if len(part) > self.images:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return self.forward(part)


def test_where_memory_runs_out_the_parts_are_halved_and_nothing_else_changes(capsys):
    settings, attention = Training(learning_rate=1e-3), "hard(score='luong', soft=1.0)"
    step = TrainStep.of(model(attention=attention), settings, {})
    full = Full(step, 2)
    weights = trained(step, steps=3)
    assert step.micro_batch == 2
    assert full.calls == [7, 4, *[2, 2, 2, 1] * 3]
    assert capsys.readouterr().out.count("out of memory") == 2
    same = TrainStep.of(model(attention=attention), settings, {}, micro_batch=2)
    assert torch.equal(weights, trained(same, steps=3))


def test_where_one_image_is_too_much_the_reason_says_so():
    step = TrainStep.of(model(), Training(), {})
    Full(step, 0)
    with pytest.raises(torch.OutOfMemoryError, match="does not hold a step with one image: lower captions_per_image"):
        step(batch())


def test_a_step_that_is_done_again_counts_statistics_once():
    step, same = (TrainStep.of(model(backbone=RESNET), Training(), {}) for _ in range(2))
    Full(step, 4)
    step(pixels())
    same.micro_batch = 4
    same(pixels())
    for one, other in zip(step.objective.state_dict().values(), same.objective.state_dict().values(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_a_step_that_is_not_finite_changes_nothing(what):
    step = TrainStep.of(model(backbone=RESNET), Training(), {})
    step(pixels())
    before = {name: value.clone() for name, value in step.objective.state_dict().items()}
    forward = step.objective.forward

    def broken(part):
        loss = forward(part)
        return loss._replace(total=loss.total * torch.inf if what == "loss" else gradient_of_nan(loss.total))

    step.objective.forward = broken
    figures = dict(zip(step.reports, step(pixels()).tolist(), strict=True))
    assert figures["finite"] == 0
    after = step.objective.state_dict()  # with BatchNorm's statistics
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    step.objective.forward = forward
    assert dict(zip(step.reports, step(pixels()).tolist(), strict=True))["finite"] == 1


def gradient_of_nan(loss):
    return _Spoilt.apply(loss)


class _Spoilt(torch.autograd.Function):
    @staticmethod
    def forward(ctx, loss):
        return loss.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient * float("nan")


def test_only_runs_of_skipped_steps_that_are_too_long_end_training():
    def steps(*finite):
        return [torch.tensor([1.0, each]) for each in finite]

    refuse_divergence(steps(1, 0, 0, 1, 0, 0, 1), 1, 2)
    for found in ((1, 0, 0, 0, 1, 1), (0, 0, 0), (1, 0, 0, 0)):
        with pytest.raises(FloatingPointError, match="in epoch 3, 3 times in a row: lower learning_rate"):
            refuse_divergence(steps(*found), 3, 2)


@pytest.mark.parametrize("objective", ["cross_entropy(scheduled_sampling=1.0)", "self_critical(samples=2)"])
def test_in_bfloat16_every_parameter_gets_a_gradient(objective):
    """Also after words were sampled in the same autocast, whose cache holds weights without gradients."""
    settings = Training(precision="bfloat16", objective=objective, max_words=4)
    step = TrainStep.of(model(), settings, REFERENCES)
    step(replace(batch(), progress=1.0))
    decoder = step.objective.captioner.decoder
    assert [name for name, each in decoder.named_parameters() if each.grad is None or not each.grad.any()] == []


def test_an_optimizer_goes_on_on_another_kind_of_device():
    """Its state is of a processor, where it is not fused; a GPU's is."""
    step, other = (TrainStep.of(model(), Training(), {}) for _ in range(2))
    step(batch())
    for group in (other.optimizer.defaults, *other.optimizer.param_groups):
        group["fused"] = True
    other.load_optimizer(step.optimizer.state_dict())
    other(batch())
    assert all(group["fused"] for group in other.optimizer.param_groups)


def test_the_words_and_the_norm_are_told():
    step = TrainStep.of(model(), Training(max_grad_norm=1e-9), {})
    some = batch()
    figures = dict(zip(step.reports, step(some).tolist(), strict=True))
    assert set(figures) == {"loss", "grad_norm", "words", "finite"}
    assert figures["words"] == some.words == int((some.captions[..., 1:] != PAD).sum())
    assert figures["grad_norm"] > 1e-3
    assert torch.nn.utils.get_total_norm([p.grad for p in step.parameters if p.grad is not None]) < 2e-9
