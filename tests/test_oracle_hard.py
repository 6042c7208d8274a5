"""What training adds to the loss of the words, against exact sums over all that could have been drawn."""

from itertools import islice, product

import pytest
import torch
from oracles import agreement, dtypes, shaken  # noqa: F401 -- fixtures
from torch import nn
from torch.nn import functional as F

from benchmarks.config import Training
from benchmarks.training.batches import Batch
from benchmarks.training.objectives import cross_entropy
from zoo.captioner import Captioner
from zoo.decoders.lstm import LSTM
from zoo.losses import DoublyStochastic, TrainingOutput, auxiliary_losses
from zoo.types import AttentionOutput, Features
from zoo.vocabulary import PAD

V, D, E, N, T = 6, 3, 4, 3, 2
HARD = "hard(score='bahdanau(hidden_dim=3)', soft=0.0, entropy=0.0, reinforce=1.0)"
SETTINGS = Training(max_grad_norm=0, label_smoothing=0.0)
CAPTIONS = torch.tensor([[[1, 4, 5], [1, 5, PAD]]])  # the second has one word to learn


class Model(nn.Module):
    """As much of a captioner as training needs."""

    backbone = None
    teacher_force = Captioner.teacher_force

    def __init__(self, decoder):
        super().__init__()
        self.decoder = decoder


def model(dtype=torch.float32, attention=HARD, **options):
    torch.manual_seed(0)
    decoder = LSTM(V, D, attention, dim=E, dropout=0.0, positions="none", **options)
    return Model(shaken(decoder, dtype)).train()


def slopes(captioner, features, monkeypatch):
    """The gradients that one step of training takes, of every parameter."""
    monkeypatch.setattr(cross_entropy, "compute_features", lambda backbone, rows, grid: features)
    captioner.zero_grad()
    loss = cross_entropy.CrossEntropy(captioner, SETTINGS, {})(Batch.of([0], CAPTIONS, rows=features.tokens))
    (loss.total / loss.words).backward()
    return loss.reported["loss"].total, [
        torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in captioner.parameters()
    ]


def composed(captioner, features):
    """The same, in any dtype, where a step computes its loss in float32."""
    output = captioner.teacher_force(features, CAPTIONS[..., :-1], need_weights=True)
    targets = CAPTIONS[..., 1:]
    said = targets != PAD
    index = said.flatten().nonzero()[:, 0]
    logits = captioner.decoder.logits(output.hidden[said])
    each = -F.cross_entropy(logits, targets[said], reduction="none")
    terms = [
        term.auxiliary_loss(TrainingOutput.of(output, said, index, each.detach()))
        for term in auxiliary_losses(captioner.decoder)
    ]
    loss = -each.mean() + sum(terms) / said.sum()
    grads = torch.autograd.grad(loss, list(captioner.parameters()), allow_unused=True)
    found = zip(captioner.parameters(), grads, strict=True)
    return -each.detach().mean(), [torch.zeros_like(p) if grad is None else grad for p, grad in found]


class Forced(nn.Module):
    """Reads the places that it is told, by their number: nothing of ours but the scores is in it."""

    def __init__(self, scorer, places):
        super().__init__()
        self.scorer, self.places, self.precompute = scorer, iter(places), scorer.precompute

    def forward(self, query, memory, *, need_weights):
        share = self.scorer.score(query, memory.keys).softmax(-1)
        context = torch.stack([row[place] for row, place in zip(memory.values, next(self.places), strict=True)])
        return AttentionOutput(context, share)


def draws(captioner, features):
    """Every way to draw a place for each word of each caption, with its probability; the drawing is set to it."""
    hard = captioner.decoder.attention
    targets = CAPTIONS[..., 1:]
    captions, words = targets.shape[1:]
    said = targets != PAD
    for places in product(range(N), repeat=captions * words):
        drawn = torch.tensor(places).view(1, captions, words)
        captioner.decoder.attention = Forced(hard.scorer, drawn.unbind(-1))
        output = captioner.teacher_force(features, CAPTIONS[..., :-1], need_weights=True)
        captioner.decoder.attention = hard
        of_each = output.weights.gather(-1, drawn[..., None]).squeeze(-1)
        scores = captioner.decoder.logits(output.hidden).log_softmax(-1)
        likely = (scores.gather(-1, targets[..., None]).squeeze(-1) * said).sum(-1)
        queue = list(drawn.unbind(-1))
        hard.sample = lambda share, queue=queue: queue.pop(0)
        yield of_each.flatten(1).prod(-1), likely


