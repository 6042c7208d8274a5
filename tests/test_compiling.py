"""What is compiled computes the same, and every decoder names what it repeats."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from zoo.compiling import compile_steps
from zoo.decoders import DECODERS
from zoo.types import Features

FEATURES = Features(torch.randn(2, 6, 16, generator=torch.Generator().manual_seed(0)), (2, 3))
TOKENS = torch.randint(4, 11, (2, 3, 5), generator=torch.Generator().manual_seed(0))


def build(name, attention="bahdanau(hidden_dim=8)"):
    torch.manual_seed(0)
    return DECODERS.build(f"{name}(dim=16)", 11, 16, attention).eval()


def read(decoder):
    memory, state = decoder.begin(FEATURES)
    state = tuple(tensor.expand(-1, 3, *tensor.shape[2:]) for tensor in state)
    return decoder(TOKENS, memory, state).hidden


@pytest.mark.parametrize("name", DECODERS.names())
def test_every_decoder_names_what_it_repeats(name, monkeypatch):
    compiled = []

    def watched(method):
        def run(*arguments, **options):
            compiled.append(method.__qualname__)
            return method(*arguments, **options)

        return run

    monkeypatch.setattr(torch, "compile", watched)
    decoder = build(name)
    names, expected = set(decoder.state_dict()), read(decoder)
    compile_steps(decoder)
    assert torch.equal(read(decoder), expected)
    assert compiled, f"{name} runs nothing that was compiled: it should say `repeats`"
    assert set(decoder.state_dict()) == names


@pytest.mark.compiles
@pytest.mark.parametrize(("name", "attention"), [("lstm", "bahdanau(hidden_dim=8)"), ("transformer", "multihead")])
def test_compiled_steps_compute_the_same(name, attention):
    """In a Python of its own: torch cannot compile what the tests wrap to check its types."""
    program = f"""
import torch
import test_compiling as here
from zoo.compiling import compile_steps
decoder = here.build({name!r}, {attention!r})
expected = here.read(decoder)
compile_steps(decoder)
torch.testing.assert_close(here.read(decoder), expected)
"""
    subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parent, check=True)
