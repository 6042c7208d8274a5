"""Self-critical training: its reward is the metric's, its gradient that of the expected reward."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from pycocoevalcap.cider.cider import Cider as Published
from test_step import batch, model

from benchmarks.config import Training
from benchmarks.metrics.bleu import Bleu
from benchmarks.metrics.cider import Cider
from benchmarks.training import OBJECTIVES, sampling
from benchmarks.training.batches import Batch
from benchmarks.training.objectives import self_critical
from benchmarks.training.reward import Reward
from benchmarks.training.step import TrainStep
from registry import Spec
from zoo.captioner import Captioner
from zoo.parts import Parts
from zoo.types import Features
from zoo.vocabulary import END, PAD, SPECIAL, START, UNKNOWN, Vocabulary, tokenize

WORDS = ("a", "dog", "runs", "cat", "sits", "on", "the", "grass", "beach", "red", "bus")
VOCABULARY = Vocabulary([*SPECIAL, *WORDS])
REFERENCES = {
    7: ("A dog runs on the beach.", "a brown dog runs on grass"),
    3: ("A cat sits on the grass", "the cat sits", "a striped cat"),
    9: ("A red bus.", "the red bus on the road", "a bus and a dog"),
}
CAPTIONS = ("a dog runs on the beach", "a cat sits on the red bus", "bus bus bus", "", "the the cat sits on the grass")


def tokens(caption, *, ended=True):
    return VOCABULARY.token_ids(caption.split())[1:] + [END] * ended


def ended(caption):
    return f"{' '.join(tokenize(caption))} <end>".strip()


@pytest.mark.parametrize("metric", ["ours", "published"])
def test_the_reward_is_the_metric_to_the_last_digit(metric):
    reward = Reward(VOCABULARY, REFERENCES)
    for caption in CAPTIONS:
        found = reward(list(REFERENCES), [[tokens(caption)]] * len(REFERENCES))[:, 0]
        references = [[ended(each) for each in image] for image in REFERENCES.values()]
        candidates = [ended(caption)] * len(references)
        if metric == "ours":
            expected = Cider().score(candidates, references)["CIDEr"].per_image
        else:
            expected = Published().compute_score(
                dict(enumerate(references)), {i: [c] for i, c in enumerate(candidates)}
            )[1]
        assert found.tolist() == list(expected)
    assert reward([7], [[tokens(CAPTIONS[0]), tokens(CAPTIONS[1])]]).shape == (1, 2)


def test_the_end_of_a_caption_is_rewarded_and_an_unknown_word_is_not():
    reward = Reward(VOCABULARY, REFERENCES)
    whole, cut = (reward([7], [[tokens("a dog runs on the beach", ended=end)]])[0, 0] for end in (True, False))
    assert whole > cut
    unknown = Reward(Vocabulary([*SPECIAL, *WORDS]), {7: ("zebras <unk> zebras", "unk"), 3: ("a cat",)})
    assert unknown([7], [[[3, END]]])[0, 0] == unknown([7], [[[WORDS.index("bus") + 4, END]]])[0, 0]


def test_bleu_is_mixed_in():
    plain, mixed = Reward(VOCABULARY, REFERENCES), Reward(VOCABULARY, REFERENCES, bleu=0.5)
    references = [[ended(each) for each in image] for image in REFERENCES.values()]
    for caption in CAPTIONS:
        given = [[tokens(caption)]] * len(REFERENCES)
        bleu = Bleu().score([ended(caption)] * len(references), references)["Bleu_4"].per_image
        np.testing.assert_allclose(
            mixed(list(REFERENCES), given)[:, 0],
            plain(list(REFERENCES), given)[:, 0] + 0.5 * np.array(bleu),
            rtol=1e-12,
        )


class Told:
    """A reward that knows every caption's worth."""

    def __init__(self, worth):
        self.worth = worth

    def __call__(self, images, captions):
        return np.array([[self.worth[tuple(caption)] for caption in each] for each in captions])


def captioner():
    """One that can say three words, a few of them at a time."""
    torch.manual_seed(0)
    parts = Parts.parse("patches(dim=4, trainable=False)", "luong", "lstm(dim=4, dropout=0.0)")
    made = Captioner.build(parts, Vocabulary([*SPECIAL, "x", "y", "z"]))
    for parameter in made.decoder.parameters():
        parameter.data *= 3
    return made.train()


def sentences(longest):
    """All captions of at most so many words: those of fewer have an END."""
    for length in range(longest + 1):
        for words in product((4, 5, 6), repeat=length):
            yield (*words, END) if length < longest else words


@pytest.mark.parametrize("baseline", ["leave_one_out", "greedy"])
def test_the_gradient_is_on_average_that_of_the_expected_reward(baseline, monkeypatch):
    """Summed up over all pairs of captions that can be sampled, each by its probability."""
    longest, samples = 2, 2
    model, rows = captioner(), torch.randn(1, 3, 4)
    worth = {caption: float(place % 5) + 0.3 * len(caption) for place, caption in enumerate(sentences(longest))}
    spec = f"self_critical(samples={samples}, baseline={baseline!r})"
    objective = OBJECTIVES.build(spec, model, Training(max_words=longest), {0: ("x",)})
    objective.reward = Told(worth)
    everything = list(worth)
    padded = torch.tensor([[*caption, *[PAD] * (longest + 1 - len(caption))] for caption in everything])
    reads = torch.cat([torch.full((len(padded), 1), START), padded[:, :-1]], dim=1)[None]
    logits = logits_of(model, rows, reads)
    log_probs = (
        logits.log_softmax(-1).gather(-1, padded[None, ..., None])[0, ..., 0].masked_fill(padded == PAD, 0).sum(-1)
    )
    probs = log_probs.exp()
    torch.testing.assert_close(probs.sum(), torch.ones(()), atol=1e-5, rtol=1e-5)
    parameters = list(model.decoder.parameters())
    exact = gradient((probs * torch.tensor([worth[caption] for caption in everything])).sum(), parameters)
    average = torch.zeros_like(exact)
    for one, other in product(range(len(everything)), repeat=2):
        drawn = torch.stack([padded[one], padded[other]])[None]
        monkeypatch.setattr(self_critical, "sample", lambda *_, drawn=drawn: drawn)
        loss = objective(Batch.of([0], torch.tensor([[[START, 4, END]]]), rows=rows))
        average += (probs[one] * probs[other]).item() * gradient(-loss.total / samples, parameters)
    torch.testing.assert_close(average, exact, atol=2e-5, rtol=1e-3)