@pytest.mark.parametrize("baseline", [0.0, -3.0])
def test_reinforce_is_on_average_the_gradient_of_what_is_expected(agree, dtype, baseline, monkeypatch):
    captioner = model(dtype)
    features = Features(torch.randn(1, N, D, dtype=dtype))
    ways = [lambda: composed(captioner, features)]
    if dtype == torch.float32:
        ways.append(lambda: slopes(captioner, features, monkeypatch))
    for way in ways:
        average, expected = None, 0
        for chance, likely in draws(captioner, features):
            captioner.decoder.attention.baseline.fill_(baseline)
            found = [chance.item() * grad for grad in way()[1]]
            average = found if average is None else [a + b for a, b in zip(average, found, strict=True)]
            expected = expected - (chance * likely.sum()).sum() / 3  # words
        parameters = list(captioner.parameters())
        exact = torch.autograd.grad(expected, parameters, allow_unused=True)
        exact = [torch.zeros_like(p) if grad is None else grad for p, grad in zip(parameters, exact, strict=True)]
        ours, theirs = (torch.cat([part.flatten() for part in parts]) for parts in (average, exact))
        agree("hard(REINFORCE)", "enumeration of all draws", *pair(ours, theirs))


def pair(ours, theirs):
    """Gradients as values: they have no slopes of their own to compare."""
    leaf = torch.zeros((), dtype=ours.dtype, requires_grad=True)
    return ours + leaf, theirs + leaf, [leaf]


def test_the_chances_of_all_draws_sum_to_1(dtype):
    captioner = model(dtype)
    features = Features(torch.randn(1, N, D, dtype=dtype))
    total = sum(chance.detach() for chance, _ in draws(captioner, features))
    torch.testing.assert_close(total, torch.ones(1, dtype=dtype))


def test_what_is_drawn_for_padding_counts_for_nothing(dtype):
    captioner = model(dtype)
    features, found = Features(torch.randn(1, N, D, dtype=dtype)), []
    for _ in islice(draws(captioner, features), N):  # these differ in the last word's place alone
        captioner.decoder.attention.baseline.zero_()
        found.append(composed(captioner, features)[1])
    for one, *others in zip(*found, strict=True):
        for other in others:
            torch.testing.assert_close(other, one)


def test_the_baseline_follows_the_likelihood(dtype):
    captioner = model(dtype)
    features = Features(torch.randn(1, N, D, dtype=dtype))
    b = 0.0
    for _ in range(3):
        _, likely = next(draws(captioner, features))
        composed(captioner, features)
        (hard,) = auxiliary_losses(captioner.decoder)
        hard.update()
        assert hard.statistics()[0].tolist() == [0, 0]
        b = 0.9 * b + 0.1 * likely.mean().item()
        assert captioner.decoder.attention.baseline.item() == pytest.approx(b, rel=1e-5)


# The doubly stochastic penalty, in a step of training


def test_the_penalty_of_weight_0_changes_nothing(monkeypatch):
    features = Features(torch.randn(1, N, D))
    plain, weighed = (model(attention="bahdanau(hidden_dim=3)", doubly_stochastic=weight) for weight in (0.0, 1.0))
    weighed.decoder.penalty.weight = 0.0
    assert plain.decoder.penalty is None
    (loss, one), (other_loss, other) = (slopes(each, features, monkeypatch) for each in (plain, weighed))
    assert torch.equal(loss, other_loss)
    for mine, theirs in zip(one, other, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-7, rtol=1e-6)


def test_a_step_adds_the_penalty_over_the_number_of_words(agree, monkeypatch):
    features, weight = Features(torch.randn(1, N, D)), 0.8
    plain, weighed = (model(attention="bahdanau(hidden_dim=3)", doubly_stochastic=w) for w in (0.0, weight))
    (loss, one), (other_loss, other) = (slopes(each, features, monkeypatch) for each in (plain, weighed))
    weights = plain.teacher_force(features, CAPTIONS[..., :-1], need_weights=True).weights
    first, second = weights[0, 0].sum(dim=0), weights[0, 1, 0]  # two words, and one
    penalty = weight * ((1 - first).square().sum() + (1 - second).square().sum()) / 3
    exact = torch.autograd.grad(penalty, list(plain.parameters()), allow_unused=True)
    zero = [torch.zeros_like(p) if grad is None else grad for p, grad in zip(plain.parameters(), exact, strict=True)]
    assert torch.equal(loss, other_loss)  # of the words alone
    ours, theirs = (
        torch.cat([part.flatten() for part in parts])
        for parts in (other, [a + b for a, b in zip(one, zero, strict=True)])
    )
    agree("doubly stochastic", "a step of training, by hand", *pair(ours, theirs))


def test_the_penalty_is_found_in_the_decoder():
    (term,) = auxiliary_losses(model(attention="bahdanau", doubly_stochastic=1.0).decoder)
    assert isinstance(term, DoublyStochastic)
