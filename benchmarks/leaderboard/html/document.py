"""The shell of every page: one HTML file that asks nobody for anything."""

from base64 import b64encode
from hashlib import sha256
from pathlib import Path

_STATIC = Path(__file__).parents[1] / "static"
LOGO = (
    '<svg class="logo" viewBox="0 0 32 32" aria-hidden="true">'
    '<path d="M6 3h20a4 4 0 0 1 4 4v13a4 4 0 0 1-4 4H16l-8 6v-6H6a4 4 0 0 1-4-4V7a4 4 0 0 1 4-4z"/>'
    '<path class="words" d="M8 10h16v2.6H8zM8 15.4h10V18H8z"/></svg>'
)


def document(title: str, body: str, *, style: str, script: str) -> str:
    """An HTML document whose policy allows its own style and script, and pictures that lie in it.

    `title` and `body` are HTML; whatever stands in them of records is escaped by now.
    """
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{title}</title>\n<style>{style}</style>\n</head>\n<body>\n{body}\n"
        f"<script>{script}</script>\n</body>\n</html>\n"
    )


def text_of(*names: str) -> str:
    """The style sheets or scripts of these names, one after the other."""
    return "".join((_STATIC / name).read_text(encoding="utf-8") for name in names)


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
