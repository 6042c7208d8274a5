"""Text that may come from anyone, made fit for a page or a notebook: whatever it says, it stays text."""

import re
import unicodedata

from markupsafe import escape

_INVISIBLE = {"Cc", "Cf", "Cs"}  # control; format, so bidi overrides; lone surrogates, which UTF-8 cannot hold
_BREAKS = re.compile(r"[\t-\r\x1c-\x1f\x85\u2028\u2029]")


def clean(value: object) -> str:
    """`value` on one line; characters that are not seen but act become U+FFFD."""
    return visible(" ".join(str(value).split()))


def visible(text: str) -> str:
    """`text` with a space for each tab or line break; characters that are not seen but act become U+FFFD."""
    if text.isprintable():
        return text
    line = _BREAKS.sub(" ", text)
    return "".join("\ufffd" if unicodedata.category(letter) in _INVISIBLE else letter for letter in line)


def html(value: object) -> str:
    """`value` on one line as HTML text, or as the value of an attribute in quotes."""
    return str(escape(clean(value)))
