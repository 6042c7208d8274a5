"""Words and their token ids."""

from collections import Counter
from collections.abc import Iterable, Sequence
from unicodedata import normalize

import regex

PAD, START, END, UNKNOWN = range(4)
SPECIAL = ("<pad>", "<start>", "<end>", "<unk>")

_FIRST = r"[\p{L}\p{N}_]"
_LETTER = r"[\p{L}\p{N}_\p{M}\u200c\u200d]"  # with its marks, and the joiners of Persian and Indic scripts
_CLITIC = regex.compile(rf"(?<={_LETTER})(n't|'s|'re|'ve|'ll|'d|'m)(?!{_LETTER})")
_WORD = regex.compile(rf"n't|'{_LETTER}+|{_FIRST}{_LETTER}*(?:-{_LETTER}+)*")
_IDEOGRAM = regex.compile(r"([\p{Han}\p{Hiragana}\p{Katakana}]\p{M}*)")
_MARKS = regex.compile(r"[^\P{P}\u0000-\u02ff\u2000-\u206f]")  # punctuation of other scripts than Latin


def normalise(caption: str) -> str:
    """`caption` with one spelling for what looks alike (NFC), and spaces between words of any script.

    Chinese and Japanese are cut by characters, and punctuation that English does not have is
    taken away: the scorer's tokenizer leaves both in one piece with the words beside them.
    """
    if caption.isascii():
        return caption
    return _MARKS.sub(" ", _IDEOGRAM.sub(r" \1 ", normalize("NFC", caption)))


def tokenize(caption: str) -> list[str]:
    """Lower-case words without punctuation, as the Penn Treebank splits them: "dog 's", "do n't".

    Close to the scorer's tokenizer, so that training captions match its references, and
    without Java.
    """
    return _WORD.findall(_CLITIC.sub(r" \1", normalise(caption).lower().replace("\u2019", "'")))


def has_word(caption: str) -> bool:
    """Whether `tokenize` finds a word; it takes a tenth of the time."""
    return _WORD.search(normalise(caption).replace("\u2019", "'")) is not None


class Vocabulary:
    """The words a captioner can generate, and the four special tokens.

    Args:
        words: the special tokens `SPECIAL`, then the words; a word's index is its token id.
    """

    def __init__(self, words: Sequence[str]) -> None:
        if tuple(words[: len(SPECIAL)]) != SPECIAL or len(set(words)) != len(words):
            raise ValueError(f"a vocabulary starts with {', '.join(SPECIAL)} and has no word twice")
        self.words = tuple(words)
        self._ids = {word: token for token, word in enumerate(words)}

    @classmethod
    def of(cls, captions: Iterable[str], *, min_count: int = 5) -> "Vocabulary":
        """Every word that `captions` use at least `min_count` times, in alphabetical order.

        Raises:
            ValueError: there is none.
        """
        counts = Counter(word for caption in captions for word in tokenize(caption))
        words = sorted(word for word, count in counts.items() if count >= min_count)
        if not words:
            raise ValueError(f"no word of the training captions occurs {min_count} times: lower min_count")
        return cls([*SPECIAL, *words])

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self._ids

    def encode(self, caption: str, *, max_length: int) -> list[int]:
        """Token ids between START and END; a caption longer than `max_length` is truncated and gets no END."""
        words = tokenize(caption)
        return [*self.token_ids(words[:max_length]), *([END] if len(words) <= max_length else [])]

    def token_ids(self, words: Iterable[str]) -> list[int]:
        """START, then the token id of each word, UNKNOWN for one outside the vocabulary."""
        return [START, *(self._ids.get(word, UNKNOWN) for word in words)]

    def decode(self, token_ids: Iterable[int]) -> list[str]:
        """The words up to END, without PAD and START."""
        words = []
        for token in token_ids:
            if token == END:
                break
            if token not in (PAD, START):
                words.append(self.words[token])
        return words
