"""Kills at seeded moments: of a command, of its server, of a cell, of Java, or of all, until a matrix is done."""

import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from forking import Ended, Forked, caption_zoo
from repeatable import repeatable

from benchmarks.records.record import RunRecord, records

CONFIG = """
dataset: scenes(train=48, validation=4, test=6)
matrix:
  backbone: ["patches(dim=16)", "patches(dim=24)"]
  attention: [mean, luong, "bahdanau(hidden_dim=16)"]
  decoder: lstm(dim=16)
  seeds: [0, 1]
metrics: cider
training: {epochs: 3, decay_epochs: 3, min_count: 1}
decoding: {num_beams: 2, max_length: 8}
"""
CELLS, STEPS_OF_EPOCH, EPOCHS = 12, 3, 3
PLUGIN = """
import os
from benchmarks.training.trainer import Trainer
save = Trainer._save_where_due

def counted(self, checkpoints):
    with open(os.environ["COUNT"], "a") as file:
        file.write(".")
    save(self, checkpoints)

Trainer._save_where_due = counted
"""


@dataclass
class Sweep:
    """A matrix in `folder`, and what has befallen it so far."""

    folder: Path
    seed: int
    options: tuple[str, ...] = ()
    kills: int = 0
    torn: int = 0
    starts: int = 0
    rounds: int = 1
    killed: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.draw = random.Random(self.seed)
        self.seen: dict[int, str] = {}  # every process, and when it was started
        (self.folder / "config.yaml").write_text(CONFIG)
        (self.folder / "plugin.py").write_text(PLUGIN)

    @property
    def out(self) -> Path:
        """The folder of the runs that are killed."""
        return self.folder / "runs"

    def start(self, out: str = "runs") -> Forked:
        """The command."""
        self.starts += 1
        environment = {**os.environ, "COUNT": str(self.folder / f"{out}-steps")}
        words = ("run", "config.yaml", "--plugin", "plugin.py", "--out", out, "--cache", "cache", *self.options)
        return caption_zoo(*words, folder=self.folder, environment=environment)

    def processes(self, commands: Sequence[Forked] = ()) -> list[int]:
        """What the commands have started and runs; without a command, whatever of it still does."""
        for command in commands:
            self.seen |= {process: started(process) for process in [command.pid, *descendants(command.pid)]}
        return [process for process, start in self.seen.items() if start and started(process) == start]

    def run(self, kills: int, runners: int = 1, longest: float = 2.5) -> Ended:
        """Kill so often, each time something that is drawn, at a moment that is drawn; then let it come to its end."""
        commands: list[Forked] = []
        while self.kills < kills:
            commands = [command for command in commands if command.runs()]
            while len(commands) < runners:
                commands.append(self.start())
            time.sleep(self.draw.uniform(0.05, longest))
            self._kill(commands)
            self.torn += sum(1 for _ in torn(self.out))
            if len(list(records(self.out))) == CELLS and all(record.done for record in records(self.out)):
                for command in commands:
                    command.end()
                shutil.rmtree(self.out)  # again from the beginning
                self.rounds += 1
        for command in commands:
            command.end()
        ended = self.start().end()
        while self._tried_in_vain(ended):
            ended = self.start().end()
        return ended

    def _tried_in_vain(self, ended: Ended) -> bool:
        """Whether cells are left that were killed as often as they are tried by one command."""
        return ended.returncode == 1 and all(record.outcome in ("", "killed") for record in records(self.out))

    def _kill(self, commands: list[Forked]) -> None:
        whole = self.draw.random() < 0.3
        victims = self.processes(commands)
        if not victims:  # it has not been seen yet that the command is gone
            return
        if whole:
            what = "all"
        else:
            victims = [self.draw.choice(victims)]
            what = name(victims[0], [command.pid for command in commands])
        for victim in victims:
            try:
                os.kill(victim, signal.SIGKILL)
            except ProcessLookupError:
                if not whole:
                    return
        self.kills += 1
        self.killed[what] = self.killed.get(what, 0) + 1

    def redone(self) -> int:
        """Steps of training beyond those that an unbroken run takes."""
        return len((self.folder / "runs-steps").read_text()) - self.rounds * CELLS * EPOCHS * STEPS_OF_EPOCH


def name(process: int, commands: list[int]) -> str:
    """What kind of process it is."""
    if process in commands:
        return "command"
    try:
        program = Path(f"/proc/{process}/cmdline").read_bytes().partition(b"\0")[0]
        parent = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return "ended"
    return "Java" if program.endswith(b"java") else "server" if parent in commands else "cell"


def started(process: int) -> str:
    """When it was, in the kernel's ticks; empty of one that does not run."""
    try:
        state, *fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if state in "ZX" else fields[18]


def descendants(process: int) -> list[int]:
    """All that it has started, and so on."""
    found: list[int] = []
    try:
        for task in Path(f"/proc/{process}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                found += [child, *descendants(child)]
    except OSError:  # it has just ended
        pass
    return found


def torn(out: Path) -> list[Path]:
    """Records that cannot be read."""
    bad: list[Path] = []
    list(records(out, lambda error: bad.append(Path(str(error)))))
    return bad


def outcome(record: RunRecord) -> tuple[object, ...]:
    """What two runs of a cell have in common, however they went."""
    files = {name: digest for name, digest in record.files.items() if name != "record.json"}
    return record.request, record.scores, record.captions, record.best_epoch, repeatable(record.curve), files


def left_behind(out: Path) -> list[Path]:
    """What somebody has forgotten to remove."""
    own = [path for path in out.glob(".*/*") if path.name != ".leases" or any(path.iterdir())]
    return [*own, *out.rglob(".?*.partial"), *(out.parent / "cache").rglob(".?*.partial")]


def wait_until(condition: Callable[[], bool], seconds: float = 30.0) -> bool:
    """Whether it came true."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True
