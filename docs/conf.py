"""Sphinx: pages in MyST Markdown, the API from docstrings, the furo theme, no network."""

import re
from importlib.metadata import version as installed
from pathlib import Path

from benchmarks.leaderboard import write
from benchmarks.records.record import records

HERE = Path(__file__).parent

project = "caption-zoo"
author = "The caption-zoo authors"
copyright = author
version = release = installed("caption-zoo")

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the notebook has its outputs, and the tests run it
exclude_patterns = ["_build", "models"]

# The API: in the order of the source, shapes as they are written, `names` of docstrings as code.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_custom_sections = [("Options", "params_style")]
python_maximum_signature_line_length = 88


def as_rst(app, what, name, obj, options, lines):
    """Docstrings as reStructuredText: fields told line by line become a list, bars of norms no substitutions."""
    fields, told, listed = getattr(obj, "__annotations__", {}), [], False
    for line in lines:
        names, colon, text = line.partition(": ")
        if colon and set(names.split(", ")) <= set(fields):
            told += [*([] if listed else [""]), f"- `{names.replace(', ', '`, `')}`: {text}"]
            listed = True
        elif listed and line.startswith("    "):
            told.append(line[2:])
        else:
            told.append(line)
            listed = False
    lines[:] = [re.sub(r"(?<![`|])\|(?![`|])", r"\\|", line) for line in told]


def make_leaderboard(app, config):
    """The leaderboard's page and cards, made from the records and copied into the site as they are."""
    write(records(HERE / "leaderboard"), HERE / config.html_extra_path[0] / "leaderboard")


def setup(app):
    app.connect("config-inited", make_leaderboard, priority=100)  # before the path is looked at
    app.connect("autodoc-process-docstring", as_rst, priority=400)  # before napoleon


html_theme = "furo"
html_title = "caption-zoo"
html_copy_source = False
html_static_path = ["static"]
html_css_files = ["pages.css"]
html_extra_path = ["_build/extra"]
