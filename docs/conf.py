"""Sphinx: pages in MyST Markdown, the furo theme, no network."""

from importlib.metadata import version as installed
from pathlib import Path

project = "caption-zoo"
author = "The caption-zoo authors"
copyright = author
version = release = installed("caption-zoo")

extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = "caption-zoo"
html_copy_source = False
# Files that docs/generate.py makes when there are records, and that go into the site as they are.
html_extra_path = [name for name in ["site"] if (Path(__file__).parent / name).is_dir()]
