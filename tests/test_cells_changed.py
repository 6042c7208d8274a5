"""The text that is cut out of cells is of what the notebook has: neither other values nor other statements."""

import pytest
from notebooks import HELPER, IMPORTS, PART, WIDTH, opened

from benchmarks import Experiment, Matrix
from benchmarks.plan.notebook import notebook_plugins
from registry import Registry, RegistryError
from registry.cells import plugin_text
from zoo.registries import ATTENTIONS

SIZES = "SIZES = {'a': {'b': 8}}"
OF_SIZES = PART.replace("dim: int = WIDTH", "dim: int = SIZES['a']['b']")
SHORT = '@ATTENTIONS.register("noted")\nclass Noted(ScoreAttention):\n    """Uses {0}."""\n    def f(self): return {0}'


@pytest.fixture
def notebook(monkeypatch):
    yield from opened(monkeypatch)


def cut():
    return plugin_text(ATTENTIONS, "noted")


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("WIDTH *= 2", "WIDTH *= 2"),
        ("WIDTH = WIDTH * 2", "WIDTH = WIDTH * 2"),
        ("if torch:\n    WIDTH = 2", "if torch:"),
        ("for WIDTH in (2,): pass", "for WIDTH in (2,): pass"),
        (
            "from contextlib import nullcontext\nwith nullcontext(2) as WIDTH: pass",
            "with nullcontext(2) as WIDTH: pass",
        ),
        ("while not (WIDTH := 2): pass", "while not (WIDTH := 2): pass"),
        ("[(WIDTH := each) for each in (1, 2)]", "[(WIDTH := each) for each in (1, 2)]"),
        ("try:\n    import torch as WIDTH\nexcept ImportError: pass", "try:"),
        ("match 2:\n    case WIDTH: pass", "match 2:"),
        ("del WIDTH", "del WIDTH"),
        ("def change():\n    global WIDTH\n    WIDTH = 2\nchange()", "WIDTH = 8"),
        ("exec('WIDTH = 2')", "WIDTH = 8"),
        ("SIZES['a'] = {'b': 2}", "SIZES['a'] = {'b': 2}"),
        ("SIZES['a']['b'] = 2", "SIZES['a']['b'] = 2"),
        ("SIZES['a'].update(b=2)", "SIZES = {'a': {'b': 8}}"),
        ("Noted.score = None", "Noted.score = None"),
        ("negative_square.scale = 2", "negative_square.scale = 2"),
        ("nn.Linear = None", "nn.Linear = None"),
    ],
)
def test_a_name_that_is_changed_later_is_refused(notebook, monkeypatch, cell, shown):
    notebook.run(IMPORTS, HELPER, WIDTH, SIZES, OF_SIZES if cell.startswith("SIZES") else PART)
    cut()
    monkeypatch.setattr(notebook.names["nn"], "Linear", notebook.names["nn"].Linear)  # to be as it was afterwards
    notebook.run(cell)
    with pytest.raises(RegistryError, match=r"^attention 'noted' uses '\w+', which .*in a file of its own$") as refused:
        cut()
    assert f"`{shown}`" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "cell",
    [
        "WIDTH *= 2\nWIDTH = 8",
        "WIDTH: int",
        "SIZES[WIDTH] = WIDTH",
        "sums = [WIDTH for WIDTH in (2, 3)]\ndef f(WIDTH): WIDTH = 3\nclass Other:\n    WIDTH = 4",
        "nn.functional.scale = WIDTH",
        "last = lambda WIDTH: (nn := WIDTH)",
    ],
)
def test_what_changes_none_of_its_names_changes_nothing(notebook, cell):
    notebook.run(IMPORTS, HELPER, WIDTH, SIZES, PART)
    text = cut()
    notebook.run(cell)
    assert cut() == text


def test_a_name_for_the_type_checker_alone_need_not_be_there(notebook):
    checked = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from torch import Absent"
    notebook.run("from __future__ import annotations\n" + IMPORTS, WIDTH, HELPER, checked)
    notebook.run(
        "from __future__ import annotations\n"
        + PART.replace("def keys(self, tokens)", "def keys(self, tokens: Absent)")
    )
    assert "tokens: Absent" in cut()


@pytest.mark.parametrize("cell", ["names = [F for F in launch()]", "names = {F: 1 for F in launch()}"])
def test_variables_of_comprehensions_bind_nothing(notebook, cell):
    notebook.run(IMPORTS, "import torch.nn.functional as F", "def launch(): return ['x']", cell, SHORT.format("F.relu"))
    text = cut()
    assert "import torch.nn.functional as F\n" in text
    assert "launch" not in text


def test_nor_are_they_used(notebook):
    notebook.run(IMPORTS, "import json as F", "NAMES = [F for F in 'ab']", SHORT.format("NAMES"))
    assert "json" not in cut()


