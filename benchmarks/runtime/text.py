"""Text that may come from anywhere, made fit for a terminal."""


def plain(text: str) -> str:
    """`text` in one line that any terminal can show: what cannot be printed is escaped."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
