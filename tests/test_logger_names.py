"""How loggers are named: by a file, whatever path leads to it, and from Python by what the script itself has."""

import subprocess
import sys
from pathlib import Path

from forking import caption_zoo

from benchmarks.executors.planning import plugin_files

EXAMPLE = (Path(__file__).parents[1] / "docs" / "examples" / "json_lines.py").read_text()
CONFIG = """
dataset: scenes(train=12, validation=4, test=4)
matrix: {backbone: patches(dim=16), attention: mean, decoder: lstm(dim=16)}
"""
SCRIPT = '''
from benchmarks import Experiment, Matrix, Training, run
from benchmarks.loggers import LOGGERS, Logger


@LOGGERS.register("noted")
class Noted(Logger):
    """A line for each step."""

    def open(self, run, step):
        run.folder.mkdir(parents=True)
        self.file = (run.folder / "steps").open("w")

    def log(self, step, metrics):
        print(step, file=self.file, flush=True)

    def close(self):
        self.file.close()


if __name__ == "__main__":
    (record,) = run(
        Experiment(
            "scenes(train=12, validation=4, test=4)",
            Matrix("patches(dim=16)", "mean", "lstm(dim=16)"),
            metrics="cider",
            training=Training(epochs=1, decay_epochs=0, min_count=1),
        ),
        out="out",
        cache="cache",
        plugins=["./json_lines.py"],
        loggers=["noted", "json_lines.py"],
    )
    assert record.done, record.error
'''


def test_python_takes_loggers_of_a_file_and_of_the_script_itself(tmp_path):
    (tmp_path / "json_lines.py").write_text(EXAMPLE)
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, "script.py"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended
    assert "given up" not in ended.stderr
    assert sorted(path.name for path in tmp_path.glob("out/logs/*/*/*")) == ["metrics.jsonl", "steps"]


def test_a_file_is_loaded_once_by_whatever_path_it_is_named(tmp_path):
    (tmp_path / "json_lines.py").write_text(EXAMPLE)
    (tmp_path / "config.yaml").write_text(CONFIG)
    (tmp_path / "link.py").symlink_to("json_lines.py")
    words = ("run", "config.yaml", "--out", "out", "--dry-run", "--logger", "./json_lines.py")
    for name in ("json_lines.py", str(tmp_path / "json_lines.py"), "link.py"):
        ended = caption_zoo(*words, "--plugin", name, folder=tmp_path).end()
        assert (ended.returncode, ended.stderr) == (0, ""), ended
        assert ended.stdout.endswith("1 cells, logged by json_lines\n")
    assert plugin_files(["a.py", "b.py", "./a.py"], ["c(x=1)", "b.py", "d.py"]) == ("a.py", "b.py", "d.py")
