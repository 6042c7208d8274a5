"""The options of every stage: how much to do, and which caption-zoo to start."""

import shutil
import sys
from pathlib import Path

import pytest

from benchmarks.speed.photographs import Photographs
from benchmarks.speed.sizes import FULL, QUICK, Size


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--quick``, ``--command`` and ``--photographs``."""
    parser.addoption("--quick", action="store_true", help="little of everything: figures that mean nothing")
    parser.addoption("--command", help="the caption-zoo to start (default: the one beside this Python)")
    parser.addoption("--photographs", type=Path, help="folder of JPEG files to encode (default: synthetic ones)")


def pytest_benchmark_generate_machine_info() -> dict[str, object]:
    """Nothing: the page tells it, and pytest-benchmark starts programs to find out."""
    return {}


def pytest_benchmark_generate_commit_info() -> dict[str, object]:
    """Nothing, as of the machine."""
    return {}


@pytest.fixture(scope="session")
def size(request: pytest.FixtureRequest) -> Size:
    """How much to do."""
    return QUICK if request.config.getoption("--quick") else FULL


@pytest.fixture(scope="session")
def command(request: pytest.FixtureRequest) -> str:
    """The program caption-zoo."""
    beside = shutil.which("caption-zoo", path=str(Path(sys.executable).parent))
    program = request.config.getoption("--command") or beside
    if program is None:
        pytest.skip("no caption-zoo beside this Python: name one with --command")
    return program


@pytest.fixture(scope="session")
def photographs(request: pytest.FixtureRequest, size: Size, tmp_path_factory: pytest.TempPathFactory) -> Photographs:
    """JPEG files in a data set of their own."""
    return Photographs.gathered(
        tmp_path_factory.mktemp("photographs"), size.photographs, request.config.getoption("--photographs")
    )
