"""What every training objective promises."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.config import Training
from benchmarks.training.objectives import OBJECTIVES, Batch, Loss, Objective
from registry import Spec
from zoo.captioner import Captioner
from zoo.contracts.common import check, is_spelled
from zoo.losses import AuxiliaryLoss, TrainingOutput
from zoo.parts import Parts
from zoo.vocabulary import PAD, SPECIAL, Vocabulary

_WORDS = ("a", "dog", "runs", "cat", "sits", "on", "grass")
_CAPTIONS = (("a dog runs", "dog runs on grass"), ("a cat sits", "cat on grass"), ("grass", "a dog sits on grass"))
_ADDED = 1000.0
_FIGURES = ("grad_norm", "words", "finite")  # of the training itself


def declares_what_it_reports(spec: Spec) -> None:
    """`reports` names what the loss reports, "loss" first."""
    objective = _objective(spec)
    reports = objective.reports
    check(isinstance(reports, tuple) and reports[:1] == ("loss",), f'reports are {reports!r}, and begin with "loss"')
    check(not set(reports) & set(_FIGURES), f"reports are {reports!r}: {', '.join(_FIGURES)} belong to training")
    found = tuple(_loss(objective, _batch()).reported)
    check(set(found) == set(reports), f"the loss reports {found}, and should {reports}")


def gives_finite_numbers(spec: Spec) -> None:
    """One number for the loss, a count of words, and sums without gradients."""
    loss = _loss(_objective(spec), _batch())
    check(loss.total.ndim == 0 and bool(loss.total.isfinite()), f"the loss is {loss.total}, and should be one number")
    check(bool(loss.words >= 1), f"words are {loss.words}, of a batch that has some")
    for name, (total, number) in loss.reported.items():
        check(not total.requires_grad and bool(total.isfinite()), f"{name} should be a number without a gradient")
        check(bool(number > 0), f"{name} is a mean over {number}")


def trains_the_decoder(spec: Spec) -> None:
    """What the decoder can change gets a finite gradient, and not all of it 0."""
    objective = _objective(spec)
    _loss(objective, _batch()).total.backward()
    gradients = [parameter.grad for parameter in objective.captioner.decoder.parameters()]
    check(all(gradient is not None for gradient in gradients), "a parameter of the decoder gets no gradient")
    found = torch.cat([gradient.flatten() for gradient in gradients if gradient is not None])
    check(bool(found.isfinite().all()) and bool(found.any()), "the gradient is 0, or no finite number")


def repeats_with_the_same_random_state(spec: Spec) -> None:
    """All that it draws comes from torch's generators."""
    objective, batch = _objective(spec), _batch()
    first, again = (_loss(objective, batch).total for _ in range(2))
    check(torch.equal(first, again), "the same random state gives another loss")


def ignores_padding(spec: Spec) -> None:
    """More of it changes nothing."""
    objective, batch = _objective(spec), _batch()
    captions = F.pad(batch.captions, (0, 3), value=PAD)
    padded = Batch.of(batch.images, captions, rows=batch.rows, grid=batch.grid)
    one, other = _loss(objective, batch), _loss(objective, padded)
    check(bool(torch.isclose(one.total, other.total, rtol=1e-4)), "padding changes the loss")
    check(bool(one.words == other.words), "padding counts as words")


def adds_up_over_parts(spec: Spec) -> None:
    """The loss of a batch is the sum of its images', unless it draws; so a batch may be cut anywhere."""
    objective, batch = _objective(spec), _batch()
    whole, drawn = _loss(objective, batch), _loss(objective, batch, seed=1)
    if not torch.equal(whole.total, drawn.total):
        return
    parts = [_loss(objective, batch.part(at, at + 1)) for at in range(len(batch))]
    check(bool(sum(part.words for part in parts) == whole.words), "the words of the parts are not those of the whole")
    total = torch.stack([part.total for part in parts]).sum()
    check(bool(torch.isclose(total, whole.total, rtol=1e-4)), "the parts' losses do not sum to that of the whole batch")


def adds_auxiliary_losses(spec: Spec) -> None:
    """What the model's parts add to the loss is in its total."""
    objective, batch = _objective(spec), _batch()
    without = _loss(objective, batch).total
    objective.captioner.decoder.add_module("adds", _Adds())
    added = float((_loss(objective, batch).total - without).detach())
    check(abs(added - _ADDED) < 1e-3 * _ADDED, f"a part adds {_ADDED:g}, and the total rises by {added:g}")


class _Adds(nn.Module, AuxiliaryLoss):
    def auxiliary_loss(self, training: TrainingOutput) -> Float[Tensor, ""]:
        return training.log_likelihood.new_tensor(_ADDED)


def is_named_as_registered(spec: Spec) -> None:
    """Its spelling is read as the same component with the same options."""
    is_spelled(OBJECTIVES, spec)


def _objective(spec: Spec) -> Objective:
    torch.manual_seed(0)
    parts = Parts.parse("patches(dim=8, trainable=False)", "luong", "lstm(dim=16, dropout=0.0)")
    captioner = Captioner.build(parts, Vocabulary([*SPECIAL, *_WORDS]))
    for parameter in captioner.decoder.parameters():
        parameter.data *= 2  # a fresh one is flat
    references = dict(enumerate(_CAPTIONS))
    objective: Objective = OBJECTIVES.build(spec, captioner, Training(max_words=5), references)
    return objective.train()


def _batch() -> Batch:
    vocabulary = Vocabulary([*SPECIAL, *_WORDS])
    encoded = [[vocabulary.encode(caption, max_length=5) for caption in image] for image in _CAPTIONS]
    longest = max(len(caption) for image in encoded for caption in image)
    captions = torch.tensor([[caption + [PAD] * (longest - len(caption)) for caption in image] for image in encoded])
    rows = torch.randn(len(captions), 6, 8, generator=torch.Generator().manual_seed(0))
    return Batch.of(range(len(captions)), captions, rows=rows, grid=(2, 3))


def _loss(objective: Objective, batch: Batch, seed: int = 0) -> Loss:
    torch.manual_seed(seed)
    loss: Loss = objective(batch)
    return loss
