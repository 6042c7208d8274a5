"""Run the notebook of the documentation, docs/tour.ipynb, from top to bottom, and keep what it shows.

Usage: python docs/tour.py
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parent / "tour.ipynb"
_SECONDS = 1800  # for one cell, on a machine that does much else


def executed(folder: Path) -> nbformat.NotebookNode:
    """The notebook, run in a kernel of its own in the empty `folder`, which has the cache too.

    Raises:
        CellExecutionError: a cell raised.
    """
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    place = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=_SECONDS, resources=place, record_timing=False, coalesce_streams=True).execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [_reduced(output) for output in cell.outputs if output.get("name") != "stderr"]
    notebook.metadata = {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "language_info": {"name": "python"},  # without the version, which would change with each machine
    }
    return notebook


def _reduced(output: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The output with one form of what it shows, the first of these; warnings on stderr are the machine's own."""
    forms = output.get("data", {})
    for form in ("text/html", "image/jpeg", "text/plain"):
        if form in forms:
            output.data = nbformat.NotebookNode({form: forms[form]})
            break
    return output


def main() -> int:
    """Run it, and write it with its outputs."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        notebook = executed(Path(folder))
    nbformat.validate(notebook)
    NOTEBOOK.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
    sys.stdout.write(f"{NOTEBOOK}: {time.monotonic() - began:.0f} s, {NOTEBOOK.stat().st_size >> 10} KiB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
