"""The pytest plug-in: contracts as tests in somebody else's project, each by its name, for whoever asks."""

import subprocess
import sys

import pytest

# The project's own part; it reads positions that are masked, and mends it if asked to.
CONFTEST = '''
from zoo.attention import ATTENTIONS, ScoreAttention


@ATTENTIONS.register("careless")
class Careless(ScoreAttention):
    """Looks everywhere alike."""

    def __init__(self, query_dim, feature_dim, *, careful: bool = False):
        super().__init__(feature_dim)
        self.careful = careful

    def precompute(self, features):
        return super().precompute(features if self.careful else features._replace(mask=None))

    def keys(self, tokens):
        return tokens[..., :1]

    def score(self, query, keys):
        return query[..., :1] * 0 + keys.mT * 0
'''
LINES = '["attention careless", "attention careless(careful=True)"]'
MASKED, APART = "respects the mask", "treats images and queries independently"


@pytest.fixture
def project(tmp_path):
    """A function that makes the project, given its setting, and one that runs its tests."""
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_own.py").write_text("def test_own():\n    pass\n")

    def run(*arguments, lines=LINES):
        settings = f'[tool.pytest.ini_options]\nfilterwarnings = ["error"]\ncaption_zoo_contracts = {lines}\n'
        (tmp_path / "pyproject.toml").write_text(settings)
        line = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rA", *arguments]
        done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_each_contract_of_each_line_is_a_test_that_fails_in_one_line(project, workers):
    done, stdout, errors = project("-k", "own or mask or independently", *workers)
    assert done == 1, stdout + errors
    outcomes = {line.partition(" - ")[0] for line in stdout.splitlines() if line.startswith(("PASSED", "FAILED"))}
    assert outcomes == {
        "PASSED test_own.py::test_own",
        f"FAILED caption-zoo::attention careless::{MASKED}",
        f"PASSED caption-zoo::attention careless::{APART}",
        f"PASSED caption-zoo::attention careless(careful=True)::{MASKED}",
        f"PASSED caption-zoo::attention careless(careful=True)::{APART}",
    }
    assert f" attention careless: {MASKED} " in stdout  # the heading over what follows
    assert "AssertionError: a masked position is read" in stdout
    assert "zoo/contracts" not in stdout


def test_the_command_line_adds_to_the_setting(project):
    options = ["--caption-zoo-contract", "attention mean", "--caption-zoo-contract", "attention mean"]
    done, stdout, errors = project("--collect-only", "-q", *options, lines='["attention luong"]')
    assert done == 0, stdout + errors
    names = [line for line in stdout.splitlines() if line.endswith(f"::{MASKED}")]
    assert names == [f"caption-zoo::attention {name}::{MASKED}" for name in ("luong", "mean")]


@pytest.mark.parametrize(
    ("workers", "line", "message"),
    [
        ((), "attention careles", "no attention 'careles'. Did you mean 'careless'?"),
        (
            ("-n", "2", "--benchmark-disable"),
            "atention careless",
            "no kind with contracts 'atention'. Did you mean 'attention'?",
        ),
    ],
    ids=["alone", "xdist"],
)
def test_a_wrong_line_is_a_mistake_told_in_one(project, workers, line, message):
    done, _, errors = project(*workers, lines=f'["{line}"]')
    assert done == pytest.ExitCode.USAGE_ERROR
    assert errors.strip().startswith(f"ERROR: caption-zoo: {message}")
    assert errors.strip().count("\n") == 0


def test_who_asks_for_none_or_for_one_test_pays_nothing(project, tmp_path):
    (tmp_path / "conftest.py").unlink()
    (tmp_path / "test_own.py").write_text("import sys\n\ndef test_own():\n    assert 'torch' not in sys.modules\n")
    done, stdout, errors = project(lines="[]")
    assert done == 0, stdout + errors
    done, stdout, errors = project("test_own.py::test_own", lines='["attention mean"]')
    assert "1 passed" in stdout, stdout + errors
