"""Parts that are written in a notebook or a script: cut out as files that hold all they need and nothing else."""

import subprocess
import sys

import pytest
from notebooks import HELPER, IMPORTS, PART, WIDTH, opened

from benchmarks import Experiment, Matrix
from benchmarks.plan.notebook import notebook_plugins
from registry import RegistryError
from registry.cells import plugin_text
from zoo.registries import ATTENTIONS

CHECK = """
import sys
from registry import load_plugin
from zoo.contracts import check

load_plugin(sys.argv[1])
print([problem for _, problem in check("attention", "noted") if problem])
"""


@pytest.fixture
def notebook(monkeypatch):
    yield from opened(monkeypatch)


def test_what_is_cut_out_is_what_it_uses_and_no_more(notebook):
    notebook.run(IMPORTS, "training = print", WIDTH, HELPER, PART, "training()")
    text = plugin_text(ATTENTIONS, "noted")
    assert text.splitlines()[2:] == [
        "from torch import nn", "from zoo.attention import ATTENTIONS", "from zoo.attention import ScoreAttention",
        "", "", WIDTH, "", "", *HELPER.splitlines(), "", "", *PART.strip().splitlines(),
    ]  # fmt: skip


def test_another_process_can_build_it(notebook, tmp_path):
    notebook.run(IMPORTS, WIDTH, HELPER, PART)
    file = tmp_path / "noted.py"
    file.write_text(plugin_text(ATTENTIONS, "noted"))
    done = subprocess.run([sys.executable, "-c", CHECK, file], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_order_of_cells_and_how_imports_are_grouped_change_nothing(notebook):
    notebook.run(IMPORTS, WIDTH, HELPER, PART)
    text = plugin_text(ATTENTIONS, "noted")
    notebook.run("from torch import nn", HELPER, WIDTH)
    assert plugin_text(ATTENTIONS, "noted") == text


def test_a_cell_that_was_edited_counts_whatever_its_class_is_called_now(notebook):
    notebook.run(IMPORTS, WIDTH, HELPER, PART, PART.replace("Noted", "Renamed"))
    text = plugin_text(ATTENTIONS, "noted")
    assert "class Renamed" in text
    assert "class Noted" not in text
    assert ATTENTIONS["noted"] is notebook.names["Renamed"]
    notebook.run("WIDTH = 16")
    assert "WIDTH = 16" in plugin_text(ATTENTIONS, "noted")


def test_in_a_script_two_of_one_name_are_a_mistake(notebook):
    notebook.names["__file__"] = "train.py"
    with pytest.raises(RegistryError, match="already"):
        notebook.run(IMPORTS, WIDTH, HELPER, PART, PART.replace("Noted", "Renamed"))


def test_a_part_that_another_one_builds_on_is_not_registered_by_its_file(notebook):
    notebook.run(IMPORTS, WIDTH, HELPER, PART, '@ATTENTIONS.register("other")\nclass Other(Noted):\n    """Another."""')
    text = plugin_text(ATTENTIONS, "other")
    assert "class Noted" in text
    assert 'register("noted")' not in text
    assert text.count("register(") == 1


def test_a_call_registers_as_a_decorator_does(notebook):
    plain = PART.replace('@ATTENTIONS.register("noted")\n', "")
    notebook.run(IMPORTS + "\nimport zoo.registries", WIDTH, HELPER, 'NAME = "noted"', plain)
    notebook.run("zoo.registries.ATTENTIONS.register(NAME)(Noted)")
    text = plugin_text(ATTENTIONS, "noted")
    assert text.endswith("zoo.registries.ATTENTIONS.register(NAME)(Noted)\n")
    assert "\nimport zoo.registries\n" in text


def test_a_script_is_one_long_cell(notebook, tmp_path):
    script = tmp_path / "train.py"
    script.write_text(f"{IMPORTS}\n{WIDTH}\n{HELPER}\n{PART}\nprint('trained')\n")
    del notebook.names["get_ipython"]
    notebook.names["__file__"] = str(script)
    notebook.run(script.read_text())
    text = plugin_text(ATTENTIONS, "noted")
    assert "class Noted" in text
    assert "trained" not in text


@pytest.mark.parametrize(
    ("cells", "wrong"),
    [
        ([IMPORTS, HELPER, "exec('WIDTH = 8')", PART], "attention 'noted' uses 'WIDTH', which no cell's"),
        ([IMPORTS, HELPER, WIDTH, f"exec({PART!r})"], 'by @ATTENTIONS.register("noted"), outside of loops and magics'),
    ],
)
def test_what_no_text_shows_is_refused_with_a_remedy(notebook, cells, wrong):
    notebook.run(*cells)
    with pytest.raises(RegistryError) as refused:
        plugin_text(ATTENTIONS, "noted")
    assert wrong in str(refused.value)
    assert "in a file of its own" in str(refused.value)


def test_an_experiment_gets_the_parts_that_it_names(notebook, tmp_path):
    notebook.run(IMPORTS, WIDTH, HELPER, PART)
    named = Experiment("scenes", Matrix("patches", ["mean", "local(score='noted')"]))
    (file,) = notebook_plugins(named, tmp_path)
    assert file.read_text() == plugin_text(ATTENTIONS, "noted")
    assert (file.parents[1], file.name) == (tmp_path / "plugins", "noted.py")
    assert list(notebook_plugins(named, tmp_path)) == [file]
    assert list(notebook_plugins(Experiment("scenes", Matrix("patches", "mean")), tmp_path)) == []
    notebook.run("WIDTH = 16")
    (edited,) = notebook_plugins(named, tmp_path)
    assert edited != file
    assert file.is_file()
