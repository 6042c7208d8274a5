"""What the speed suite compares with does the work that it is said to do; needs the extra "speed"."""

import pytest
import torch

from benchmarks.speed import baselines, models
from benchmarks.speed.sizes import FULL, QUICK

pytest.importorskip("transformers", reason="transformers is not installed: make test-speed")
pytestmark = pytest.mark.filterwarnings("default")  # theirs are not ours to mend


@pytest.fixture(scope="module")
def rival():
    return baselines.vision_encoder_decoder(QUICK)


@pytest.fixture(scope="module")
def features():
    return models.seen(QUICK, (QUICK.features[0], QUICK.dim)).tokens


def test_every_caption_takes_twenty_steps_with_the_cache(rival, features):
    assert FULL.steps == QUICK.steps == 20
    assert baselines.steps(rival, features, QUICK) == [(QUICK.images * QUICK.beams, 1)] * 20
    assert baselines.search(rival, features, QUICK).shape == (QUICK.images, 21)


def test_the_search_reads_the_features(rival, features):
    seen = []
    hook = rival.decoder.register_forward_pre_hook(
        lambda _, arguments, options: seen.append(options["encoder_hidden_states"]), with_kwargs=True
    )
    baselines.search(rival, features, QUICK)
    hook.remove()
    assert len(seen) == QUICK.steps
    assert all(torch.equal(states, features.repeat_interleave(QUICK.beams, dim=0)) for states in seen)


def test_a_step_learns_every_caption(rival, features):
    captions = models.captions(QUICK)
    learn = baselines.learner(rival, features, captions)
    seen = []
    hook = rival.decoder.register_forward_pre_hook(
        lambda _, arguments, options: seen.append((options["input_ids"], options["encoder_hidden_states"])),
        with_kwargs=True,
    )
    before = [parameter.detach().clone() for parameter in rival.decoder.parameters()]
    learn()
    hook.remove()
    ((tokens, states),) = seen
    assert torch.equal(tokens, captions.flatten(0, 1)[:, :-1])
    assert torch.equal(states, features.repeat_interleave(QUICK.captions, dim=0))
    assert any(not torch.equal(old, new) for old, new in zip(before, rival.decoder.parameters(), strict=True))


def test_it_is_as_large_as_ours():
    ours, theirs = models.transformer(FULL, FULL.dim).decoder, baselines.vision_encoder_decoder(FULL).decoder
    sizes = [sum(parameter.numel() for parameter in model.parameters()) for model in (ours, theirs)]
    assert sizes[1] == pytest.approx(sizes[0], rel=0.05)
    assert theirs.config.num_hidden_layers == 3
    assert (theirs.config.hidden_size, theirs.config.num_attention_heads, theirs.config.intermediate_size) == (
        512,
        8,
        2048,
    )
