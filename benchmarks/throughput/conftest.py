"""What the suite is run on: ``--run FOLDER``, a run with its checkpoint and its request."""

from math import inf
from pathlib import Path

import pytest
import torch

from benchmarks.config import Decoding, Training
from benchmarks.features.runtime import encoder_of
from benchmarks.records.record import REQUEST
from benchmarks.records.request import Settings
from benchmarks.runtime.device import device
from benchmarks.throughput.measure import CAPTIONER, ENCODER
from benchmarks.throughput.no_eos import NoEosDecoder
from zoo import checkpoint
from zoo.backbones import Backbone
from zoo.captioner import Captioner
from zoo.types import Features

BATCH = 32


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--run``."""
    parser.addoption("--run", type=Path, required=True, help="folder of a run, with its checkpoint")


def pytest_benchmark_generate_machine_info() -> dict[str, object]:
    """Nothing: the record tells it, and pytest-benchmark starts programs to find out."""
    return {}


def pytest_benchmark_generate_commit_info() -> dict[str, object]:
    """Nothing, as of the machine."""
    return {}


@pytest.fixture(scope="session")
def captioner(request: pytest.FixtureRequest) -> Captioner:
    """The run's captioner, on the device that runs use: the one at hand, or else the one in the folder."""
    at_hand = request.config.stash.get(CAPTIONER, None)
    return at_hand or checkpoint.load(request.config.getoption("--run"), device=device())


@pytest.fixture(scope="session")
def encoder(request: pytest.FixtureRequest, captioner: Captioner) -> Backbone:
    """What encodes for it: at hand, or else the quickest there is for a backbone that no run changes."""
    if at_hand := request.config.stash.get(ENCODER, None):
        return at_hand
    return captioner.backbone if captioner.backbone.trainable else encoder_of(captioner, inf)


@pytest.fixture(scope="session")
def settings(request: pytest.FixtureRequest) -> tuple[Training, Decoding]:
    """How the run was trained and decoded."""
    found = Settings.read(request.config.getoption("--run") / REQUEST)
    return found.training, found.decoding


@pytest.fixture(scope="session")
def no_eos(captioner: Captioner) -> NoEosDecoder:
    """The run's decoder, made to take every step."""
    return NoEosDecoder(captioner.decoder)


@pytest.fixture(scope="session")
def pixels(captioner: Captioner) -> torch.Tensor:
    """A batch of noise, (32, 3, H, W) bytes: what an image shows does not change its cost."""
    shape = (BATCH, 3, *captioner.backbone.preprocess.size)
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, shape, dtype=torch.uint8, generator=generator).to(device())


@pytest.fixture(scope="session")
def features(captioner: Captioner, pixels: torch.Tensor) -> Features:
    """Features for that batch: those of its first image, repeated."""
    with torch.inference_mode():
        seen = captioner.encode(captioner.backbone.preprocess.normalize(pixels[:1]))
    rows = torch.zeros(len(pixels), dtype=torch.long, device=seen.tokens.device)
    return Features(seen.tokens[rows].clone(), seen.grid, None if seen.mask is None else seen.mask[rows])
