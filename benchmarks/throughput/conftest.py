"""What the suite is run on: ``--run FOLDER``, a run with its checkpoint and its request."""

from math import inf
from pathlib import Path

import pytest
import torch

from benchmarks.config import Training
from benchmarks.features.runtime import encoders_of
from benchmarks.records.record import REQUEST
from benchmarks.records.request import Settings
from benchmarks.runtime.device import device
from benchmarks.throughput.measure import ENCODERS, MODEL, TRAINING
from benchmarks.throughput.no_eos import NoEosDecoder
from benchmarks.training.teacher_option import teacher_option, with_teacher
from zoo.backbones import Backbone
from zoo.caption_model import CaptionModel
from zoo.captioner import Captioner
from zoo.pretrained import Located, load
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
def model(request: pytest.FixtureRequest) -> CaptionModel:
    """The run's model, on the device that runs use: the one at hand, or else the one in the folder."""
    folder = request.config.getoption("--run")
    return request.config.stash.get(MODEL, None) or load([Located(folder, str(folder))], device=device())


@pytest.fixture(scope="session")
def captioner(model: CaptionModel) -> Captioner:
    """The model, as far as it can learn."""
    if not isinstance(model, Captioner):
        pytest.skip("an ensemble learns nothing: its members have")
    return model


@pytest.fixture(scope="session")
def encoders(request: pytest.FixtureRequest, model: CaptionModel) -> tuple[Backbone, ...]:
    """What encodes for it: at hand, or else the quickest there is for backbones that no run changes."""
    if at_hand := request.config.stash.get(ENCODERS, None):
        return at_hand
    return model.backbones if any(each.trainable for each in model.backbones) else encoders_of(model, inf)


@pytest.fixture(scope="session")
def settings(request: pytest.FixtureRequest) -> Settings:
    """How the run was trained and decoded, as its request has it."""
    return Settings.read(request.config.getoption("--run") / REQUEST)


@pytest.fixture(scope="session")
def training(request: pytest.FixtureRequest, settings: Settings) -> Training:
    """How the run was trained, with the folder of its teacher: at hand, or else beside the run."""
    if at_hand := request.config.stash.get(TRAINING, None):
        return at_hand
    found = settings.training
    if not (option := teacher_option(found.objective)):
        return found
    teacher = request.config.getoption("--run").parent / str(found.objective.options[option])
    return with_teacher(found, option, str(teacher))


@pytest.fixture(scope="session")
def no_eos(model: CaptionModel) -> NoEosDecoder:
    """The run's decoder, made to take every step."""
    return NoEosDecoder(model.decoder)


@pytest.fixture(scope="session")
def pixels(model: CaptionModel) -> tuple[torch.Tensor, ...]:
    """For each backbone a batch of noise, (32, 3, H, W) bytes: what an image shows does not change its cost."""
    shapes = [(BATCH, 3, *backbone.preprocess.size) for backbone in model.backbones]
    generators = [torch.Generator().manual_seed(0) for _ in shapes]
    noise = [
        torch.randint(256, shape, dtype=torch.uint8, generator=generator)
        for shape, generator in zip(shapes, generators, strict=True)
    ]
    return tuple(each.to(device()) for each in noise)


@pytest.fixture(scope="session")
def features(model: CaptionModel, pixels: tuple[torch.Tensor, ...]) -> Features:
    """Features for that batch: those of its first image, repeated."""
    with torch.inference_mode():
        pairs = zip(model.backbones, pixels, strict=True)
        first = Features.joint([each(each.preprocess.normalize(noise[:1])) for each, noise in pairs])
    return first.of(torch.zeros(BATCH, dtype=torch.long, device=first.tokens.device))