def logits_of(model, rows, reads):
    logits = model.decoder.logits(model.teacher_force(Features(rows, None), reads).hidden)
    sampling.forbid_marks(logits)
    return logits


def gradient(value, parameters):
    found = torch.autograd.grad(value, parameters, retain_graph=True, allow_unused=True)
    return torch.cat(
        [(torch.zeros_like(p) if g is None else g).flatten() for p, g in zip(parameters, found, strict=True)]
    )


def test_samples_are_of_the_model_and_of_the_random_state():
    model, rows = captioner(), torch.randn(2, 3, 4)
    drawn = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        drawn.append(sampling.sample(model.decoder, Features(rows, None), 3, 4))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert drawn[0].shape == (2, 3, 5)
    assert model.decoder.training
    assert not drawn[0].is_inference()


def test_a_step_raises_the_reward_of_what_is_sampled():
    """From a fresh model, on a handful of images: the mean reward of samples more than doubles."""
    references = {image: (f"w{image} w1 w2", f"w3 w{image}") for image in range(4)}
    settings = Training(learning_rate=1e-2, max_words=4, max_grad_norm=1.0, objective=Spec.parse("self_critical"))
    step = TrainStep.of(model(), settings, references)
    torch.manual_seed(0)
    rewards = [dict(zip(step.reports, step(batch(4)).tolist(), strict=True))["reward"] for _ in range(60)]
    assert np.mean(rewards[-10:]) > 2 * np.mean(rewards[:10]), rewards


def test_what_makes_no_sense_is_refused():
    def build(spec):
        OBJECTIVES.build(spec, captioner(), Training(), {0: ("x",)})

    with pytest.raises(ValueError, match="leaves nothing to compare with"):
        build("self_critical(samples=1)")
    with pytest.raises(ValueError, match="should be a number, at least 0"):
        build("self_critical(bleu=-1.0)")
    with pytest.raises(ValueError, match="should lie between 0 and 1"):
        build("cross_entropy(scheduled_sampling=1.5)")
    with pytest.raises(ValueError, match=r"word_dropout=-0.1\) should lie between 0 and 1"):
        build("cross_entropy(word_dropout=-0.1)")


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_word_dropout_reads_unknown_words_as_often_as_it_says(share):
    objective = OBJECTIVES.build(f"cross_entropy(word_dropout={share})", captioner(), Training(), {})
    captions = torch.tensor([START, 4, 5, 4, UNKNOWN, END, PAD, PAD]).expand(500, 2, -1)
    some = Batch.of(range(500), captions, rows=torch.randn(500, 3, 4))
    read = objective._inputs(Features(some.rows, None), some)
    marks = [0, 4, 5, 6]
    assert torch.equal(read[..., marks], captions[..., marks])
    changed = read != captions[..., :-1]
    assert (read[changed] == UNKNOWN).all()
    for place in (1, 2, 3):  # of 1,000 words
        assert changed[..., place].float().mean().item() == pytest.approx(share, abs=0.06)
    assert torch.equal(some.captions, captions)


def test_word_dropout_leaves_the_targets_alone():
    """With the words hidden the loss is that of the same words, read as unknown ones."""
    model = captioner().eval()
    captions = torch.tensor([[[START, 4, 5, 4, END]]])
    some = Batch.of([0], captions, rows=torch.randn(1, 3, 4))
    hidden = torch.tensor([[[START, UNKNOWN, UNKNOWN, UNKNOWN]]])
    logits = model.decoder.logits(model.teacher_force(Features(some.rows, None), hidden).hidden)[0, 0]
    objective = OBJECTIVES.build("cross_entropy(word_dropout=1.0)", model, Training(label_smoothing=0.0), {})
    expected = torch.nn.functional.cross_entropy(logits, captions[0, 0, 1:], reduction="sum")
    assert objective(some).total.item() == pytest.approx(expected.item(), rel=1e-5)


def test_scheduled_sampling_reads_own_words_as_often_as_it_says():
    model = captioner()
    objective = OBJECTIVES.build("cross_entropy(scheduled_sampling=0.5)", model, Training(), {})
    captions = torch.tensor([START, 4, 4, 4, 4, END, PAD]).expand(200, 2, -1)
    some = Batch.of(range(200), captions, rows=torch.randn(200, 3, 4))
    features, shares = Features(some.rows, None), []
    for progress in (0.0, 0.5, 1.0):
        torch.manual_seed(0)
        read = objective._inputs(features, replace(some, progress=progress))
        assert (read[..., 0] == START).all()
        assert torch.equal(read == PAD, captions[..., :-1] == PAD)
        shares.append((read != captions[..., :-1])[..., 1:5].float().mean().item())
    assert shares[0] == 0
    assert 0 < shares[1] < shares[2] <= 0.5
    assert shares[2] == pytest.approx(2 * shares[1], rel=0.15)
