"""The notebook of the documentation: it runs from top to bottom, and shows what it is kept with."""

import re
import runpy
from pathlib import Path

import nbformat
import pytest

DOCS = Path(__file__).parents[1] / "docs"
KEPT = nbformat.read(DOCS / "tour.ipynb", as_version=4)
_KIB = 200


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The notebook after a run, and the folder of that."""
    folder = tmp_path_factory.mktemp("tour")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        return runpy.run_path(str(DOCS / "tour.py"))["executed"](folder), folder


def outputs(notebook):
    """By cell: what kind each output is, and its text without figures and pictures, which depend on the machine."""
    return {cell.id: [_alike(cell.id, each) for each in cell.outputs] for cell in notebook.cells if "outputs" in cell}


def _alike(cell, output):
    forms = output.get("data", {"text": output.get("text", "")})
    if cell in ("explain", "captions"):  # the words of a model that has learned little
        return sorted(forms)
    figures = r"[\d.–]+(?: threads?\b)?"  # of a machine with one thread it is "1 thread"
    texts = {form: "" if form.startswith("image/") else re.sub(figures, "#", text) for form, text in forms.items()}
    return {form: sorted(re.split(r"[\n<>]+", text)) for form, text in texts.items()}  # whichever row is above


def test_it_shows_what_it_is_kept_with(run):
    assert outputs(run[0]) == outputs(KEPT)


def test_the_table_says_what_it_rests_on(run):
    for notebook in (KEPT, run[0]):
        (table,) = [cell.outputs[0].data["text/html"] for cell in notebook.cells if cell.id == "leaderboard"]
        assert "Synthetic scenes, not photographs" in table
        assert table.count(" to ") >= 2  # intervals
        assert "plug-in nearest.py" in table


def test_each_word_has_its_map(run):
    for notebook in (KEPT, run[0]):
        (shown,) = [cell.outputs[0].data["text/html"] for cell in notebook.cells if cell.id == "explain"]
        words = re.search(r"<b>(.+?)</b>", shown)[1].split()
        assert words
        assert shown.count('<img src="data:image/jpeg;base64,') == 1 + len(words)


def test_a_plugin_file_is_left_by_which_the_run_can_be_repeated(run):
    (file,) = run[1].glob("runs/plugins/*/nearest.py")
    assert "class Nearest(ScoreAttention)" in file.read_text()
    assert "benchmarks.run" not in file.read_text()


def test_what_is_kept_is_small_and_says_nothing_of_a_machine():
    text = (DOCS / "tour.ipynb").read_text()
    assert len(text) < _KIB << 10
    assert not re.search(r"/(home|tmp|root|work|Users)/", text)
    assert KEPT.metadata == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    counts = [cell.execution_count for cell in KEPT.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))
