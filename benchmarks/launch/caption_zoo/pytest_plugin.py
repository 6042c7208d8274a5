"""Our contracts as tests of other people's packages: pytest loads this wherever caption-zoo is installed.

Which parts to check, a project says in its pytest settings, or a command line for itself::

    caption_zoo_contracts = ["attention gaussian", "attention gaussian(dim=8)"]
    pytest --caption-zoo-contract "attention gaussian(dim=8)"

Each contract of each part is then a test of its own. A project that lists none pays nothing.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from caption_zoo import hidden

if TYPE_CHECKING:
    from registry import Spec

_NAME = "caption-zoo"  # before the first "::" of every test's name, where others have their file
_PARTS = pytest.StashKey[list[tuple[str, "Spec"]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The setting, and the option that adds to it."""
    what = "a part that has to keep the contracts of its kind: 'attention gaussian(dim=8)'"
    parser.addini("caption_zoo_contracts", f"each line {what}", type="linelist", default=[])
    parser.getgroup(_NAME).addoption(
        "--caption-zoo-contract", action="append", default=[], metavar="KIND SPEC", help=f"{what}; repeatable"
    )


def pytest_sessionstart(session: pytest.Session) -> None:
    """Check the requested parts before any worker starts.

    Raises:
        pytest.UsageError: there is no such kind, part or option.
    """
    config = session.config
    lines: list[str] = [*config.getini("caption_zoo_contracts"), *config.getoption("caption_zoo_contract")]
    if any("::" in argument for argument in config.args):  # single tests, picked by name
        lines = []
    if lines:
        _refuse_namesakes()
    try:
        config.stash[_PARTS] = [_part(line) for line in dict.fromkeys(lines)]
    except ValueError as error:
        raise pytest.UsageError(f"{_NAME}: {error}") from None


@pytest.hookimpl(tryfirst=True)  # before -k, -m and --lf choose among the tests
def pytest_collection_modifyitems(session: pytest.Session, items: list[pytest.Item]) -> None:
    """Add the contracts.

    Raises:
        pytest.UsageError: tests that were just collected have got our packages for the project's own.
    """
    if session.config.stash[_PARTS]:
        _refuse_namesakes(sys.path)  # as collecting adds folders to it
        items += _Contracts.from_parent(session, name=_NAME, nodeid=_NAME).collect()


class _Contracts(pytest.Collector):
    def collect(self) -> Iterator[pytest.Item]:
        from zoo.contracts import CONTRACTS

        for kind, spec in self.config.stash[_PARTS]:
            for name, contract in CONTRACTS[kind].items():
                yield _Contract.from_parent(self, name=f"{kind} {spec}::{name}", contract=contract, spec=spec)


class _Contract(pytest.Item):
    """One contract of one part; a failure is reported in one line."""

    def __init__(self, *, contract: "Callable[[Spec], None]", spec: "Spec", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.contract, self.spec = contract, spec

    def reportinfo(self) -> tuple[Path, None, str]:
        """Where it comes from, and the heading over its failure."""
        return self.path, None, self.name.replace("::", ": ")

    def runtest(self) -> None:
        from zoo.contracts import problem

        failure = problem(self.contract, self.spec)
        if failure:
            pytest.fail(failure, pytrace=False)


def _refuse_namesakes(path: Sequence[str] = ()) -> None:
    if why := hidden("registry", "zoo", path=path):
        other = "caption-zoo check KIND SPEC --plugin FILE finds its own all the same"
        raise pytest.UsageError(f"{_NAME}: {why}; {other}")


def _part(line: str) -> "tuple[str, Spec]":
    from registry import UnknownName
    from zoo.registries import PARTS

    kind, _, spec = line.partition(" ")
    if kind not in PARTS:
        raise UnknownName("kind with contracts", kind, PARTS)
    return kind, PARTS[kind].check(spec)
