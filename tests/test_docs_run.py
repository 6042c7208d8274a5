"""Every block of the documentation runs: commands, Python, YAML, TOML and JSON, page by page, in a sandbox."""

import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from jsonargparse import ArgumentParser
from sandbox import (
    calls_here,
    hub_cache,
    no_timing,
    pretrained,
    provide_first_runs,
    provide_runs,
    sandbox,
    shipped,
    tokenize,
)

from benchmarks.cell import run
from benchmarks.cli.main import COMMANDS, main
from benchmarks.data import DATASETS
from benchmarks.evaluation import scorer
from benchmarks.executors import EXECUTORS
from benchmarks.metrics import METRICS
from benchmarks.runtime import environment
from benchmarks.training import OBJECTIVES
from registry import Spec
from zoo import models
from zoo.registries import ATTENTIONS, BACKBONES, DECODERS

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
REGISTRIES = (ATTENTIONS, BACKBONES, DECODERS, DATASETS, METRICS, OBJECTIVES)
_FENCE = re.compile(r"^(`{3,})([^\n`]*)\n(.*?)^\1$", re.MULTILINE | re.DOTALL)
_PLUGIN = "caption_zoo_plugin_"
_SAID = re.compile(r"print\(.*\)  # (.*) \.\.\.$", re.MULTILINE)

PARSED_ONLY = {
    "demo": "serves a page until it is stopped",
    "data": "fetches gigabytes",
    "push": "publishes on the Hub",
}
CODES = {"doctor": {0, 1}}  # 1 where this machine lacks something


@dataclass(frozen=True)
class Block:
    """A fenced block of a page, and the line it begins at."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self):
        return f"{self.page}:{self.line} {self.language}"


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(page.name, text.count("\n", 0, found.start()) + 1, found[2].strip(), found[3])
        for found in _FENCE.finditer(text)
    ]


ALL = [block for page in PAGES for block in blocks(page)]


def of(*languages):
    return [pytest.param(block, id=str(block)) for block in ALL if block.language in languages]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The sandbox, with two trained runs, and those runs."""
    root = sandbox(tmp_path_factory.mktemp("docs") / "sandbox")
    with pytest.MonkeyPatch.context() as patch, calls_here():
        patch.chdir(root)
        patch.setattr("benchmarks.cli.shipped._HOME", shipped(root.parent / "shipped"))
        patch.setenv("XDG_CACHE_HOME", str(root.parent / "cache"))
        patch.setattr("datasets.config.HF_DATASETS_CACHE", root.parent / "cache")  # read when it is imported
        patch.setattr(run, "measure", no_timing)
        patch.setattr(scorer, "tokenize", tokenize)
        patch.setattr(environment, "commit", lambda: "0" * 40)  # whatever was changed in this checkout
        trained = provide_first_runs(root)
        patch.setattr(models, "FOLDER", pretrained(root.parent / "models", trained[0]))
        patch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        patch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(hub_cache(root.parent / "hub", trained[0])))
        yield root, trained


@pytest.fixture
def fresh(place, tmp_path, monkeypatch):
    """A sandbox for one page: what it writes, and what its plug-ins register, is forgotten after it."""
    root = tmp_path / "sandbox"
    shutil.copytree(place[0], root)
    monkeypatch.chdir(root)
    yield root, place[1]
    for registry in REGISTRIES:
        for name, factory in list(registry._factories.items()):
            if factory.__module__.startswith(_PLUGIN):
                del registry._factories[name]
    for name in [name for name in sys.modules if name.startswith(_PLUGIN)]:
        del sys.modules[name]


def commands(text: str) -> list[list[str]]:
    """The words of each command: continued lines are one, comments none, assignments before it apart."""
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    return [words for words in (shlex.split(line, comments=True) for line in lines) if words]


def execute(words: list[str], place) -> None:
    """Run one command of a page as it stands there; raise AssertionError where it does not work."""
    root, trained = place
    provide_runs(root, words, trained)
    if "|" in words:  # only into caption-zoo, from a program that is on every system
        before, words = words[: words.index("|")], words[words.index("|") + 1 :]
        assert before[0] in ("find", "ls", "cat"), f"nothing runs {before[0]}"
        given = subprocess.run(before, cwd=root, capture_output=True, text=True, check=True).stdout
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given.encode())))
            return caption_zoo(words[1:], root)
    while re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words = words[1:]
    if Path(words[0]).name == "caption-zoo":
        return caption_zoo(words[1:], root)
    assert words[0] in OTHERS, f"nothing runs {shlex.join(words)!r}: add it to OTHERS, with a reason"
    return OTHERS[words[0]](words[1:], root)


def caption_zoo(words: list[str], root: Path) -> None:
    said, target = io.StringIO(), None
    if ">" in words:
        *words, _, target = words
    if words[0] in PARSED_ONLY:
        module, parser = import_module(f"benchmarks.cli.{words[0]}"), ArgumentParser(exit_on_error=False)
        parser.parse_args(module.add_arguments(parser, words[1:]))
        return
    if "--executor" in words:  # there is no cluster here: the executor has to be one, and the rest is planned
        EXECUTORS.check(Spec.parse(words[words.index("--executor") + 1]))
        words = [*words, "--dry-run"]
    with redirect_stdout(said):
        code = main(words)
    assert code in CODES.get(words[0], {0}), f"caption-zoo {shlex.join(words)} ended with {code}: {said.getvalue()}"
    if target:
        (root / target).write_text(said.getvalue(), encoding="utf-8")


