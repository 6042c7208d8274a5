"""The loss of the words is torch's own, value and gradient."""

import pytest
import torch
from torch.nn import functional as F

from zoo.losses import cross_entropy

TARGETS = torch.tensor([0, 3, 3, 6, 1])


def scores(dtype, scale=3.0):
    drawn = torch.randn(5, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return (scale * drawn).to(dtype).requires_grad_()


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [0.0, 3.0, 100.0])
def test_it_is_torchs(smoothing, dtype, scale):
    ours, theirs = scores(dtype, scale), scores(dtype, scale)
    loss, other = (
        cross_entropy(ours, TARGETS, smoothing),
        F.cross_entropy(theirs, TARGETS, label_smoothing=smoothing, reduction="sum"),
    )
    torch.testing.assert_close(loss, other)
    (-2.5 * loss).backward()
    (-2.5 * other).backward()
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_scores_stay_as_they_are_and_a_word_may_be_impossible():
    given = torch.randn(5, 7)
    given[:, 5] = -torch.inf
    before, leaf = given.clone(), given.requires_grad_()
    loss = cross_entropy(leaf, TARGETS, 0.0)
    loss.backward()
    assert torch.equal(leaf.detach(), before)
    torch.testing.assert_close(loss.detach(), F.cross_entropy(before, TARGETS, reduction="sum"))
    assert leaf.grad is not None
    assert not leaf.grad[:, 5].any()


def test_a_gradient_that_is_asked_for_twice_is_an_error_and_not_wrong():
    loss = cross_entropy(scores(torch.float32), TARGETS, 0.1)
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="inplace"):
        loss.backward()
