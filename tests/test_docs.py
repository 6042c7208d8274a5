"""The documentation: what it points to exists, what it quotes works, what is generated is fresh."""

import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from jsonargparse import ArgumentParser

from benchmarks.cli.main import COMMANDS
from benchmarks.config import Decoding, Training

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
EXAMPLES = sorted(path for path in (ROOT / "docs" / "examples").iterdir() if path.is_file())

_LINK = re.compile(
    r"\]\(([^)\s]+)\)|\{doc\}`([^`]+)`|^:file: (\S+)|\{literalinclude\} (\S+)|\bhref=\"([^\"]+)\"", re.MULTILINE
)
_ADDRESS = re.compile(r"\]\(([a-z]+:[^)\s]*)\)|<([a-z]+:[^>\s]*)>|\bhref=\"([a-z]+:[^\"]*)\"")
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_SETTING = re.compile(r"(?<![./])\b((?:training|decoding)\.[a-z_]+)")
_QUOTED = re.compile(r"^caption-zoo .*$|`(caption-zoo [a-z][^`\n]*)`", re.MULTILINE)


def links(page):
    """Where the page's links, and the files that it takes in, should lie, each with its anchor."""
    for found in _LINK.finditer(page.read_text(encoding="utf-8")):
        target = next(filter(None, found.groups()))
        if not re.match(r"[a-z]+:|#", target):
            file, _, anchor = target.partition("#")
            path = page.parent / file.rpartition("<")[2].rstrip(">")  # {doc}`words <page>`
            if found[5] and path.name == "index.html":  # the docs build makes it of the records in that folder
                path = path.parent
            if found[2]:
                notebook = path.with_suffix(".ipynb")
                path = notebook if notebook.is_file() else path.with_suffix(".md")
            yield path, anchor


def broken(page):
    """Links that lead nowhere: no file, no heading of that name, or no address."""
    for path, anchor in links(page):
        if not path.exists() or (anchor and anchor not in anchors(path)):
            yield f"{path.name}#{anchor}" if anchor else path.name
    for address in map("".join, _ADDRESS.findall(page.read_text(encoding="utf-8"))):
        if not re.fullmatch(r"https://[a-z0-9.-]+\.[a-z]{2,}(/[^\s]*)?", address):
            yield address


def anchors(page):
    """A heading's words in lower case, with dashes between."""
    headings = re.findall(r"^#+ (.+)$", _FENCED.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands():
    """Every command that a page quotes and that is whole: those with a word in capitals for its kind are not."""
    for page in PAGES:
        for found in _QUOTED.finditer(
            re.sub(r"\\\n *", "", page.read_text(encoding="utf-8"))
        ):  # continued lines are one
            words = shlex.split(found[1] or found[0])
            if not {"COMMAND", "CONFIG", "KIND", "NAME"} & set(words):
                yield pytest.param(words[1:], id=f"{page.name}: {' '.join(words[1:])}")


def parse(words):
    """Read the arguments as the command line does; of a mere mention, the name."""
    assert words[0] in COMMANDS
    if not words[1:]:
        return
    module, parser = import_module(f"benchmarks.cli.{words[0]}"), ArgumentParser(exit_on_error=False)
    parser.parse_args(module.add_arguments(parser, words[1:]))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    assert list(broken(page)) == []


def test_a_broken_link_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# A heading, of words\n[here](page.md#a-heading-of-words), [lost](page.md#no-heading), [there](none.md), "
        "{doc}`page`, {doc}`gone`, [web](https://example.org/a), [plain](http://example.org), <https://localhost>\n"
        '<p><a href="page.html">raw</a>, <a href="board/index.html">made</a>, <a href="http://example.org/raw">'
    )
    (tmp_path / "board").mkdir()
    assert list(broken(page)) == [
        "page.md#no-heading", "none.md", "gone.md", "page.html",
        "http://example.org", "https://localhost", "http://example.org/raw",
    ]  # fmt: skip


@pytest.mark.parametrize("words", list(commands()))
def test_quoted_commands_parse(words, monkeypatch):
    monkeypatch.chdir(ROOT / "configs")  # as if all were copied
    parse(words)


def test_a_wrong_command_is_found(monkeypatch):
    monkeypatch.chdir(ROOT)
    for words in (["run", "configs/none.yaml"], ["score", "a.json"], ["list", "--fliter", "x"]):
        with pytest.raises(Exception, match=r"none\.yaml|references|fliter"):
            parse(words)


def test_every_setting_that_a_page_names_is_one():
    known = {f"training.{name}" for name in vars(Training())} | {f"decoding.{name}" for name in vars(Decoding())}
    named = {name for page in PAGES for name in _SETTING.findall(page.read_text(encoding="utf-8"))}
    assert named - known == set()
    assert "training.hflip" in named


def test_every_command_is_quoted():
    assert {param.values[0][0] for param in commands()} == set(COMMANDS)


def test_generated_pages_are_fresh():
    done = subprocess.run(
        [sys.executable, ROOT / "docs" / "generate.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.stem)
def test_examples_are_short_and_shown(example):
    longest = {"gaussian": 31, "hf_decoder": 160}  # the latter is all that another library's models need
    assert len(example.read_text(encoding="utf-8").splitlines()) <= longest.get(example.stem, 60)
    assert any(f"{{literalinclude}} examples/{example.name}" in page.read_text(encoding="utf-8") for page in PAGES)


_TEST = re.compile(r"`(test_\w+\.py)::(test_\w+)`")


def test_every_fault_has_a_test_that_is_there():
    rows = re.findall(r"^\| (\d+) \|.*$", (ROOT / "docs" / "reliability.md").read_text(), re.MULTILINE)
    assert rows == [str(number) for number in range(1, 30)]
    for line in (ROOT / "docs" / "reliability.md").read_text().splitlines():
        named = _TEST.findall(line)
        assert named or not re.match(r"\| \d", line), line
        for file, test in named:
            assert f"def {test}(" in (ROOT / "tests" / file).read_text(), (file, test)


ABOUT_A_CLONE = {
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "design.md",
    "reliability.md",
    "contributing-results.md",
}
_OF_A_CLONE = re.compile(
    r"(?<![\w./<(-])(?:configs|docs|tests|benchmarks/launch)/[\w./-]+|\bmake [a-z]+(?=`|$)", re.MULTILINE
)


def of_a_clone(page):
    """What only a clone has, and a page names in code or a command, but where the section speaks of a clone."""
    sections = re.split(r"^#+ ", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    for section in (section for section in sections if not re.search(r"\bclone\b", section)):
        for code in re.findall(r"^```(?!\{).*?^```$|`[^`\n]+`", section, re.MULTILINE | re.DOTALL):
            yield from _OF_A_CLONE.findall(code)


@pytest.mark.parametrize("page", [page for page in PAGES if page.name not in ABOUT_A_CLONE], ids=lambda page: page.name)
def test_a_page_names_no_file_that_only_a_clone_has(page):
    assert list(of_a_clone(page)) == []


def test_a_file_that_only_a_clone_has_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# One\nRun `make leaderboard`, or\n```console\ncaption-zoo run configs/a.yaml --plugin docs/b.py\n```\n"
        "[here](docs/page.md), `zoo/captioner.py`\n# Two\nIn a clone, `make test`.\n```{literalinclude} docs/c.py\n```\n"
    )
    assert list(of_a_clone(page)) == ["make leaderboard", "configs/a.yaml", "docs/b.py"]
