"""What shells complete: asked of the program, and of bash, zsh and fish themselves, with TAB pressed."""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from forking import caption_zoo
from sources import PYTHONPATH

from benchmarks.cli.main import COMMANDS, main
from zoo.models import names
from zoo.registries import ATTENTIONS

ROOT = Path(__file__).parents[1]
KINDS = ["backbone", "attention", "decoder", "dataset", "metric", "objective", "logger"]
AS_FISH = {
    "_ARGCOMPLETE": "1",
    "_ARGCOMPLETE_SHELL": "fish",
    "_ARGCOMPLETE_IFS": "\n",
    "_ARGCOMPLETE_DFS": "\t",
    "_ARGCOMPLETE_SUPPRESS_SPACE": "1",
}
FILES = ["a.file"]
PATIENCE = 60  # seconds until a shell that says nothing is given up


@pytest.fixture
def offered(tmp_path):
    """What the program offers after some words, with what each means, where the only file is ``a.file``."""
    (tmp_path / "cwd").mkdir()
    (tmp_path / "cwd" / "a.file").touch()

    def ask(*words, **more):
        line, found = " ".join(["caption-zoo", *words]), tmp_path / "found"
        asked = {"COMP_LINE": line, "COMP_POINT": str(len(line)), "_ARGCOMPLETE_STDOUT_FILENAME": str(found)}
        environment = {**os.environ, **AS_FISH, **asked, **more}
        ended = caption_zoo(folder=tmp_path / "cwd", environment=environment).end(PATIENCE)
        assert ended[:2] == (0, "")
        return dict(line.split("\t") for line in found.read_text().splitlines())

    return ask


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["li"], ["list"]),
        (["--v"], ["--version"]),
        (["list", ""], [*KINDS, "pretrained"]),
        (["run", "configs/quickstart.yaml", "--logger", ""], ["csv", "tensorboard", "wandb"]),
        (["list", "attention", ""], []),
        (["list", "attention", "--fi"], ["--filter"]),
        (["list", "--filter", "a"], FILES),
        (["show", "att"], ["attention"]),
        (["show", "decoder", "tr"], ["transformer"]),
        (["show", "backbone", "tim"], ["timm/"]),
        (["show", "--plugin", "show.py", "metric", "cid"], ["cider"]),
        (["show", "nonsense", "l"], []),
        (["check", "a"], ["attention-check", "attention", *FILES]),
        (["check", "attention", "bah"], ["bahdanau"]),
        (["check", "a.yaml", "--decoder", "gr"], ["gru"]),
        (["run", "a"], ["attention-check", *FILES]),
        (["run", "quick"], ["quickstart"]),
        (["run", "--config", "quick"], ["quickstart"]),
        (["check", "own"], ["own-images"]),
        (["configs", "tut"], ["tutorial"]),
        (["examples", "gau"], ["gaussian.py"]),
        (["run", "a.yaml", "--attention", "luo"], ["luong"]),
        (["run", "--attention=luo"], ["--attention=luong"]),
        (["run", "--attention", "lu", "|", "caption-zoo", "sho"], ["show"]),
        (["run", "a.yaml", "--attention", "mean", "--backb"], ["--backbone"]),
        (["run", "a.yaml", "--dataset", "sc"], ["scenes"]),
        (["run", "a.yaml", "--training.precision", ""], ["float32", "tf32", "bfloat16"]),
        (["run", "a.yaml", "--training.hflip", ""], ["true", "false"]),
        (["run", "a.yaml", "--dry-run", "--o"], ["--out"]),
        (["reproduce", "RECORD", "--dataset", "fol"], ["folder"]),
        (["export", "runs/ID", "--format", ""], ["huggingface", "onnx"]),
        (["caption", "runs/ID", "a"], FILES),
        (["completion", ""], ["bash", "zsh", "fish"]),
    ],
)
def test_what_can_stand_there_is_offered(offered, words, expected):
    assert list(offered(*words)) == expected


def test_commands_and_names_are_those_that_are_listed_with_what_they_do(offered, tmp_path):
    assert offered("") == COMMANDS
    for kind in KINDS:
        said = offered("show", kind, "")
        code, stdout, _ = caption_zoo("list", kind, folder=tmp_path).end(PATIENCE)
        assert code == 0
        listed = dict(re.split(" {2,}", line, maxsplit=1) for line in stdout.splitlines())
        assert {name.rstrip("/"): " ".join(what.split()) for name, what in said.items()} == listed


def test_what_has_variants_ends_where_one_has_to_follow(offered):
    assert [name for kind in KINDS for name in offered("show", kind, "") if not name.isidentifier()] == [
        "timm/",
        "torchvision/",
    ]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_that_help_tells_of_is_offered(capsys, offered, command):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    told = set(re.findall(r"^ {2}(?:-h, )?(--[\w.-]+)", capsys.readouterr().out, re.MULTILINE))
    assert "--help" in told
    assert set(offered(command, "--")) >= told
    assert not [option for option in offered(command, "--") if "shtab" in option]


