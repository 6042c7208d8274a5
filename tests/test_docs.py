"""The documentation: what it points to exists, what it quotes works, what is generated is fresh."""

import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from jsonargparse import ArgumentParser
from PIL import Image

from benchmarks.cli import COMMANDS
from registry import load_plugin
from zoo import checkpoint, create_model
from zoo.contracts import check
from zoo.registries import ATTENTIONS

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
EXAMPLE = ROOT / "docs" / "examples" / "gaussian.py"

_LINK = re.compile(r"\]\(([^)\s]+)\)|\{doc\}`([^`]+)`|^:file: (\S+)|\{literalinclude\} (\S+)", re.MULTILINE)
_PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_QUOTED = re.compile(r"^caption-zoo .*$|`(caption-zoo [a-z][^`\n]*)`", re.MULTILINE)


def links(page):
    """Where the page's links, and the files that it takes in, should lie."""
    for found in _LINK.finditer(page.read_text(encoding="utf-8")):
        target = next(filter(None, found.groups()))
        if not re.match(r"[a-z]+:|#", target):
            path = page.parent / target.partition("#")[0]
            yield path.with_suffix(".md") if found[2] else path


def commands():
    """Every command that a page quotes and that is whole: those with a word in capitals for its kind are not."""
    for page in PAGES:
        for found in _QUOTED.finditer(page.read_text(encoding="utf-8")):
            words = shlex.split(found[1] or found[0])
            if not {"COMMAND", "CONFIG", "KIND", "NAME"} & set(words):
                yield pytest.param(words[1:], id=f"{page.name}: {' '.join(words[1:])}")


def parse(words):
    """Read the arguments as the command line does; of a mere mention, the name."""
    assert words[0] in COMMANDS
    if not words[1:]:
        return
    module, parser = import_module(f"benchmarks.commands.{words[0]}"), ArgumentParser(exit_on_error=False)
    parser.parse_args(module.add_arguments(parser, words[1:]))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    assert [str(path) for path in links(page) if not path.exists()] == []


def test_a_broken_link_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("[here](page.md#top), [there](none.md), {doc}`page`, {doc}`gone`, [web](https://example.org)")
    assert [path.name for path in links(page) if not path.exists()] == ["none.md", "gone.md"]


@pytest.mark.parametrize("words", list(commands()))
def test_quoted_commands_parse(words, monkeypatch):
    monkeypatch.chdir(ROOT)
    parse(words)


def test_a_wrong_command_is_found(monkeypatch):
    monkeypatch.chdir(ROOT)
    for words in (["run", "configs/none.yaml"], ["score", "a.json"], ["list", "--fliter", "x"]):
        with pytest.raises(Exception, match=r"none\.yaml|references|fliter"):
            parse(words)


def test_every_command_is_quoted():
    assert {param.values[0][0] for param in commands()} == set(COMMANDS)


@pytest.mark.parametrize("page", ["python.md", "attention-maps.md"])
def test_the_pages_in_python_run_as_they_stand(tmp_path, page):
    (tmp_path / "runs" / "ID").mkdir(parents=True)
    model = create_model("patches(dim=8)", "multihead(num_heads=2)", "lstm(dim=8)", vocabulary=["cat"])
    checkpoint.save(model, tmp_path / "runs" / "ID", weights=model.backbone.load_pretrained())
    Image.new("RGB", (40, 30)).save(tmp_path / "photo.jpg")
    code = "\n".join(_PYTHON.findall((ROOT / "docs" / page).read_text(encoding="utf-8")))
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for said in re.findall(r"print\(.*\)  # (.*) \.\.\.$", code, re.MULTILINE):
        assert said in done.stdout


def test_generated_pages_are_fresh():
    done = subprocess.run(
        [sys.executable, ROOT / "docs" / "generate.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_example_keeps_the_contracts(monkeypatch):
    monkeypatch.setattr(ATTENTIONS, "_factories", dict(ATTENTIONS._factories))  # other tests need not know of it
    module = load_plugin(EXAMPLE)
    try:
        assert {contract: problem for contract, problem in check("attention", "gaussian") if problem} == {}
    finally:
        del sys.modules[module.__name__]


def test_the_example_is_short():
    assert len(EXAMPLE.read_text(encoding="utf-8").splitlines()) <= 31
