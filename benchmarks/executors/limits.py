"""What a cell may take, and how often it is tried."""

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.records.outcome import OUTCOMES, Outcome

_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Limits:
    """Where a process is ended. None is no limit.

    time: seconds that it may take.
    silence: seconds that it may go without a step of any kind.
    memory: bytes that it and what it has started may hold beside files.
    """

    time: float | None = None
    silence: float | None = None
    memory: int | None = None

    def of_shared(self) -> "Limits":
        """Those of what cells share, such as features, which may take longer than any of them."""
        return replace(self, time=None)


NO_LIMITS = Limits()


@dataclass(frozen=True)
class Retries:
    """How often a cell that has failed is tried again at once, and after which outcomes."""

    times: int = 1
    on: frozenset[Outcome] = field(default_factory=lambda: frozenset({"killed"}))

    def __post_init__(self) -> None:
        if self.times < 0:
            raise ValueError(f"--retries {self.times} should not be negative")
        if unknown := sorted(self.on - set(OUTCOMES)):
            raise ValueError(f"--retry-on {unknown[0]}: there is no such outcome. There are {', '.join(OUTCOMES)}")

    def again(self, outcome: Outcome, failures: int) -> bool:
        """Whether a cell is tried again that has failed so often, in the end by `outcome`."""
        return outcome in self.on and failures <= self.times


def memory_of(session: int) -> int:
    """Bytes that the processes of a session hold beside pages of files; 0 where the system does not tell."""
    held = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if int((folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[3]) != session:
                continue
            _, resident, shared, *_ = map(int, (folder / "statm").read_text().split())
        except (OSError, ValueError):  # it has just ended
            continue
        held += (resident - shared) * _PAGE
    return held