def test_installed_plugins_are_offered_and_names_that_a_shell_might_obey_are_not(offered, tmp_path):
    package = tmp_path / "installed" / "theirs-1.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1\n")
    names = ("near", "$(id)", "a b", "a;b")
    lines = [f"[{ATTENTIONS.group}]", *(f"{name} = no_such_module\x1b[2J:thing" for name in names)]
    (package / "entry_points.txt").write_text("\n".join(lines))
    summaries = offered("show", "attention", "", PYTHONPATH=str(package.parent))
    assert "near" in summaries
    assert "luong" in summaries
    assert [name for name in summaries if not re.fullmatch(r"\w+", name)] == []
    assert "\x1b" not in "".join(summaries.values())


def test_a_plugin_on_the_line_is_not_run(offered, tmp_path):
    plugin = tmp_path / "plugin.py"
    plugin.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    assert "luong" in offered("show", "--plugin", str(plugin), "attention", "l")
    assert "luong" in offered("run", "a.yaml", "--plugin", str(plugin), "--attention", "l")
    assert not (tmp_path / "ran").exists()


def test_another_shell_is_refused_in_one_line(capsys):
    assert main(["completion", "csh"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.fixture
def place(tmp_path):
    """A folder with a hostile file, and the environment of a shell whose caption-zoo notes what it is called with."""
    (tmp_path / "cwd").mkdir()
    (tmp_path / "cwd" / "$(touch pwned)photo.jpg").touch()
    program = tmp_path / "bin" / "caption-zoo"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\nif [ "$1" = completion ] || [ "$_ARGCOMPLETE" ]; then\n'
        f'PYTHONPATH={PYTHONPATH} exec {sys.executable} -m benchmarks.cli.main "$@"; fi\n'
        f'printf "%s\\n" "$*" >> {tmp_path}/called\n'
    )
    program.chmod(0o755)
    path = f"{program.parent}:{os.environ['PATH']}"
    yield tmp_path, {**os.environ, "PATH": path, "TERM": "dumb", "HOME": str(tmp_path), "PS1": "$ "}
    assert not (tmp_path / "cwd" / "pwned").exists()


def called(argv, place, start, lines):
    """What caption-zoo is called with when `lines` are typed into an interactive shell, TABs and all."""
    root, environment = place
    ours, theirs = pty.openpty()
    shell = subprocess.Popen(
        argv, cwd=root / "cwd", env=environment, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    seen, noted, deadline = b"", root / "called", time.monotonic() + PATIENCE
    os.write(ours, f"{start}; echo rea''dy\n".encode())
    try:
        for number in range(len(lines) + 1):
            while not (noted.exists() and noted.read_text().count("\n") == number) if number else b"ready" not in seen:
                assert time.monotonic() < deadline, seen.decode(errors="replace")
                if select.select([ours], [], [], 0.05)[0]:
                    seen += os.read(ours, 65536)
            if number < len(lines):
                os.write(ours, lines[number].encode() + b"\n")
    finally:
        shell.kill()
        shell.wait()
        os.close(ours)
        os.close(theirs)
    return noted.read_text().splitlines()


TYPED = {
    "caption-zoo sho\tatt\tbah\t": "show attention bahdanau",
    "caption-zoo run a.yaml --attention=lu\t": "run a.yaml --attention=luong",
    "caption-zoo show backbone tim\tresnet18": "show backbone timm/resnet18",
    "caption-zoo caption \\$\t": "caption $(touch pwned)photo.jpg",
    "caption-zoo caption '$(touch pwned)\t": "caption $(touch pwned)photo.jpg",
}


def installed(shell):
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed here")
    return shell


def test_bash_completes(place):
    shell = [installed("bash"), "--norc", "--noprofile", "-i"]
    start = 'eval "$(caption-zoo completion bash)"'
    assert called(shell, place, start, list(TYPED)) == list(TYPED.values())


def test_zsh_completes(place):
    start = 'autoload -Uz compinit; compinit -u -D; eval "$(caption-zoo completion zsh)"'
    typed = dict(list(TYPED.items())[:-1])  # in an open quote argcomplete's zsh completes nothing
    assert called([installed("zsh"), "-f", "-i"], place, start, list(typed)) == list(typed.values())


def test_fish_completes(place):
    def completes(line):
        script = f'caption-zoo completion fish | source; complete -C "{line}"'
        done = subprocess.run(
            [installed("fish"), "--no-config", "-c", script],
            cwd=place[0] / "cwd",
            env=place[1],
            capture_output=True,
            text=True,
            check=True,
        )
        return [found.split("\t")[0] for found in done.stdout.splitlines()]

    assert completes("caption-zoo show att") == ["attention"]
    assert completes("caption-zoo run a.yaml --attention=lu") == ["--attention=luong"]
    assert completes("caption-zoo show attention '\\$(touch pwned)'") == []
    assert sorted(completes("caption-zoo caption ")) == sorted(["$(touch pwned)photo.jpg", *names()])