@pytest.mark.parametrize("character", ["\f", "\u2028", "\x85", "\v", "\x1c"])
def test_lines_end_where_python_ends_them(notebook, character):
    cell = f'{IMPORTS}\nMARK = "{character}"\n{WIDTH}\n\f\n{SHORT.format("MARK, WIDTH")}  # {character}\n'
    notebook.run(cell.replace("\n", "\r\n"))
    text = cut()
    assert f'\n\n\nMARK = "{character}"\n\n\n{WIDTH}\n\n\n@ATT' in text
    assert text.endswith(f"return MARK, WIDTH  # {character}\n")


def test_a_statement_is_cut_out_of_a_line_that_it_shares(notebook):
    notebook.run(IMPORTS, 'É = "é"; WIDTH = (8 +\n    1); training = print("training")', "SIZE = É, WIDTH; # both")
    notebook.run("DEPTH = 2  # layers", SHORT.format("É, WIDTH, SIZE, DEPTH"))
    text = cut()
    assert 'É = "é"\n' in text
    assert "\n\n\nWIDTH = (8 +\n    1)\n\n\n" in text
    assert "\n\n\nSIZE = É, WIDTH\n\n\n" in text
    assert "\n\n\nDEPTH = 2  # layers\n\n\n" in text
    assert "training" not in text


def test_imports_from_the_future_come_first_and_hold_for_later_cells(notebook, tmp_path):
    notebook.run("from __future__ import annotations, division\n" + IMPORTS, WIDTH, HELPER, "from PIL import Image")
    part = PART.replace("def keys(self, tokens)", "def keys(self, tokens: Later | Image)")
    notebook.run("from __future__ import annotations\n" + part)
    text = cut()
    notebook.run("from __future__ import generator_stop")
    assert cut() == text
    assert text.splitlines()[2:5] == [
        "from __future__ import annotations", "from __future__ import division", "from PIL import Image",
    ]  # fmt: skip
    compile(text, "noted.py", "exec")


def test_registries_are_told_apart_without_their_components(notebook, monkeypatch):
    notebook.names["THINGS"] = Registry("thing", home="json", name="THINGS", group="nothing")
    notebook.run(IMPORTS, WIDTH, HELPER, "class Thing: pass\nTHINGS.register('noted')(Thing)")
    notebook.run(PART.replace("@ATT", "@THINGS.register('noted2')\n@ATT"), "THINGS.register('noted')(Thing)")

    def compare(self, other):
        raise AssertionError("a mapping compares all that is in it")

    monkeypatch.setattr(Registry, "__eq__", compare)
    text = cut()
    assert "class Noted" in text
    assert "THINGS" not in text


def test_only_submodules_that_the_text_reaches_are_imported(notebook):
    notebook.run(IMPORTS, "import torch.nn", "import torch.nn.functional", SHORT.format("torch.nn.functional.relu"))
    text = cut()
    assert text.count("import torch") == 1
    assert "import torch.nn.functional\n" in text
    notebook.run("import torch", "import torch.utils.data", "import torch.nn")
    assert cut() == text
    notebook.run(SHORT.format("torch.relu, torch.utils"))
    assert "\nimport torch\n" in cut()


def test_a_script_may_begin_with_a_byte_order_mark_or_declare_its_encoding(notebook, tmp_path):
    script, text = tmp_path / "train.py", f'{IMPORTS}\nMARK = "é"\n{SHORT.format("MARK")}\n'
    del notebook.names["get_ipython"]
    notebook.names["__file__"] = str(script)
    notebook.run(text)
    script.write_text(text, encoding="utf-8-sig")
    marked = cut()
    assert 'MARK = "é"' in marked
    script.write_text(f"# -*- coding: latin-1 -*-\n{text}", encoding="latin-1")
    assert cut() == marked


@pytest.mark.parametrize(
    "experiment",
    [
        Experiment("scenes", Matrix("patches", "mean"), name="noted"),
        Experiment("scenes(noted=1)", Matrix("patches", "mean"), start_from="noted"),
    ],
)
def test_a_word_elsewhere_names_no_part(notebook, tmp_path, experiment):
    notebook.run(IMPORTS, "for WIDTH in (8,): pass", HELPER, PART)
    assert list(notebook_plugins(experiment, tmp_path)) == []


@pytest.mark.parametrize(
    "attention",
    ["noted", "local(score='noted')", "aoa(attention=\"local(score='noted')\")", "mixed(of=[1, ('noted',)])"],
)
def test_a_part_inside_options_is_found(notebook, tmp_path, attention):
    notebook.run(IMPORTS, WIDTH, HELPER, PART)
    (file,) = notebook_plugins(Experiment("scenes", Matrix("patches", ["mean", attention])), tmp_path)
    assert file.name == "noted.py"
