"""What is compiled computes the same, and every decoder names what it repeats."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from zoo.compiling import compile_steps
from zoo.decoders import DECODERS
from zoo.generate import generate
from zoo.types import Features


def build(name, attention="bahdanau(hidden_dim=8)"):
    torch.manual_seed(0)
    return DECODERS.build(f"{name}(dim=16)", 11, 16, attention).eval()


def features(images=2):
    return Features(torch.randn(images, 6, 16, generator=torch.Generator().manual_seed(0)), (2, 3))


def read(decoder, images=2, length=5):
    tokens = torch.randint(4, 11, (images, 3, length), generator=torch.Generator().manual_seed(0))
    memory, state = decoder.init_state(features(images))
    state = tuple(tensor.expand(-1, 3, *tensor.shape[2:]) for tensor in state)
    return decoder(tokens, memory, state).hidden


@pytest.fixture
def compiled(monkeypatch):
    """The names of compiled methods that were run: `torch.compile` only watches."""
    run = []

    def watched(method, **options):
        def watch(*arguments, **keywords):
            run.append(method.__qualname__)
            return method(*arguments, **keywords)

        return watch

    monkeypatch.setattr(torch, "compile", watched)
    return run


@pytest.mark.parametrize("name", DECODERS.names())
def test_every_decoder_names_what_it_repeats(name, compiled):
    decoder = build(name)
    names, expected = set(decoder.state_dict()), read(decoder)
    compile_steps(decoder)
    assert torch.equal(read(decoder), expected)
    assert compiled, f"{name} runs nothing that was compiled: it should say `repeats`"
    assert set(decoder.state_dict()) == names


def test_a_search_runs_nothing_that_was_compiled(compiled):
    decoder = build("lstm")
    compile_steps(decoder)
    generate(decoder, features(), num_beams=2, max_length=3)
    assert not compiled


def test_what_was_compiled_before_makes_room(monkeypatch):
    forgotten = []
    monkeypatch.setattr(torch.compiler, "reset", lambda: forgotten.append(True))
    compile_steps(build("lstm"))
    assert forgotten


def test_a_decoder_that_names_nothing_is_refused_in_one_line():
    class Other(torch.nn.Module):
        repeats = 2  # something of its own

    with pytest.raises(ValueError, match=r"^Other has nothing to compile: .*or leave compile out$"):
        compile_steps(Other())


@pytest.mark.compiles
@pytest.mark.parametrize(("name", "attentions"), [("lstm", ("bahdanau(hidden_dim=8)", "multihead")), ("transformer", ("multihead",))])  # fmt: skip
def test_cell_after_cell_computes_the_same_compiled(name, attentions):
    """Steps of several shapes, their gradients and searches between them, and no shape left to run as it was.

    In a Python of its own: torch cannot compile what the tests wrap to check its types.
    """
    program = f"""
import torch, torch._dynamo
import test_compiling as here
from zoo.compiling import compile_steps
from zoo.generate import generate
torch._dynamo.config.fail_on_recompile_limit_hit = True
for attention in {attentions!r}:
    plain, compiled = (here.build({name!r}, attention) for _ in range(2))
    compile_steps(compiled)
    for images, length in ((4, 5), (4, 6), (3, 5), (1, 5)):
        for decoder in (plain, compiled):
            decoder.zero_grad()
            decoder.hidden = here.read(decoder, images, length)
            decoder.logits(decoder.hidden).logsumexp(-1).sum().backward()
        torch.testing.assert_close(compiled.hidden, plain.hidden)
        for one, other in zip(compiled.parameters(), plain.parameters(), strict=True):
            torch.testing.assert_close(one.grad, other.grad, atol=1e-4, rtol=1e-3)
        for beams in (1, 2, 3, 5):
            said = [generate(each, here.features(images), num_beams=beams, max_length=5).tolist() for each in (plain, compiled)]
            assert said[0] == said[1]
"""
    subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parent, check=True)
