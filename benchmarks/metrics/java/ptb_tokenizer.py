"""The Penn Treebank tokenizer of the COCO caption evaluation: words as every published score counts them."""

import re
from collections.abc import Iterable

from benchmarks.metrics.java import process
from zoo.vocabulary import normalise

_JAR = "tokenizer/stanford-corenlp-3.4.1.jar"
_QUICK = "-XX:TieredStopAtLevel=1"  # it ends before Java's better compiler has paid off
# What pycocoevalcap takes away after tokenizing. Lower-casing has turned "-LRB-" and its like
# into "-lrb-" by then, so those survive; published scores count them, so must we.
_PUNCTUATION = frozenset(
    ["''", "'", "``", "`", "-LRB-", "-RRB-", "-LCB-", "-RCB-", ".", "?", "!", ",", ":", "-", "--", "...", ";"]
)
# Control characters, line and paragraph separators, halves of surrogate pairs.
_UNSPEAKABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def sanitize(caption: str) -> str:
    """`caption` with a space for each character that breaks a line for Java, or cannot be encoded.

    One such character would move every later caption to the image before its own.
    """
    return _UNSPEAKABLE.sub(" ", caption)


def tokenize(captions: Iterable[str]) -> list[str]:
    """Lower-case words of each caption, joined by spaces, without punctuation; "" where none is left.

    As pycocoevalcap 1.2 has it: emoji vanish, `cannot` becomes `can not`, and whether a
    last word keeps its dot ("no.") can depend on how the next caption begins.

    Raises:
        JavaError: there is no Java, or it failed.
    """
    lines = [sanitize(normalise(caption)) for caption in captions]
    if not lines:
        return []
    text = "".join(f"{line}\n" for line in lines)
    arguments = (
        _QUICK,
        "-cp",
        process.jar(_JAR),
        "edu.stanford.nlp.process.PTBTokenizer",
        "-preserveLines",
        "-lowerCase",
    )
    # Words may hold characters that str.splitlines() takes for the end of a line.
    *tokenized, rest = process.run(*arguments, text=text).split("\n")
    if len(tokenized) != len(lines) or rest:
        raise process.JavaError(
            f"the tokenizer gave {len(tokenized)} lines for {len(lines)} captions: scores would mix images"
        )
    return [" ".join(word for word in line.rstrip().split(" ") if word not in _PUNCTUATION) for line in tokenized]