def make(words, root):
    """Making would install and test all over again: the target has to be there."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {word for word in words if "=" not in word} <= targets


def pip(words, root):
    """An install needs a package index: the extras it names have to be there."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = {extra for word in words for group in re.findall(r"\[(.+)\]", word) for extra in group.split(",")}
    assert words[0] == "install"
    assert named <= extras.keys()


def sbatch(words, root):
    """There is no SLURM here: the script has to be one that bash can read; another test runs it."""
    script = next(word for word in words if not word.startswith("-"))
    assert subprocess.run(["bash", "-n", script], cwd=root, check=False).returncode == 0


def real(program: str) -> Callable:
    def execute_(words, root):
        done = subprocess.run([program, *words], cwd=root, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    return execute_


def elsewhere(words, root):
    """It goes to another machine, or asks git, which the sandbox is not in."""


OTHERS = {
    "make": make, "pip": pip, "python": real(sys.executable), "sbatch": sbatch,
    "cp": real("cp"), "mkdir": real("mkdir"), "git": elsewhere, "rsync": elsewhere, "ray": elsewhere,
}  # fmt: skip


@pytest.mark.parametrize("page", sorted({block.page for block in ALL if block.language in ("console", "python")}))
def test_a_page_runs_from_top_to_bottom(page, fresh, capsys):
    """Its commands and its Python, one block after the other, as a reader would."""
    sys.modules[f"{_PLUGIN}page"] = module = ModuleType(f"{_PLUGIN}page")
    for block in (block for block in ALL if block.page == page):
        try:
            if block.language == "console":
                for words in commands(block.text):
                    execute(words, fresh)
            elif block.language == "python":
                capsys.readouterr()
                exec(compile(block.text, str(block), "exec"), vars(module))
                said = capsys.readouterr().out
                assert [claim for claim in _SAID.findall(block.text) if claim not in said] == []
        except BaseException as error:
            error.add_note(f"in {block}")
            raise


@pytest.mark.parametrize("block", of("yaml"))
def test_configs_are_configs(block, fresh):
    (fresh[0] / "block.yaml").write_text(block.text)
    caption_zoo(["check", "block.yaml"], fresh[0])


@pytest.mark.parametrize("block", of("toml"))
def test_toml_says_what_is_read(block):
    content = tomllib.loads(block.text)
    groups = content.get("project", {}).get("entry-points", {})
    assert set(groups) <= {*(registry.group for registry in REGISTRIES), models.GROUP}
    settings = content.get("tool", {}).get("pytest", {}).get("ini_options", {})
    assert set(settings) <= {"caption_zoo_contracts"}
    assert groups or settings


@pytest.mark.parametrize("block", of("json"))
def test_json_is_json(block):
    json.loads(block.text)


def test_nothing_is_left_out():
    """A block in a new language is run by a new test, or is plain text."""
    run_here = {"console", "python", "yaml", "toml", "json"}
    sphinx_runs = {"{toctree}", "{literalinclude}", "{raw}", "{include}", "{eval-rst}", "{image}", "{figure}"}
    strangers = [str(block) for block in ALL if block.language.split(" ")[0] not in {*run_here, *sphinx_runs, "text"}]
    assert strangers == []
    for block in ALL:
        if block.language == "text":
            assert "caption-zoo " not in block.text, f"{block} has a command, which nothing runs: call it console"


def test_what_does_not_work_is_found(fresh):
    for text in ("caption-zoo lst", "caption-zoo show attention bahdanu", "make coffee", "curl example.org", "cp a b",
                 "sbatch none.sbatch", "pip install '.[none]'"):  # fmt: skip
        with pytest.raises(AssertionError):
            execute(shlex.split(text), fresh)


def test_only_known_commands_are_merely_parsed():
    assert set(PARSED_ONLY) <= set(COMMANDS)


def test_no_stand_in_is_left_over():
    asked = {words[0] for block in ALL if block.language == "console" for words in commands(block.text)}
    assert set(OTHERS) <= asked


def test_the_jobs_for_slurm_run_what_they_should(fresh):
    """The scripts under a bash whose `caption-zoo` notes what it is asked; then those commands are run."""
    root = fresh[0]
    notes, stand_in = root / "asked.txt", root / "bin" / "caption-zoo"
    stand_in.parent.mkdir()
    programs = {
        "caption-zoo": f'printf "%s\\n" "$(printf "%q " "$@")" >> {notes}',
        "srun": '[ "$MASTER_ADDR" = first ] && "$@"',
        "scontrol": "echo first; echo second",
    }
    for name, does in programs.items():
        (stand_in.parent / name).write_text(f"#!/bin/bash\n{does}\n")
        (stand_in.parent / name).chmod(0o755)
    for script in sorted((ROOT / "docs" / "examples").glob("*.sbatch")):
        for task in ("0", "1"):
            where = {"PATH": f"{stand_in.parent}:{os.environ['PATH']}", "SLURM_CPUS_PER_TASK": "1", "HOME": str(root)}
            where |= {"SLURM_JOB_NODELIST": "first,second", "SLURM_JOB_NUM_NODES": "2"}
            told = {"SLURM_ARRAY_TASK_ID": task, "SLURM_SUBMIT_DIR": str(root), "SLURM_JOB_ID": "7", **where}
            done = subprocess.run(["bash", script], cwd=root, env=told, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
    asked = [shlex.split(line) for line in notes.read_text().splitlines()]
    assert {words[0] for words in asked} == {"run"}
    assert len({tuple(words) for words in asked}) == 3  # two seeds of the array, and both nodes
    for words in asked:
        caption_zoo([*words, "--dry-run"], root)
