"""The templates of page and cards: HTML files in `leaderboard/templates`, into which Python puts plain values.

Every value is cleaned and escaped on its way into a page, whichever template puts it there;
only `Markup`, which templates themselves make, passes as it is.
"""

import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.ext import Extension
from markupsafe import Markup

from zoo.markup import html, visible

_FOLDER = Path(__file__).parents[1] / "templates"


class _Dedent(Extension):
    """Indentation is for whoever edits a template; it does not reach the page."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        return re.sub(r"\n[ \t]+", "\n", source)


def _finalize(value: object) -> object:
    """The one filter of all text: what is not seen but acts becomes U+FFFD. Escaping comes after it."""
    return value if isinstance(value, Markup) else visible(str(value))


def breakable(value: object) -> Markup:
    """Text that may break between the words of a name."""
    return Markup(re.sub(r"(?<=[_/+,|])(?=.)|(?<=.)(?=\()", "<wbr>", html(value)))


def px(value: float) -> str:
    """A length in a drawing, to a tenth."""
    return f"{value:.1f}"


def lines(value: str) -> Markup:
    """Text of several lines, each cleaned by itself."""
    return Markup("\n").join(visible(line) for line in value.split("\n"))


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        extensions=[_Dedent],
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {"breakable": breakable, "lines": lines, "px": px}
    return environment


_ENVIRONMENT = _environment()


def render(name: str, /, **values: Any) -> Markup:
    """The template `name` with `values` in it, which other templates take as it is."""
    return Markup(_ENVIRONMENT.get_template(name).render(values))
