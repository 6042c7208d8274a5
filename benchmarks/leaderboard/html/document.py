"""The shell of every page: one HTML file that asks nobody for anything."""

from base64 import b64encode
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from markupsafe import Markup

from benchmarks.leaderboard.html.templates import render

_STATIC = Path(__file__).parents[1] / "static"


def document(template: str, *, style: str, script: str, **values: Any) -> str:
    """An HTML document of `template`, which extends document.html, with `values` in its blocks.

    Its policy allows its own style and script, and images that lie in it.
    """
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    own = {"policy": policy, "style": Markup(style), "script": Markup(script)}
    return f"{render(template, **own, **values)}\n"


@lru_cache(8)
def text_of(*names: str) -> str:
    """The style sheets or scripts of these names, one after the other."""
    return "".join((_STATIC / name).read_text(encoding="utf-8") for name in names)


@lru_cache(8)
def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
