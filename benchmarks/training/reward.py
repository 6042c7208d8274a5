"""How good sampled captions are, for self-critical training."""

from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.metrics.bleu import Bleu
from benchmarks.metrics.cider import DocumentFrequencies, cider_d
from benchmarks.metrics.ngrams import ngrams
from zoo.vocabulary import END, SPECIAL, Vocabulary, tokenize


class Reward:
    """CIDEr-D against the training references of an image, perhaps with BLEU-4 mixed in.

    The end of a caption is a word of it, in the references too: without it, models learn to break
    off ("a man with a"). A caption that was cut at its greatest length has no end. Document
    frequencies are those of all training references, counted once. Words that the vocabulary
    lacks stay what they are, so that no mark can match them.

    Args:
        references: the training captions, by image id.
        bleu: weight of BLEU-4 (0 to 1), beside 1 for CIDEr-D (0 to 10).
    """

    def __init__(self, vocabulary: Vocabulary, references: Mapping[int, Sequence[str]], *, bleu: float = 0.0) -> None:
        self.words, self.bleu, self._bleu = vocabulary.words, bleu, Bleu()
        self.references = {
            image: [_ended(tokenize(caption)) for caption in captions] for image, captions in references.items()
        }
        self.frequencies = DocumentFrequencies(map(ngrams, captions) for captions in self.references.values())

    def __call__(self, images: Sequence[int], captions: Sequence[Sequence[Sequence[int]]]) -> np.ndarray:
        """The reward of each of K captions of each image, (B, K); captions are token ids up to END, or without one."""
        vectors = self.frequencies.vector
        rewards = np.zeros((len(images), max(map(len, captions), default=0)))
        for row, (image, sampled) in enumerate(zip(images, captions, strict=True)):
            references = self.references[image]
            texts = [" ".join([self.words[token] for token in caption]) for caption in sampled]
            against = [vectors(ngrams(reference)) for reference in references]
            rewards[row] = [cider_d(vectors(ngrams(text)), against) for text in texts]
            if self.bleu:
                prepared = self._bleu.prepare_references([references])
                scores = self._bleu.compare(texts, prepared * len(texts))["Bleu_4"]
                rewards[row] += self.bleu * np.array(scores.per_image)
        return rewards


def _ended(words: Sequence[str]) -> str:
    return " ".join([*words, SPECIAL[END]])
